"""Straight lines through grey standards, against hand values and the standard's own formula."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from xmodal_pipeline.imaging.calibration import apply_calibration, fit_grey_standards, linearise_srgb
from xmodal_pipeline.imaging.photograph import read_photograph
from xmodal_pipeline.imaging.scale import to_unit

REFLECTANCE = np.array([0.02, 0.2, 0.4, 0.8, 0.99])


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
    fit = fit_grey_standards((REFLECTANCE + 0.05) * 40000, REFLECTANCE, saturated_at=65000)
    assert (fit.slope, fit.intercept, fit.r2) == pytest.approx((1 / 40000, -0.05, 1.0))
    assert (fit.n_used, fit.flagged) == (5, False)


def test_the_line_is_least_squares() -> None:
    counts = np.array([0.05, 0.19, 0.45, 0.7, 0.9])
    expected = stats.linregress(counts, REFLECTANCE)
    fit = fit_grey_standards(counts, REFLECTANCE, saturated_at=1)
    assert fit.slope == pytest.approx(expected.slope)
    assert fit.intercept == pytest.approx(expected.intercept)
    assert fit.r2 == pytest.approx(expected.rvalue**2)


def test_saturated_standards_are_left_out() -> None:
    counts = np.minimum(REFLECTANCE * 80000, 65535)
    fit = fit_grey_standards(counts, REFLECTANCE, saturated_at=65280)
    assert fit.n_used == 4
    assert fit.slope == pytest.approx(1 / 80000, rel=1e-9)
    assert fit_grey_standards(counts, REFLECTANCE, saturated_at=math.inf).r2 < fit.r2


def test_one_standard_is_a_ratio_through_zero_and_flagged() -> None:
    fit = fit_grey_standards(np.array([20000.0, 65535]), np.array([0.4, 0.99]), saturated_at=65000)
    assert (fit.slope, fit.intercept, fit.n_used, fit.flagged) == (0.4 / 20000, 0.0, 1, True)
    assert math.isnan(fit.r2)


def test_a_curved_response_is_flagged() -> None:
    encoded = REFLECTANCE ** (1 / 2.2)
    fit = fit_grey_standards(encoded, REFLECTANCE, saturated_at=2)
    assert fit.r2 < 0.98
    assert fit.flagged
    decoded = linearise_srgb(encoded.astype(np.float32)).astype(np.float64)
    assert not fit_grey_standards(decoded, REFLECTANCE, saturated_at=2).flagged


@pytest.mark.parametrize(
    ("counts", "reflectance", "message"),
    [
        ([65535.0, 65535.0], [0.8, 0.99], "standards must differ in counts below saturation"),
        ([100.0, 100.0], [0.2, 0.4], "standards must differ in counts below saturation"),
        ([0.0], [0.2], "standards must differ in counts below saturation"),
        ([1.0, 2.0], [0.2], "reflectance must be one number per standard"),
        ([1.0, float("nan")], [0.2, 0.4], "must be finite"),
    ],
)
def test_what_fixes_no_line_is_refused(counts: list[float], reflectance: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_grey_standards(np.array(counts), np.array(reflectance), saturated_at=65000)


def test_each_band_gets_its_own_line_and_nothing_is_clipped() -> None:
    lines = [
        fit_grey_standards(np.array([0.0, 0.5]), np.array([-0.1, 0.9]), saturated_at=1),
        fit_grey_standards(np.array([0.0, 0.5]), np.array([0.0, 0.25]), saturated_at=1),
    ]
    bands = np.array([[[0.0, 0.5, 1.0]], [[0.0, 0.5, 1.0]]], np.float32)
    expected = [[[-0.1, 0.9, 1.9]], [[0.0, 0.25, 0.5]]]
    np.testing.assert_allclose(apply_calibration(bands, lines), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"one per band \(1\), got 2"):
        apply_calibration(bands[:1], lines)


REAL = Path(__file__).parents[4] / "shared" / "realdata" / "video2vision_uv_vis"


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared photographs are not here")
def test_a_log_profile_is_flagged_on_real_standards() -> None:
    # Camera in a video profile: neither as stored nor after the sRGB curve are counts proportional to light.
    nominal = np.array([0.99, 0.8, 0.6, 0.4, 0.2, 0.1, 0.05, 0.02])
    centres = np.loadtxt(REAL / "sample_points.csv", delimiter=",").astype(int)
    red = to_unit(read_photograph(REAL / "vis_sample.jpg", (3,)).bands[:1], "uint8")[0]
    counts = np.array([red[y - 50 : y + 50, x - 50 : x + 50].mean() for x, y in centres])
    # The order of brightness proves that orientation was honoured: the discs are where the file says.
    assert np.all(np.diff(counts) < 0)
    as_stored = fit_grey_standards(counts.astype(np.float64), nominal, saturated_at=0.995)
    decoded = linearise_srgb(counts.astype(np.float32)).astype(np.float64)
    linear = fit_grey_standards(decoded, nominal, saturated_at=0.995)
    assert as_stored.r2 == pytest.approx(0.827, abs=0.02)
    assert linear.r2 == pytest.approx(0.917, abs=0.02)
    assert as_stored.flagged
    assert linear.flagged
