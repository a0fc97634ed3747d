"""From stored numbers to unit scale, and the one decision per study about what the numbers are."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.errors import CaptureRejected, ParametersError
from xmodal_pipeline.imaging.capture import Bands, CaptureFiles
from xmodal_pipeline.imaging.raw import RawCapture, read_raw
from xmodal_pipeline.params.ingest import Scale, SpecimensParams

FULL_SCALE: dict[Scale, float] = {"uint8": 255.0, "uint16": 65535.0, "percent": 100.0, "unit": 1.0}
"""What stands for 1 in unit scale."""

TOP_BIN = 255 / 256
"""Where the top bin of a 256-bin histogram begins, as a share of full scale: micaToolbox calls pixels from
there on overexposed."""

SAMPLE_SIZE = 16
"""Captures looked at to decide `auto`."""

_MAX_14_BIT = 2**14 - 1
"""uint16 numbers that stay below may be 12- or 14-bit counts, whose full scale is not 65,535."""
_MAX_UNIT = 1.5
_MIN_PERCENT = 10.0
_MAX_PEAK_PERCENT = 1000.0
"""Reflectance passes 1.5 or 150 % only in highlights, and a capture's bright parts reach 10 %."""
_BRIGHT = 99.5
"""Percentile that stands for a capture's bright parts, so that single hot pixels do not decide."""


class _Range(NamedTuple):
    """The range of one capture's colour bands."""

    bright: float
    peak: float
    is_whole: bool
    """Floats that are all whole numbers: counts in disguise, never reflectance."""


def to_unit(stored: NDArray[np.generic], scale: Scale) -> Bands:
    """Divide by the full scale; nothing is clipped.

    Args:
        stored: (bands, height, width) as in the file.
        scale: what the numbers are.

    Returns:
        float32 in unit scale. Above 1 and below 0 stay what they are.
    """
    full = np.float32(FULL_SCALE[scale])
    # Photographs are stored pixel by pixel; everything from here on goes band by band.
    unit: Bands = np.divide(stored, full, dtype=np.float32, casting="unsafe", order="C")
    return unit


def scale_fault(dtype: np.dtype[np.generic], scale: Scale, *, is_auto: bool) -> str | None:
    """Why numbers of this type cannot be on this scale, or None where they can.

    Args:
        dtype: the file's data type.
        scale: the scale in force.
        is_auto: whether the scale was decided from a sample; then the types must agree exactly, so that
            no file outside the sample slips through on another scale.
    """
    integer = dtype.kind in "bui"
    if scale in ("uint8", "uint16"):
        allowed = dtype.name == scale or (not integer and not is_auto)
    else:
        allowed = not integer or (scale == "percent" and not is_auto)
    if allowed:
        return None
    return f"data type must fit specimens.scale {scale}, got {dtype.name}; store every file on one scale"


def resolve_scale(files: Sequence[CaptureFiles], settings: SpecimensParams) -> Scale:
    """Decide once per study what the stored numbers are.

    An explicit `specimens.scale` is returned as it is. `auto` reads a sample of captures spread over
    the study and decides from data type and range; unreadable captures are passed over. Where none can be
    read, it is `unit`: whatever the scale, every capture will be rejected, and each for its own reason.

    Args:
        files: every capture of the study.
        settings: how they are read.

    Raises:
        ParametersError: if the sample does not tell: mixed types, uint16 that stays within 14 bits, or floats
            that are neither unit nor percent.
    """
    if settings.scale != "auto":
        return settings.scale
    names: set[str] = set()
    ranges: list[_Range] = []
    for stored in sample_captures(files, settings):
        for bands in (stored.rgb, stored.uv):
            names.add("float" if bands.dtype.kind == "f" else bands.dtype.name)
        ranges.append(_range(stored))
    if not ranges:
        return "unit"  # nothing is ever read on it: the examination rejects every capture by its own reason
    if len(names) > 1:
        raise _refusal(f"data types {', '.join(sorted(names))} side by side", "store every file on one scale")
    name = names.pop()
    if name == "uint8":
        return "uint8"
    if name == "uint16":
        return _of_uint16(max(one.peak for one in ranges))
    if name == "float":
        return _of_float(ranges)
    raise _refusal(f"data type {name}", "store the files as uint8, uint16 or float32")


def sample_captures(files: Sequence[CaptureFiles], settings: SpecimensParams) -> Iterator[RawCapture]:
    """Up to SAMPLE_SIZE readable captures, spread over the study first."""
    spread = sorted({round(at) for at in np.linspace(0, len(files) - 1, SAMPLE_SIZE)}) if files else []
    chosen = set(spread)
    rest = [at for at in range(len(files)) if at not in chosen]
    found = 0
    for at in [*spread, *rest]:
        try:
            stored = read_raw(files[at], settings)
        except CaptureRejected:
            continue
        yield stored
        found += 1
        if found == SAMPLE_SIZE:
            return


def _range(stored: RawCapture) -> _Range:
    """Of the colour bands; the mask band has a scale of its own."""
    both = (stored.rgb, stored.uv)
    return _Range(
        bright=max(float(np.percentile(bands, _BRIGHT)) for bands in both),
        peak=max(float(bands.max()) for bands in both),
        is_whole=all(bool(np.all(bands == np.rint(bands))) for bands in both if bands.dtype.kind == "f"),
    )


def _of_uint16(peak: float) -> Scale:
    if peak > _MAX_14_BIT:
        return "uint16"
    raise _refusal(
        f"uint16 numbers that end at {peak:.0f}: 12- or 14-bit counts, or dark 16-bit ones",
        "set specimens.scale to uint16 if 65535 is full scale, else multiply them (docs/how-to/my-layout.md)",
    )


def _of_float(ranges: list[_Range]) -> Scale:
    verdicts = {verdict for verdict in map(_float_verdict, ranges) if verdict is not None}
    if len(verdicts) == 1:
        return verdicts.pop()
    low, high = min(one.bright for one in ranges), max(one.peak for one in ranges)
    raise _refusal(
        f"float numbers whose bright parts start at {low:.4g} and whose maximum is {high:.4g}",
        "set specimens.scale to percent (white is 100), unit (white is 1), uint8 or uint16",
    )


def _float_verdict(found: _Range) -> Scale | None:
    if found.bright <= _MAX_UNIT and found.peak <= _MIN_PERCENT:
        return "unit"
    if (
        _MIN_PERCENT <= found.bright <= 100 * _MAX_UNIT
        and found.peak <= _MAX_PEAK_PERCENT
        and not found.is_whole
    ):
        return "percent"
    return None


def _refusal(found: str, next_step: str) -> ParametersError:
    return ParametersError(
        f"specimens.scale: auto must be able to tell uint8, uint16, percent or unit, got {found}; {next_step}"
    )
