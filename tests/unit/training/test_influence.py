"""Occlusion against a score whose place is known."""

import pytest
import torch

from xmodal_pipeline.training.influence import WINDOWS, occlude

SIDE = 4 * WINDOWS


def test_only_windows_over_the_place_count_and_by_what_they_take():
    image = torch.full((2, SIDE, SIDE), 3.0)
    mask = torch.ones(SIDE, SIDE, dtype=torch.bool)
    mask[:, -4:] = False

    def score(images):
        return images[:, 1, 8:12, 16:20].sum((1, 2)) - images[:, 0, 20, 4]

    found = occlude(score, image, mask)
    # Four windows hold the pixel (8, 16): they take all 16 pixels of the place, or 8, 8 and 4 of them.
    assert found[8, 16].item() == pytest.approx(3 * (16 + 8 + 8 + 4) / 4)
    assert found[20, 4].item() == pytest.approx(-3.0)
    assert found[:4].abs().max() == found[:, -4:].abs().max() == 0
    assert found.flatten().topk(16).values.min() > 0.5 * found.max()


def test_what_is_the_mean_already_takes_nothing():
    image = torch.zeros(1, SIDE, SIDE)
    found = occlude(lambda images: images.sum((1, 2, 3)), image, torch.ones(SIDE, SIDE, dtype=torch.bool))
    assert found.abs().max() == 0
