"""One transform for all captures of a rig: cameras that stay where they are misregister all alike."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import NamedTuple

import numpy as np

from xmodal_pipeline.imaging.registration.geometry import Registration, Transform
from xmodal_pipeline.params.ingest import RegistrationParams

MIN_CAPTURES = 3
"""Captures that must have seen their shift: the median of two follows either."""
_SD_PER_DEVIATION = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
_MEDIAN_SD = 1.2533
"""Standard deviation of a median over that of the mean."""
_SURE_SD = 3.0
"""A rig is turned where rotation or scale lie this many standard deviations of its median from none."""


class Sighting(NamedTuple):
    """What one capture says by itself."""

    registration: Registration
    place: tuple[float, float]
    """Where its shift was measured, (x, y) from the image's centre."""


def find_rig(captures: Sequence[Sighting]) -> Transform | None:
    """The median transform of the captures that saw where UV lies; None of fewer than three.

    Rotation and scale count where they are beyond the uncertainty of the median: many captures together show
    what no single one does.

    Args:
        captures: of one rig, each judged by itself.
    """
    sure = [one for one in captures if one.registration.is_placed]
    if len(sure) < MIN_CAPTURES:
        return None
    rotation = _beyond_chance([one.registration.measured_rotation_deg for one in sure], 0.0)
    scale = _beyond_chance([one.registration.measured_scale for one in sure], 1.0)
    turn = Transform(0.0, 0.0, rotation, scale)
    shifts = [
        np.array([own.dx_px, own.dy_px]) - turn.shift_at(place)  # what the turn does not explain there
        for own, place in sure
    ]
    dx, dy = np.median(shifts, axis=0)
    return Transform(float(dx), float(dy), rotation, scale)


def _beyond_chance(values: list[float], none: float) -> float:
    known = np.array([value for value in values if np.isfinite(value)])
    if len(known) < MIN_CAPTURES:
        return none
    median = float(np.median(known))
    spread = _SD_PER_DEVIATION * float(np.median(np.abs(known - median)))
    return median if abs(median - none) > _SURE_SD * _MEDIAN_SD * spread / len(known) ** 0.5 else none


def settle_on_rig(sighting: Sighting, rig: Transform, params: RegistrationParams) -> Registration:
    """The verdict on a capture once its rig's transform is applied.

    Args:
        sighting: its verdict by itself.
        rig: of `find_rig`.
        params: the gate.

    Returns:
        `corrected` with the rig's transform where the capture's own shift agrees, or where it abstained;
        `ok` where that transform is too small to be applied; `failed`, with what the capture measured, where
        it disagrees by more than `max_residual_px`, or by a rotation or scale that it can show. `residual_px`
        is the distance of its own shift from the rig's; missing where it abstained. Scores and margin stay
        those of its own place.
    """
    own = sighting.registration
    is_silent = own.status == "abstained"
    dx, dy = rig.shift_at(sighting.place)
    residual = float(np.hypot(own.dx_px - dx, own.dy_px - dy))
    if not is_silent and (residual > params.max_residual_px or _is_otherwise_turned(own, rig)):
        return replace(own, status="failed", residual_px=residual)
    is_moved = rig.is_turned or np.hypot(rig.dx_px, rig.dy_px) >= params.min_correction_px
    return replace(
        own,
        **asdict(rig),
        residual_px=float("nan") if is_silent else residual,
        status="corrected" if is_moved else "ok",
    )


def _is_otherwise_turned(own: Registration, rig: Transform) -> bool:
    rotation = abs(own.measured_rotation_deg - rig.rotation_deg)
    scale = abs(own.measured_scale - rig.scale)
    return rotation > own.detectable_rotation_deg or scale > own.detectable_scale_error
