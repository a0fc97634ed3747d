"""Two similarities in one cosine."""

import pytest
import torch
from torch.nn.functional import cosine_similarity

from xmodal_pipeline.models.linear_branch import LinearBranch, coarse_pixels


@pytest.fixture
def branch():
    generator = torch.Generator().manual_seed(0)
    maps = {
        name: (
            torch.randn(bands * 256, generator=generator),
            torch.randn(bands * 256, 5, generator=generator),
        )
        for name, bands in (("rgb", 3), ("uv", 2))
    }
    return LinearBranch(maps, torch.tensor(0.3))


def test_coarse_pixels_are_means_of_equal_cells_bands_first():
    images = torch.arange(2 * 32 * 32.0).reshape(1, 2, 32, 32)
    coarse = coarse_pixels(images).reshape(2, 16, 16)
    assert coarse[1, 0, 0] == images[0, 1, :2, :2].mean()
    assert coarse[0, 3, 5] == images[0, 0, 6:8, 10:12].mean()


def test_variates_are_centred_and_mapped_by_modality(branch):
    rgb, uv = torch.randn(4, 3, 32, 32), torch.randn(4, 2, 32, 32)
    found = branch(rgb, uv)
    for name, images in (("rgb", rgb), ("uv", uv)):
        centre, weights = branch.get_buffer(f"{name}_centre"), branch.get_buffer(f"{name}_weights")
        torch.testing.assert_close(found[name], (coarse_pixels(images) - centre) @ weights)
    halves = [found[name] / found[name].norm(dim=1, keepdim=True) / 2 for name in ("rgb", "uv")]
    torch.testing.assert_close(found["joint"], halves[0] + halves[1])


def test_the_cosine_of_two_rows_is_the_weighted_sum_of_both_cosines(branch):
    z = {name: torch.randn(6, 8) for name in ("rgb", "uv", "joint")}
    variates = {name: torch.randn(6, 5) for name in ("rgb", "uv", "joint")}
    sides = branch.beside(z, variates)
    expected = 0.7 * cosine_similarity(z["rgb"], z["uv"]) + 0.3 * cosine_similarity(
        variates["rgb"], variates["uv"]
    )
    torch.testing.assert_close((sides["rgb"] * sides["uv"]).sum(dim=1), expected)
    assert sides["joint"].shape == (6, 13)
