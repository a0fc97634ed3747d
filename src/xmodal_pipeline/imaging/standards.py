"""What a photograph shows of its grey standards: mean counts inside discs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.imaging.calibration import linearise_srgb
from xmodal_pipeline.imaging.scale import TOP_BIN, to_unit
from xmodal_pipeline.params.ingest import Scale

MAX_SATURATED_SHARE = 0.01
"""Of a disc's pixels in the top bin: a standard with more is saturated in that band."""


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


def measure_standard(
    bands: Mapping[str, NDArray[Any]], disc: Disc, scale: Scale, *, is_srgb: bool
) -> dict[str, Measurement]:
    """Mean counts of a disc in every band.

    Saturation is judged on the numbers in the file, before an sRGB curve is undone; 1 in unit scale counts
    as the sensor's full scale, whatever the scale.

    Args:
        bands: (height, width) by name, as in the file.
        disc: where the standard is.
        scale: what the numbers are; not `auto`.
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
