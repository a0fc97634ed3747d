"""Bands of one modality that lie beside one another."""

import numpy as np
import pytest
from scipy import ndimage

from xmodal_pipeline.imaging.registration import Shift, find_displaced_bands
from xmodal_pipeline.imaging.registration import bands as module
from xmodal_pipeline.imaging.registration.matching import Margin
from xmodal_pipeline.imaging.registration.verdict import Finding
from xmodal_pipeline.params.ingest import RegistrationParams

PARAMS = RegistrationParams()
SIZE = 160
Y, X = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
MASK = np.hypot(X, Y) < 55


def pattern(seed):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((SIZE, SIZE)), 3)
    return np.where(MASK, 0.4 + 0.1 * field / field.std(), 0.04)


def moved(plane, dx, dy):
    return ndimage.shift(plane, (dy, dx), order=3, mode="nearest")


def bands(*planes):
    noise = 0.003 * np.random.default_rng(9).standard_normal((len(planes), SIZE, SIZE))
    return (np.stack(planes) + noise).astype(np.float32)


def test_a_band_that_was_moved_is_named_with_its_shift():
    plane = pattern(0)
    stack = bands(plane, 0.7 - plane, moved(0.7 - plane, 5.0, -3.0))
    found = find_displaced_bands(stack, MASK, PARAMS)
    assert list(found) == [2]
    assert found[2] == pytest.approx((5.0, -3.0), abs=0.1)


def test_all_others_are_named_where_the_first_was_moved():
    plane = pattern(1)
    found = find_displaced_bands(bands(moved(plane, 0, 4), 0.8 * plane, 0.6 * plane), MASK, PARAMS)
    assert {band: round(shift.dy_px) for band, shift in found.items()} == {1: -4, 2: -4}


@pytest.mark.parametrize(
    "other",
    [
        pattern(2),
        0.5 * pattern(2),
        0.7 - pattern(2),
        moved(pattern(2), 0.4, 0.3),
        np.full((SIZE, SIZE), 0.2),
    ],
    ids=["equal", "darker", "inverted", "within the gate", "without structure"],
)
def test_bands_that_lie_on_one_another_are_not_named(other):
    assert find_displaced_bands(bands(pattern(2), other), MASK, PARAMS) == {}


def test_bands_that_show_different_things_are_not_named():
    inside = ndimage.binary_erosion(MASK, iterations=8)
    for seed in range(10):
        other = np.where(inside, pattern(100 + seed), pattern(seed))
        assert find_displaced_bands(bands(pattern(seed), other), MASK, PARAMS) == {}


@pytest.mark.parametrize(
    ("changed", "is_named"),
    [
        ({}, True),
        ({"before": Margin(0.3, -0.005)}, False),
        ({"after": Margin(0.5, 0.07)}, False),
        ({"shift": Shift(1.0, 1.0)}, False),
        ({"residual_px": 2.0}, False),
    ],
    ids=["all", "as good where it is", "no wide margin", "within the gate", "elsewhere once more"],
)
def test_every_condition_is_needed(monkeypatch, changed, is_named):
    clear = Finding(
        shift=Shift(5.0, 0.0),
        moved=True,
        before=Margin(0.2, -0.2),
        after=Margin(0.5, 0.3),
        residual_px=0.1,
        turn=None,
    )
    monkeypatch.setattr(module, "look", lambda scene, params: clear._replace(**changed))
    assert bool(find_displaced_bands(bands(pattern(0), pattern(0)), MASK, PARAMS)) is is_named
    flat = np.full((SIZE, SIZE), 0.2)
    assert not find_displaced_bands(bands(pattern(0), flat), MASK, PARAMS)
