"""Grey standards: from counts to reflectance by a straight line per band."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.imaging.capture import Bands

MIN_R2 = 0.98
"""Below this a fit is flagged, as in micaToolbox's linearisation check."""

_SRGB_KNEE = 0.04045
_SRGB_SLOPE = 12.92
_SRGB_OFFSET = 0.055
_SRGB_EXPONENT = 2.4
"""IEC 61966-2-1:1999, section 5.2."""


class BandCalibration(NamedTuple):
    """reflectance = intercept + slope · counts, of one band."""

    slope: float
    """Positive; NaN where the standards fix no line."""
    intercept: float
    r2: float
    """Share of the standards' variance in reflectance on the line; NaN with fewer than two different ones."""
    n_used: int
    """Standards below saturation."""
    n_saturated: int
    """Standards left out."""
    residual_sd: float
    """Of the standards about the line, with n − 2 degrees of freedom; NaN with fewer than three."""
    max_residual: float
    """The largest distance of a standard from the line, in reflectance; NaN without a line."""
    flagged: bool
    """R² below 0.98, or fewer than two different standards: to be shown to the user."""

    @property
    def is_line(self) -> bool:
        """Whether there is a line at all."""
        return bool(np.isfinite(self.slope))


Calibration = Mapping[str, BandCalibration]
"""The line of each band of a capture, by the band's name."""


def linearise_srgb(encoded: Bands) -> Bands:
    """Undo the sRGB transfer curve.

    Args:
        encoded: unit scale, any shape. Beyond 0 and 1 the curve is continued by its own formula, so that
            nothing is clipped.

    Returns:
        Values proportional to light, float32; 0 and 1 stay 0 and 1.

    References:
        IEC 61966-2-1:1999.
    """
    low = encoded / np.float32(_SRGB_SLOPE)
    base = (np.maximum(encoded, np.float32(_SRGB_KNEE)) + np.float32(_SRGB_OFFSET)) / np.float32(
        1 + _SRGB_OFFSET
    )
    return np.where(encoded <= _SRGB_KNEE, low, base ** np.float32(_SRGB_EXPONENT)).astype(np.float32)


def fit_grey_standards(
    counts: NDArray[np.floating], reflectance: NDArray[np.floating], is_saturated: NDArray[np.bool_]
) -> BandCalibration:
    """Least-squares line from one band's counts of grey standards to their reflectance.

    Saturated standards are left out: they lie off the line however good the camera. With standards of one
    reflectance left the line goes through 0. Where brighter standards do not give more counts, or none is
    left, slope and intercept are NaN.

    Args:
        counts: (standards,) mean counts in this band, proportional to light.
        reflectance: (standards,) measured reflectance in this band, unit scale.
        is_saturated: (standards,) whether to leave it out.

    Returns:
        The line, its residuals and whether to flag it.

    Raises:
        ValueError: if the three differ in length or are not finite.

    References:
        van den Berg et al. 2020, Methods Ecol. Evol. 11, 316 (micaToolbox); R² limit from its manual.
    """
    if not counts.shape == reflectance.shape == is_saturated.shape or counts.ndim != 1:
        raise ValueError(
            f"fit_grey_standards: reflectance and saturation must be one per standard {counts.shape}, "
            f"got {reflectance.shape} and {is_saturated.shape}"
        )
    if not (np.isfinite(counts).all() and np.isfinite(reflectance).all()):
        raise ValueError(
            "fit_grey_standards: counts and reflectance must be finite; measure the standards again"
        )
    kept = ~is_saturated
    x, y = counts[kept].astype(np.float64), reflectance[kept].astype(np.float64)
    slope, intercept = _line(x, y)
    n_saturated = int(np.count_nonzero(is_saturated))
    if not slope > 0:
        nan = float("nan")
        return BandCalibration(nan, nan, nan, len(x), n_saturated, nan, nan, True)
    residuals = y - intercept - slope * x
    squares, total = float(residuals @ residuals), float(np.sum((y - y.mean()) ** 2))
    r2 = 1 - squares / total if total > 0 else float("nan")
    return BandCalibration(
        slope,
        intercept,
        r2,
        len(x),
        n_saturated,
        residual_sd=float(np.sqrt(squares / (len(x) - 2))) if len(x) > 2 else float("nan"),
        max_residual=float(np.abs(residuals).max()),
        flagged=not r2 >= MIN_R2,
    )


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and intercept; a slope of 0 or NaN is no line."""
    if len(x) == 0 or np.ptp(y) == 0:
        return (float(x @ y / (x @ x)), 0.0) if x.any() else (0.0, 0.0)
    if np.ptp(x) == 0:
        return 0.0, 0.0
    slope = float(np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2))
    return slope, float(y.mean() - slope * x.mean())


def apply_calibration(bands: Bands, calibrations: Sequence[BandCalibration]) -> Bands:
    """Reflectance of every pixel; above 1 and below 0 stay what they are.

    Args:
        bands: (bands, height, width), in the counts that the calibrations were fitted on.
        calibrations: one per band.

    Returns:
        Reflectance in unit scale, float32.

    Raises:
        ValueError: if bands and calibrations differ in number.
    """
    if len(bands) != len(calibrations):
        raise ValueError(
            f"apply_calibration: calibrations must be one per band ({len(bands)}), got {len(calibrations)}"
        )
    slope = np.array([band.slope for band in calibrations], dtype=np.float32)[:, None, None]
    intercept = np.array([band.intercept for band in calibrations], dtype=np.float32)[:, None, None]
    return bands * slope + intercept
