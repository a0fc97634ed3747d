"""Random changes of brightness, colour, sharpness and noise, on unit values inside the mask.

Nothing is clipped: calibrated reflectance above 1 or below 0 is data. RGB colour changes are one matrix per
capture: kornia's hue goes through HSV at fifty times the cost; its contrast averages over the background too.
"""

import math

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from xmodal_pipeline.params.train import ReflectancePhotometryParams, RGBPhotometryParams, UVPhotometryParams

_LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G, B in grey: ITU-R BT.601."""


def around(uniforms: Tensor, spread: float) -> Tensor:
    """Stretch [0, 1) to 1 ± spread.

    Args:
        uniforms: any shape, in [0, 1).
        spread: largest distance from 1.
    """
    return 1 + spread * (2 * uniforms - 1)


def between(uniforms: Tensor, limits: tuple[float, float]) -> Tensor:
    """Stretch [0, 1) to the given limits.

    Args:
        uniforms: any shape, in [0, 1).
        limits: lower and upper.
    """
    return limits[0] + uniforms * (limits[1] - limits[0])


def colour_matrices(params: RGBPhotometryParams, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    """Draw brightness, saturation, hue and greyscale as one matrix, and contrast beside it.

    Args:
        params: ranges of the draws.
        uniforms: (captures, 5): brightness, contrast, saturation, hue, greyscale.

    Returns:
        (captures, 3, 3) matrices for the bands, and (captures,) contrasts about the mean of the specimen.
    """
    brightness, contrast, saturation, hue, grey = uniforms.unbind(1)
    identity, luma = torch.eye(3), torch.tensor(_LUMA).expand(3, 3)
    colour = (around(saturation, params.saturation) * (grey >= params.greyscale))[:, None, None]
    mixed = luma + colour * (identity - luma)
    matrices = mixed @ _hue_rotation((2 * hue - 1) * params.hue)
    return around(brightness, params.brightness)[:, None, None] * matrices, around(contrast, params.contrast)


def _hue_rotation(turns: Tensor) -> Tensor:
    """Rotate colours about the grey axis (Rodrigues' formula), which leaves grey as it is."""
    angle = (2 * math.pi * turns)[:, None, None]
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    return angle.cos() * torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) * torch.full((3, 3), 1 / 3)


def jitter_rgb(rgb: Tensor, mask: Tensor, params: RGBPhotometryParams, uniforms: Tensor) -> Tensor:
    """Change colour and sharpness of uncalibrated RGB.

    Args:
        rgb: (captures, 3, side, side), unit scale, background 0.
        mask: (captures, 1, side, side), 0 or 1.
        params: ranges of the draws.
        uniforms: (captures, 16).
    """
    matrices, contrast = (drawn.to(rgb.device) for drawn in colour_matrices(params, uniforms[:, :5]))
    contrast = contrast[:, None, None]
    pixels = rgb.flatten(2)
    area = mask.sum(dim=(1, 2, 3)).clamp(min=1)[:, None, None]
    # Contrast c about the specimen's mean m after the colour change is c·x + (1 − c)·m, m being linear.
    mean = (matrices @ (pixels.sum(dim=2, keepdim=True) / area)).mean(dim=1, keepdim=True)
    jittered = torch.baddbmm((1 - contrast) * mean, contrast * matrices, pixels).reshape(rgb.shape)
    return blur(jittered, mask, params.blur, params.blur_sigma, uniforms[:, 5:7])


def jitter_uv(
    uv: Tensor, mask: Tensor, params: UVPhotometryParams, uniforms: Tensor, noise: Tensor
) -> Tensor:
    """Change level, gamma, sharpness and noise of uncalibrated UV; all bands share each draw.

    Args:
        uv: (captures, bands, side, side), unit scale.
        mask: (captures, 1, side, side), 0 or 1.
        params: ranges of the draws.
        uniforms: (captures, 16).
        noise: (captures, 1, side, side) standard normal.
    """
    gain = around(uniforms[:, 0], params.gain).to(uv.device)[:, None, None, None]
    gamma = between(uniforms[:, 1], params.gamma).to(uv.device)[:, None, None, None]
    # Odd about 0, so that small negative values after dark subtraction stay negative instead of becoming NaN.
    # The power is written as exp(γ·log|x|), at half the time of pow; 0 stays 0, as exp(−∞).
    toned = torch.copysign(gain * uv.abs().log().mul_(gamma).exp_(), uv)
    return blur(toned, mask, params.blur, params.blur_sigma, uniforms[:, 5:7]) + params.noise_sd * noise


def jitter_reflectance(
    image: Tensor,
    mask: Tensor,
    params: ReflectancePhotometryParams,
    uniforms: Tensor,
    noise: Tensor,
    *,
    shared: bool,
) -> Tensor:
    """Change calibrated captures only as far as measurements of the same surface differ.

    Args:
        image: (captures, bands, side, side), unit scale.
        mask: (captures, 1, side, side), 0 or 1.
        params: ranges of the draws.
        uniforms: (captures, 16).
        noise: (captures, 1 or bands, side, side) standard normal.
        shared: one gain for all bands (UV), or one for each (RGB).
    """
    bands = 1 if shared else image.shape[1]
    gain = around(uniforms[:, 8 : 8 + bands], params.gain).to(image.device)[:, :, None, None]
    blurred = blur(gain * image, mask, params.blur, params.blur_sigma, uniforms[:, 5:7])
    return blurred + params.noise_sd * noise


def blur(
    image: Tensor, mask: Tensor, chance: float, sigma_px: tuple[float, float], uniforms: Tensor
) -> Tensor:
    """Blur some of the captures with a Gaussian that sees only the specimen.

    Args:
        image: (captures, bands, side, side).
        mask: (captures, 1, side, side), 0 or 1.
        chance: share of captures that are blurred.
        sigma_px: limits of the Gaussian's standard deviation, in pixels.
        uniforms: (captures, 2): whether, and how much.
    """
    chosen = (uniforms[:, 0] < chance).nonzero()[:, 0]
    if len(chosen) == 0:
        return image
    sigma = between(uniforms[chosen, 1], sigma_px).to(image.device)[:, None].expand(-1, 2)
    size = 2 * math.ceil(3 * sigma_px[1]) + 1
    inside = mask[chosen]
    both = torch.cat([image[chosen] * inside, inside], dim=1)
    summed = gaussian_blur2d(both, (size, size), sigma, border_type="constant")
    # Inside the mask the weight is at least that of the kernel's centre; outside, the result is not used.
    smooth = summed[:, :-1] / summed[:, -1:].clamp(min=1e-6)
    return image.index_copy(0, chosen.to(image.device), smooth)
