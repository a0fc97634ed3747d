"""Straight lines through grey standards, against hand values and the standard's own formula."""

import math

import numpy as np
import pytest
from scipy import stats

from xmodal_pipeline.imaging.calibration import (
    BandCalibration,
    apply_calibration,
    fit_grey_standards,
    linearise_srgb,
)

REFLECTANCE = np.array([0.02, 0.2, 0.4, 0.8, 0.99])


def fit(counts, reflectance, saturated_at: float = math.inf) -> BandCalibration:
    counts = np.asarray(counts, np.float64)
    return fit_grey_standards(counts, np.asarray(reflectance, np.float64), counts >= saturated_at)


def test_srgb_agrees_with_published_values() -> None:
    # 188/255 is the familiar code of middle-bright 0.5; 0.04045/12.92 the knee.
    encoded = np.array([0, 0.04045, 188 / 255, 119 / 255, 1], np.float32)
    expected = [0, 0.0031308, 0.5029, 0.18447, 1]
    np.testing.assert_allclose(linearise_srgb(encoded), expected, atol=1e-4)
    assert linearise_srgb(encoded).dtype == np.float32


def test_srgb_clips_nothing() -> None:
    beyond = linearise_srgb(np.array([-0.01, 1.1], np.float32))
    np.testing.assert_allclose(beyond, [-0.01 / 12.92, ((1.1 + 0.055) / 1.055) ** 2.4], rtol=1e-5)


def test_a_perfect_line_is_found() -> None:
    line = fit((REFLECTANCE + 0.05) * 40000, REFLECTANCE)
    assert line[:3] == pytest.approx((1 / 40000, -0.05, 1.0))
    assert (line.n_used, line.n_saturated, line.flagged) == (5, 0, False)
    assert (line.residual_sd, line.max_residual) == pytest.approx((0, 0), abs=1e-12)


def test_the_line_is_least_squares() -> None:
    counts = np.array([0.05, 0.19, 0.45, 0.7, 0.9])
    expected = stats.linregress(counts, REFLECTANCE)
    line = fit(counts, REFLECTANCE)
    residuals = REFLECTANCE - expected.intercept - expected.slope * counts
    assert line.slope == pytest.approx(expected.slope)
    assert line.intercept == pytest.approx(expected.intercept)
    assert line.r2 == pytest.approx(expected.rvalue**2)
    assert line.residual_sd == pytest.approx(expected.stderr * np.sqrt(np.sum((counts - counts.mean()) ** 2)))
    assert line.max_residual == pytest.approx(np.abs(residuals).max())


def test_saturated_standards_are_left_out() -> None:
    counts = np.minimum(REFLECTANCE * 80000, 65535)
    line = fit(counts, REFLECTANCE, saturated_at=65280)
    assert (line.n_used, line.n_saturated) == (4, 1)
    assert line.slope == pytest.approx(1 / 80000, rel=1e-9)
    assert fit(counts, REFLECTANCE).r2 < line.r2


@pytest.mark.parametrize(
    ("counts", "reflectance", "slope"),
    [([20000, 65535], [0.4, 0.99], 0.4 / 20000), ([0.3, 0.5], [0.2, 0.2], 0.2 * 0.8 / (0.3**2 + 0.5**2))],
)
def test_one_standard_however_often_is_a_ratio_through_zero_and_flagged(counts, reflectance, slope) -> None:
    line = fit(counts, reflectance, saturated_at=65000)
    assert line.slope == pytest.approx(slope)
    assert (line.intercept, line.flagged) == (0.0, True)
    assert math.isnan(line.r2)


def test_two_standards_fix_a_line_without_a_spread() -> None:
    line = fit([0.1, 0.6], [0.2, 0.8])
    assert line[:2] == pytest.approx((1.2, 0.08))
    assert math.isnan(line.residual_sd)
    assert not line.flagged


def test_a_curved_response_is_flagged() -> None:
    encoded = REFLECTANCE ** (1 / 2.2)
    assert fit(encoded, REFLECTANCE).r2 < 0.98
    assert fit(encoded, REFLECTANCE).flagged
    assert not fit(linearise_srgb(encoded.astype(np.float32)), REFLECTANCE).flagged


@pytest.mark.parametrize(
    ("counts", "reflectance"),
    [
        ([65535.0, 65535.0], [0.8, 0.99]),
        ([100.0, 100.0], [0.2, 0.4]),
        ([0.0], [0.2]),
        ([0.1, 0.2, 0.3], [0.8, 0.4, 0.1]),
        ([], []),
    ],
)
def test_what_fixes_no_rising_line_is_no_line(counts: list[float], reflectance: list[float]) -> None:
    line = fit(counts, reflectance, saturated_at=65000)
    assert not line.is_line
    assert math.isnan(line.intercept)
    assert line.flagged
    assert line.n_used + line.n_saturated == len(counts)


@pytest.mark.parametrize(
    ("counts", "reflectance", "message"),
    [
        ([1.0, 2.0], [0.2], "must be one per standard"),
        ([1.0, float("nan")], [0.2, 0.4], "must be finite"),
    ],
)
def test_what_is_no_measurement_is_refused(counts, reflectance, message) -> None:
    with pytest.raises(ValueError, match=message):
        fit(counts, reflectance)


def test_each_band_gets_its_own_line_and_nothing_is_clipped() -> None:
    lines = [fit([0.0, 0.5], [-0.1, 0.9]), fit([0.0, 0.5], [0.0, 0.25])]
    bands = np.array([[[0.0, 0.5, 1.0]], [[0.0, 0.5, 1.0]]], np.float32)
    expected = [[[-0.1, 0.9, 1.9]], [[0.0, 0.25, 0.5]]]
    np.testing.assert_allclose(apply_calibration(bands, lines), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"one per band \(1\), got 2"):
        apply_calibration(bands[:1], lines)
