"""NT-Xent: two views of the same captures in one modality, all other views as negatives."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from xmodal_pipeline.losses.cosine import Temperature, check_temperature, relative_logits, unit_rows


def nt_xent(view_a: Tensor, view_b: Tensor, temperature: Temperature) -> Tensor:
    """Normalised-temperature cross entropy over the 2N views of N captures.

    Row i of both inputs is one capture. Each view is to be told from the 2N − 2 views of other captures
    by its similarity to the other view of its own.

    Args:
        view_a: (batch, dim) projections of the first view, any scale (normalised here).
        view_b: (batch, dim) projections of the second view, same row order.
        temperature: divides cosine similarities; unitless, above zero; a scalar tensor gets a gradient.

    Returns:
        Mean over all 2N views, in nats; ln(2N − 1) when all projections coincide.

    Raises:
        ValueError: if the temperature is not positive and finite, the shapes differ, or N < 2.

    References:
        SimCLR, arXiv:2002.05709, equation 1 and algorithm 1.
    """
    check_temperature(temperature, where="nt_xent")
    return nt_xent_mean(view_a, view_b, temperature)


def nt_xent_mean(view_a: Tensor, view_b: Tensor, temperature: Temperature) -> Tensor:
    """`nt_xent` for a temperature known to be positive: reads no value back from the device.

    Args:
        view_a: (batch, dim).
        view_b: (batch, dim), same row order.
        temperature: positive.
    """
    with torch.autocast(view_a.device.type, enabled=False):
        views = torch.cat(unit_rows(view_a, view_b, where="nt_xent"))
        partner = torch.arange(len(views), device=views.device).roll(len(view_a))
        logits = relative_logits(views @ views.T, partner, temperature)
        itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
        # A view is no candidate for its own partner: exp(-inf) = 0. Masked after the division, through
        # which the gradient of the temperature would become 0 times infinity.
        return cross_entropy(logits.masked_fill(itself, float("-inf")), partner)
