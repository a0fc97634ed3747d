"""Symmetric InfoNCE between the modalities: find the UV of this RGB, and the reverse."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from xmodal_pipeline.losses.cosine import Temperature, check_temperature, relative_logits, unit_rows


def cross_modal_nce(rgb: Tensor, uv: Tensor, temperature: Temperature) -> Tensor:
    """InfoNCE between two row-aligned sets of projections, mean of both directions.

    Row i of both inputs is one capture; the other rows of the other modality are its negatives.

    Args:
        rgb: (batch, dim) projections of one modality, any scale (normalised here).
        uv: (batch, dim) projections of the other, same row order.
        temperature: divides cosine similarities; unitless, above zero; a scalar tensor gets a gradient.

    Returns:
        Mean over both directions and all rows, in nats; ln N when all projections coincide.

    Raises:
        ValueError: if the temperature is not positive and finite, the shapes differ, or N < 2.

    References:
        CLIP, arXiv:2103.00020, figure 3. Differs: divides by a temperature, where CLIP multiplies by its
        inverse.
    """
    check_temperature(temperature, where="cross_modal_nce")
    return cross_modal_mean(rgb, uv, temperature)


def cross_modal_mean(rgb: Tensor, uv: Tensor, temperature: Temperature) -> Tensor:
    """`cross_modal_nce` for a temperature known to be positive: reads no value back from the device.

    Args:
        rgb: (batch, dim).
        uv: (batch, dim), same row order.
        temperature: positive.
    """
    with torch.autocast(rgb.device.type, enabled=False):
        rgb, uv = unit_rows(rgb, uv, where="cross_modal_nce")
        cosines = rgb @ uv.T
        match = torch.arange(len(rgb), device=rgb.device)
        rgb_to_uv = cross_entropy(relative_logits(cosines, match, temperature), match)
        uv_to_rgb = cross_entropy(relative_logits(cosines.T, match, temperature), match)
        return (rgb_to_uv + uv_to_rgb) / 2
