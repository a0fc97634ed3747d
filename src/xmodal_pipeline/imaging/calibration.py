"""Grey standards: what a photograph shows of them, and the line per band from counts to reflectance."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.imaging.capture import Bands
from xmodal_pipeline.imaging.scale import TOP_BIN, to_unit
from xmodal_pipeline.params.ingest import Scale

MIN_R2 = 0.98
"""Below this a fit is flagged, as in micaToolbox's linearisation check."""

MAX_SATURATED_SHARE = 0.01
"""Of a disc's pixels in the top bin: a standard with more is saturated in that band."""

_SRGB_KNEE = 0.04045
_SRGB_SLOPE = 12.92
_SRGB_OFFSET = 0.055
_SRGB_EXPONENT = 2.4
"""IEC 61966-2-1:1999, section 5.2."""


class Disc(NamedTuple):
    """The part of a standard that is measured, in px from the top left corner of the upright photograph.

    The first pixel covers 0 to 1 in x and in y.
    """

    x: float
    y: float
    radius: float


class Measurement(NamedTuple):
    """One disc in one band."""

    counts: float
    """Mean, proportional to light, unit scale."""
    is_saturated: bool


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


def measure_standard(
    bands: Mapping[str, NDArray[Any]], disc: Disc, scale: Scale, *, is_srgb: bool
) -> dict[str, Measurement]:
    """Mean counts of a disc in every band.

    Saturation is judged on the numbers in the file, before an sRGB curve is undone; 1 in unit scale counts
    as the sensor's full scale, whatever the scale.

    Args:
        bands: (height, width) by name, as in the file.
        disc: where the standard is.
        scale: what the numbers are.
        is_srgb: whether an sRGB curve is to be undone.

    Returns:
        Band to measurement.

    Raises:
        ValueError: if the disc leaves the photograph or covers no pixel's centre.
    """
    return {name: _measure(band, disc, scale, is_srgb=is_srgb) for name, band in bands.items()}


def _measure(band: NDArray[Any], disc: Disc, scale: Scale, *, is_srgb: bool) -> Measurement:
    unit = to_unit(_pixels(band, disc), scale)
    is_saturated = np.count_nonzero(unit >= TOP_BIN) > MAX_SATURATED_SHARE * unit.size
    light = linearise_srgb(unit) if is_srgb else unit
    return Measurement(float(light.mean(dtype=np.float64)), bool(is_saturated))


def _pixels(band: NDArray[Any], disc: Disc) -> NDArray[Any]:
    """The pixels whose centres lie in the disc."""
    height, width = band.shape
    x, y, radius = disc
    left, top, right, bottom = (int(np.floor(v)) for v in (x - radius, y - radius, x + radius, y + radius))
    if x - radius < 0 or y - radius < 0 or x + radius > width or y + radius > height:
        raise ValueError(
            f"disc must lie inside the photograph ({width} × {height} px), got x {x:g}, y {y:g}, "
            f"radius {radius:g}; give them for the photograph as EXIF orientation shows it"
        )
    rows, columns = slice(top, bottom + 1), slice(left, right + 1)
    part = band[rows, columns]
    down = top + np.arange(part.shape[0]) + 0.5 - y
    across = left + np.arange(part.shape[1]) + 0.5 - x
    pixels: NDArray[Any] = part[down[:, None] ** 2 + across[None] ** 2 <= radius**2]
    if not pixels.size:
        raise ValueError(f"disc must cover a pixel, got radius {radius:g} at x {x:g}, y {y:g}; enlarge it")
    return pixels


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
