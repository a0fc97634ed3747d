"""The joint term of CoMM: each modality's own embedding against the fused embedding of the other view."""

import torch
from torch import Tensor

from xmodal_pipeline.losses.cosine import Temperature
from xmodal_pipeline.losses.nt_xent import nt_xent_mean


def comm_mean(first: dict[str, Tensor], second: dict[str, Tensor], temperature: Temperature) -> Tensor:
    """Mean over embeddings e of ½ [NT-Xent(e₁, joint₂) + NT-Xent(e₂, joint₁)], the index being the view.

    The embeddings are each modality alone through the fusion, and the joint itself. A part of the signal
    that only one modality holds, or only both together, can be matched to the fused embedding of the
    other view; the cross-modal loss would discard it.

    Args:
        first: (batch, dim) projections of the first view: one entry per modality, and `joint`.
        second: the same of the second view, same keys and row order.
        temperature: positive.

    Returns:
        In nats; ln(2N − 1) when all projections coincide.

    References:
        Dufumier et al., What to align in multimodal contrastive learning?, ICLR 2025, arXiv:2409.07402,
        equation 4; the joint embedding counts as one of the embeddings, as in the authors' code.
    """
    losses = [
        (
            nt_xent_mean(first[name], second["joint"], temperature)
            + nt_xent_mean(second[name], first["joint"], temperature)
        )
        / 2
        for name in first
    ]
    return torch.stack(losses).mean()
