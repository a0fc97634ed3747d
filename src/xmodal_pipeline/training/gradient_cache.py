"""Exact large batches in little memory: chunks of a batch are encoded twice, the loss sees all of them.

GradCache caches the gradient of the loss for every representation, then encodes chunk by chunk again and
passes the cached gradients on. Autograd does just that where every chunk is a checkpoint: the loss goes
backwards once, to the features of all chunks; then each chunk is encoded again under the random state that
it had, passed through, and freed before the one before it.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from xmodal_pipeline.models.fusion import FusedFeatures, Fusion

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def encode_in_chunks(fusion: Fusion, rgb: Tensor, uv: Tensor, *, alone: bool, chunks: int) -> FusedFeatures:
    """Features of a batch, of which no more than one chunk's activations are alive at a time.

    Batch statistics are those of each chunk.

    Args:
        fusion: the strategy, with its encoders.
        rgb: (batch, bands, height, width).
        uv: the same for UV, same rows.
        alone: as `Fusion.forward` takes it.
        chunks: number of chunks; sizes differ by one row at most.

    References:
        Gao et al. 2021, Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup,
        arXiv:2101.06983. Differs: heads belong to the loss's side, and there is one call of backward, so that
        a learnt temperature gets its gradient once and data-parallel processes meet once.
    """
    parts: list[FusedFeatures] = [
        checkpoint(fusion, *part, alone=alone, use_reentrant=False)
        for part in zip(rgb.tensor_split(chunks), uv.tensor_split(chunks), strict=True)
    ]
    features, alones = (
        {name: torch.cat([part[field][name] for part in parts]) for name in parts[0][field]}
        for field in (0, 1)
    )
    return FusedFeatures(features, alones)


class BatchStatistics:
    """Running averages of batch norms, kept over a backward pass that repeats forward passes.

    A chunk or a checkpointed block that runs again must normalise by its rows as before, but they have been
    counted: every capture moves the averages once.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[Tensor, Tensor]] = []

    def keep(self, model: nn.Module) -> None:
        """Remember the averages before the backward pass."""
        norms = _batch_norms(model)
        self._kept = [(buffer, buffer.clone()) for norm in norms for buffer in norm.buffers(recurse=False)]

    def restore(self) -> None:
        """Put them back after it."""
        for buffer, kept in self._kept:
            buffer.copy_(kept)
        self._kept = []


def has_batch_statistics(model: nn.Module) -> bool:
    """Whether a row's output in training depends on the other rows."""
    return any(True for _ in _batch_norms(model))


def _batch_norms(model: nn.Module) -> Iterator[nn.Module]:
    return (module for module in model.modules() if isinstance(module, _BATCH_NORMS))
