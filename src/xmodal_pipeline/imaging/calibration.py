"""Grey standards: from counts to reflectance by a straight line per band."""

from collections.abc import Sequence
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
    intercept: float
    r2: float
    """Share of the standards' variance in reflectance on the line; NaN with a single standard."""
    n_used: int
    """Standards below saturation."""
    flagged: bool
    """R² below 0.98, or fewer than two standards: usable, but to be shown to the user."""


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
    counts: NDArray[np.floating], reflectance: NDArray[np.floating], *, saturated_at: float
) -> BandCalibration:
    """Least-squares line from one band's counts of grey standards to their reflectance.

    Standards at or above saturation are left out: they lie off the line however good the camera. With
    one standard left the line goes through 0.

    Args:
        counts: (standards,) mean counts in this band, proportional to light.
        reflectance: (standards,) measured reflectance in this band, unit scale.
        saturated_at: counts from which a standard is left out, in the units of `counts`.

    Returns:
        The line, its R² and whether to flag it.

    Raises:
        ValueError: if the two differ in length, are not finite, or what is left fixes no line.

    References:
        van den Berg et al. 2020, Methods Ecol. Evol. 11, 316 (micaToolbox); R² limit from its manual.
    """
    if counts.shape != reflectance.shape or counts.ndim != 1:
        raise ValueError(
            f"fit_grey_standards: reflectance must be one number per standard {counts.shape}, "
            f"got {reflectance.shape}"
        )
    if not (np.isfinite(counts).all() and np.isfinite(reflectance).all()):
        raise ValueError(
            "fit_grey_standards: counts and reflectance must be finite; measure the standards again"
        )
    kept = counts < saturated_at
    x, y = counts[kept].astype(np.float64), reflectance[kept].astype(np.float64)
    if len(x) == 0 or (np.ptp(x) == 0 and (len(x) > 1 or x[0] <= 0)):
        raise ValueError(
            f"fit_grey_standards: standards must differ in counts below saturation ({saturated_at:g}), "
            f"got {counts.tolist()}; use darker standards or a shorter exposure"
        )
    if len(x) == 1:
        return BandCalibration(float(y[0] / x[0]), 0.0, float("nan"), 1, True)
    slope = float(np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2))
    intercept = float(y.mean() - slope * x.mean())
    total = float(np.sum((y - y.mean()) ** 2))
    r2 = 1 - float(np.sum((y - intercept - slope * x) ** 2)) / total if total > 0 else 0.0
    return BandCalibration(slope, intercept, r2, len(x), r2 < MIN_R2)


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
