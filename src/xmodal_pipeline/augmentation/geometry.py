"""One warp for RGB, UV and mask: crop, flips, rotation and perspective in a single matrix and resampling.

Matrices map points of the view to points of the stored image, in coordinates from -1 to 1, x to the right and
y down.
"""

import math

import torch
from kornia.geometry.transform import get_perspective_transform
from torch import Tensor
from torch.nn import functional

from xmodal_pipeline.params.train import GeometryParams

HALF_COVERED = 0.5
_CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))


def warp_matrices(params: GeometryParams, uniforms: Tensor) -> Tensor:
    """Compose the warp of each capture.

    Args:
        params: ranges of the draws.
        uniforms: (captures, 15) in [0, 1): area, ratio, x, y, two flips, rotation, four corners (x, y).

    Returns:
        (captures, 3, 3): rotation · crop · flip · perspective.
    """
    area, ratio, x, y, horizontal, vertical, angle = uniforms[:, :7].unbind(1)
    angle = torch.deg2rad((2 * angle - 1) * params.rotation_deg)
    matrices = _rotation(angle) @ _crop(params, area, ratio, x, y)
    flips = torch.stack(
        [horizontal >= params.horizontal_flip, vertical >= params.vertical_flip], dim=1
    ).float()
    matrices = matrices @ torch.diag_embed(functional.pad(2 * flips - 1, (0, 1), value=1.0))
    if params.perspective > 0:
        matrices = matrices @ _perspective(params.perspective, uniforms[:, 7:15])
    return matrices


def _rotation(angle: Tensor) -> Tensor:
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], dim=1).reshape(-1, 3, 3)


def _crop(params: GeometryParams, area: Tensor, ratio: Tensor, x: Tensor, y: Tensor) -> Tensor:
    smallest, largest = params.crop_scale
    area = smallest + area * (largest - smallest)
    low, high = math.log(params.crop_ratio[0]), math.log(params.crop_ratio[1])
    ratio = (low + ratio * (high - low)).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    zero, one = torch.zeros_like(area), torch.ones_like(area)
    shift_x, shift_y = (2 * x - 1) * (1 - width), (2 * y - 1) * (1 - height)
    return torch.stack([width, zero, shift_x, zero, height, shift_y, zero, zero, one], dim=1).reshape(
        -1, 3, 3
    )


def _perspective(strength: float, uniforms: Tensor) -> Tensor:
    """Move each corner inwards by up to `strength` of the half side (torchvision's RandomPerspective)."""
    corners = torch.tensor(_CORNERS, dtype=uniforms.dtype).expand(len(uniforms), 4, 2)
    return get_perspective_transform(corners, corners * (1 - strength * uniforms.reshape(-1, 4, 2)))


def warp(images: Tensor, matrices: Tensor) -> Tensor:
    """Resample images once, bilinearly; what lies outside is 0.

    Written with elementwise products: a matrix product may round differently with the number of captures, and
    a capture's view must not depend on its batch.

    Args:
        images: (captures, channels, side, side).
        matrices: (captures, 3, 3) from `warp_matrices`.
    """
    side = images.shape[-1]
    centres = (2 * torch.arange(side, device=images.device, dtype=images.dtype) + 1) / side - 1
    x, y = centres[None, None, :], centres[None, :, None]
    m = matrices.to(images.device, images.dtype)[:, :, :, None, None]
    grid = torch.stack(
        [m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2], m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]], -1
    )
    depth = m[:, 2, 0] * x + m[:, 2, 1] * y + m[:, 2, 2]
    return functional.grid_sample(images, grid / depth.unsqueeze(-1), align_corners=False)


def warp_capture(rgb: Tensor, uv: Tensor, mask: Tensor, matrices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Warp both modalities and their masks with the same matrices.

    A resampled pixel on the outline is part background, which is 0; dividing by the share that is specimen
    keeps outlines from turning dark. Pixels less than half covered become background.

    Args:
        rgb: (batch, bands, height, width).
        uv: (batch, UV bands, height, width).
        mask: (batch, 2, height, width).
        matrices: (batch, 3, 3), one for all three.

    Returns:
        RGB, UV and mask; the mask is 0 or 1 again.
    """
    warped = warp(torch.cat([rgb, uv, mask], dim=1), matrices)
    coverage = warped[:, -2:]
    inside = (coverage >= HALF_COVERED).to(coverage.dtype)
    weight = inside / coverage.clamp(min=HALF_COVERED)
    bands = rgb.shape[1]
    return warped[:, :bands] * weight[:, :1], warped[:, bands:-2] * weight[:, 1:], inside
