"""Discs measured in photographs whose every pixel is known."""

import numpy as np
import pytest

from xmodal_pipeline.imaging.calibration import Disc, linearise_srgb, measure_standard


def measure(band, disc, scale="unit", *, is_srgb=False):
    return measure_standard({"R": band}, disc, scale, is_srgb=is_srgb)["R"]


def test_the_first_pixel_covers_zero_to_one():
    band = np.zeros((4, 6), np.float32)
    band[0, 0], band[3, 5] = 0.25, 0.75
    assert measure(band, Disc(0.5, 0.5, 0.5)).counts == 0.25
    assert measure(band, Disc(5.5, 3.5, 0.5)).counts == 0.75


def test_the_mean_is_over_pixels_whose_centres_lie_in_the_disc():
    rng = np.random.default_rng(0)
    band = rng.integers(0, 60000, (40, 50)).astype(np.uint16)
    rows, columns = np.mgrid[:40, :50] + 0.5
    inside = (rows - 17.3) ** 2 + (columns - 21.8) ** 2 <= 9.4**2
    found = measure(band, Disc(21.8, 17.3, 9.4), "uint16")
    assert found.counts == pytest.approx(band[inside].mean() / 65535, rel=1e-6)


def test_the_curve_is_undone_before_the_mean():
    band = np.array([[0, 255]], np.uint8)  # radius 1 about the middle takes both
    band = np.tile(band, (2, 1))
    assert measure(band, Disc(1, 1, 1), "uint8", is_srgb=True).counts == pytest.approx(0.5)
    grey = np.full((4, 4), 119, np.uint8)
    expected = float(linearise_srgb(np.array([119 / 255], np.float32))[0])
    assert measure(grey, Disc(2, 2, 1.5), "uint8", is_srgb=True).counts == pytest.approx(expected)


@pytest.mark.parametrize(("n_top", "is_saturated"), [(4, False), (5, True)])
def test_more_than_one_per_cent_in_the_top_bin_is_saturated(n_top, is_saturated):
    band = np.full((30, 30), 0.3, np.float32)
    rows, columns = np.mgrid[:30, :30] + 0.5
    inside = np.argwhere((rows - 15) ** 2 + (columns - 15) ** 2 <= 12**2)
    assert 0.01 * len(inside) == pytest.approx(4.5, abs=0.4)
    band[tuple(inside[:n_top].T)] = 255 / 256
    assert measure(band, Disc(15, 15, 12)).is_saturated is is_saturated


def test_one_is_full_scale_and_what_is_below_the_top_bin_is_not_saturated():
    assert not measure(np.full((9, 9), 65279, np.uint16), Disc(4, 4, 3), "uint16").is_saturated
    assert measure(np.full((9, 9), 65280, np.uint16), Disc(4, 4, 3), "uint16").is_saturated
    assert measure(np.full((9, 9), 99.9, np.float32), Disc(4, 4, 3), "percent").is_saturated


@pytest.mark.parametrize(
    ("disc", "message"),
    [
        (Disc(3, 5, 4), r"inside the photograph \(12 × 9 px\), got x 3"),
        (Disc(6, 7, 3), "EXIF orientation"),
        (Disc(4, 4, 0.3), "cover a pixel"),
    ],
)
def test_a_disc_that_is_not_in_the_photograph_is_refused(disc, message):
    with pytest.raises(ValueError, match=message):
        measure(np.zeros((9, 12), np.float32), disc)
