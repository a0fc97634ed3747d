"""One warp, one resampling, against closed forms and torch's own flips and interpolation."""

import pytest
import torch
from torch.nn import functional

from xmodal_pipeline.augmentation.geometry import warp, warp_capture, warp_matrices
from xmodal_pipeline.params.train import GeometryParams

STILL = GeometryParams(
    crop_scale=(1, 1), crop_ratio=(1, 1), horizontal_flip=0, vertical_flip=0, rotation_deg=0
)


def uniforms(**columns: float) -> torch.Tensor:
    names = ["area", "ratio", "x", "y", "horizontal", "vertical", "angle"] + [f"corner{i}" for i in range(8)]
    middle = {"angle": 0.5, "x": 0.5, "y": 0.5}
    return torch.tensor([[columns.get(name, middle.get(name, 0.0)) for name in names]])


def params(**changes: object) -> GeometryParams:
    return STILL.model_copy(update=changes)


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 2, 16, 16, generator=torch.Generator().manual_seed(0))


def test_no_operation_returns_the_image(image):
    torch.testing.assert_close(warp(image, warp_matrices(STILL, uniforms())), image, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("name", "axis"), [("horizontal_flip", 3), ("vertical_flip", 2)])
def test_flips_mirror_their_own_axis(image, name, axis):
    flipped = warp(image, warp_matrices(params(**{name: 1.0}), uniforms()))
    torch.testing.assert_close(flipped, image.flip(axis), atol=1e-6, rtol=0)


def test_flip_happens_with_the_stated_chance():
    drawn = uniforms().repeat(1000, 1)
    drawn[:, 4] = torch.arange(1000) / 1000
    signs = warp_matrices(params(horizontal_flip=0.3), drawn)[:, 0, 0]
    assert int((signs < 0).sum()) == 300


def test_the_largest_rotation_of_90_degrees_is_a_quarter_turn(image):
    turned = warp(image, warp_matrices(params(rotation_deg=90), uniforms(angle=1.0)))
    torch.testing.assert_close(turned, torch.rot90(image, 1, (2, 3)), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_a_quarter_crop_is_the_enlarged_corner(image, x, y):
    cropped = warp(image, warp_matrices(params(crop_scale=(0.25, 0.25)), uniforms(x=x, y=y)))
    top, left = round(8 * y), round(8 * x)
    corner = image[:, :, top : top + 8, left : left + 8]
    expected = functional.interpolate(corner, scale_factor=2, mode="bilinear", align_corners=False)
    # The crop's own border sees its neighbours in the image, which the cut-out corner does not have.
    torch.testing.assert_close(cropped[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-5, rtol=0)


def test_crop_has_the_drawn_area_and_ratio():
    chosen = params(crop_scale=(0.2, 0.6), crop_ratio=(0.5, 2.0))
    matrix = warp_matrices(chosen, uniforms(area=0.5, ratio=0.75))[0]
    width, height = matrix[0, 0].item(), matrix[1, 1].item()
    assert width * height == pytest.approx(0.4, rel=1e-5)
    assert width / height == pytest.approx(2**0.5, rel=1e-5)


def test_perspective_moves_each_corner_inwards_by_its_own_draw():
    drawn = uniforms(**{f"corner{i}": 0.1 * (i + 1) for i in range(8)})
    matrix = warp_matrices(params(perspective=0.4), drawn)[0]
    corners = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]])
    moved = corners @ matrix.T
    shrink = 1 - 0.4 * (0.1 * torch.arange(1, 9)).reshape(4, 2)
    torch.testing.assert_close(moved[:, :2] / moved[:, 2:], corners[:, :2] * shrink, atol=1e-5, rtol=0)


def test_operations_compose_as_rotation_after_crop_after_flip():
    both = params(rotation_deg=30, crop_scale=(0.25, 0.25), horizontal_flip=1.0)
    drawn = uniforms(angle=1.0, x=1.0)
    parts = [
        warp_matrices(params(rotation_deg=30), drawn)[0],
        warp_matrices(params(crop_scale=(0.25, 0.25)), drawn)[0],
        warp_matrices(params(horizontal_flip=1.0), drawn)[0],
    ]
    torch.testing.assert_close(warp_matrices(both, drawn)[0], parts[0] @ parts[1] @ parts[2])


def test_outlines_keep_the_colour_of_the_specimen():
    mask = torch.zeros(8, 2, 32, 32)
    mask[:, :, 8:24, 10:20] = 1
    drawn = torch.rand(8, 15, generator=torch.Generator().manual_seed(1))
    matrices = warp_matrices(GeometryParams(perspective=0.3), drawn)
    rgb, uv, inside = warp_capture(0.6 * mask[:, [0, 0, 0]], 0.3 * mask[:, 1:], mask, matrices)
    assert set(inside.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(rgb, 0.6 * inside[:, [0, 0, 0]], atol=1e-6, rtol=0)
    torch.testing.assert_close(uv, 0.3 * inside[:, 1:], atol=1e-6, rtol=0)


def test_each_mask_channel_belongs_to_its_own_modality():
    mask = torch.zeros(1, 2, 16, 16)
    mask[:, 0, :, :8] = 1
    mask[:, 1, :, 8:] = 1
    rgb, uv, _ = warp_capture(
        torch.ones(1, 3, 16, 16), torch.ones(1, 2, 16, 16), mask, warp_matrices(STILL, uniforms())
    )
    assert rgb[..., :8].sum() == 3 * 16 * 8
    assert rgb[..., 8:].sum() == 0
    assert uv[..., :8].sum() == 0
    assert uv[..., 8:].sum() == 2 * 16 * 8
