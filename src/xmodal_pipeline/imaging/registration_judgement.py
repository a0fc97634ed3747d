"""What one look at a capture finds, and the verdict on it."""

from typing import Literal, NamedTuple

from xmodal_pipeline.imaging.registration_gate import Margin, ring_margin
from xmodal_pipeline.imaging.registration_shift import Shift, find_shift
from xmodal_pipeline.imaging.registration_turn import Turn, find_turn
from xmodal_pipeline.imaging.registration_view import (
    DETAIL_BORDER_PX,
    Detail,
    Scene,
    detail,
    detail_box,
    moved_detail,
    overview,
    signal_to_noise,
)
from xmodal_pipeline.params.ingest import RegistrationParams

RegistrationStatus = Literal["ok", "corrected", "failed", "abstained"]

NO_SHIFT = Shift(0.0, 0.0)
_REFINEMENT_PX = 3.0
"""How far from a known place a finer measurement looks, in its own pixels: less than a detail's border."""
_SURE_SD = 1.8
"""Rotation and scale count as found from this many of their standard deviations."""
_FOUND_SD = 1.645
"""An error this many standard deviations beyond the gate is found in 95 of 100 captures."""
_LOST_PX = 0.7
"""A rotation more uncertain than this at the specimen's edges says that the edges are not the same ones."""
_CLEARLY_WORSE = -0.01
"""A margin below this is a failure, not a doubt: on pairs of noise it stays near -0.009."""


class Finding(NamedTuple):
    """What one look at a capture says."""

    shift: Shift
    moved: bool
    """Whether the shift is large enough to be undone; the fields below are as if it were."""
    before: Margin
    """Where UV lies as it came."""
    after: Margin
    residual_px: float
    turn: Turn | None


class Least(NamedTuple):
    """Smallest rotation and scale error of some kind."""

    rotation_deg: float
    scale_error: float


def has_structure(scene: Scene, params: RegistrationParams) -> bool:
    """Whether both modalities hold more than noise; without, shift and margin are nonsense."""
    return all(signal_to_noise(scene, plane) >= params.min_uv_snr for plane in (scene.rgb, scene.uv))


def look(scene: Scene, params: RegistrationParams) -> Finding:
    """Measure the shift, then the margin, rotation and scale where UV lies once that is undone."""
    whole = overview(scene)
    limit = min(params.max_shift_px, scene.padding_px) / scene.reduction
    coarse = find_shift(whole.rgb_edges, whole.uv_edges, whole.window, limit_px=limit)
    box = detail_box(scene, whole, coarse, params.working_size_px)
    shift = Shift(coarse.dx_px * scene.reduction, coarse.dy_px * scene.reduction)
    part = detail(scene, box, shift)
    if scene.reduction > scene.detail_reduction:
        shift = found_shift(
            scene, part, limit_px=min(_REFINEMENT_PX, scene.reduction / scene.detail_reduction)
        )
    moved = shift.length_px >= params.min_correction_px * scene.detail_reduction
    before = ring_margin(moved_detail(scene, box, part, NO_SHIFT), (0.0, 0.0))
    place, after, residual = NO_SHIFT, before, shift.length_px
    if moved:
        place = shift
        after = ring_margin(part, beyond(scene, part, shift))
        residual = _residual(scene, moved_detail(scene, box, part, shift), shift)
    turn = find_turn(whole, (place.dx_px / scene.reduction, place.dy_px / scene.reduction))
    return Finding(shift, moved, before, after, residual, turn)


def found_shift(scene: Scene, part: Detail, *, limit_px: float) -> Shift:
    """The shift seen in a detail, in pixels of the image."""
    border = slice(DETAIL_BORDER_PX, -DETAIL_BORDER_PX)
    core = part.uv_edges[border, border]
    rest = find_shift(part.rgb_edges, core, part.window, limit_px=limit_px)
    factor = scene.detail_reduction
    return Shift(part.offset[0] + rest.dx_px * factor, part.offset[1] + rest.dy_px * factor)


def beyond(scene: Scene, part: Detail, shift: Shift) -> tuple[float, float]:
    """A shift of the image beyond a detail's offset, in the detail's pixels."""
    factor = scene.detail_reduction
    return (shift.dx_px - part.offset[0]) / factor, (shift.dy_px - part.offset[1]) / factor


def _residual(scene: Scene, part: Detail, shift: Shift) -> float:
    """The shift that is left once `shift` is undone, by a second measurement from there."""
    again = found_shift(scene, part, limit_px=_REFINEMENT_PX)
    return Shift(again.dx_px - shift.dx_px, again.dy_px - shift.dy_px).length_px


def judge(finding: Finding, scene: Scene, params: RegistrationParams, *, correct: bool) -> RegistrationStatus:
    """The gate: margin and residual shift together, then rotation and scale."""
    most = params.max_residual_px * scene.detail_reduction
    if not is_placed(finding, scene, params):
        # Nothing fits here. It is a failure where elsewhere is clearly better, else too little is known.
        clear = finding.shift.length_px >= most or finding.before.margin < _CLEARLY_WORSE
        return "failed" if clear else "abstained"
    if is_turned(finding.turn, params):
        return "failed"
    if not finding.moved:
        return "ok"
    if correct:
        return "corrected"
    return "ok" if finding.shift.length_px < most and finding.before.margin > params.min_margin else "failed"


def is_placed(finding: Finding, scene: Scene, params: RegistrationParams) -> bool:
    """Whether margin, residual and orientation of edges all speak for where UV lies without its shift."""
    needed = params.min_corrected_margin if finding.moved else params.min_margin
    most = params.max_residual_px * scene.detail_reduction
    is_lost = finding.turn is not None and finding.turn.uncertainty_px > _LOST_PX
    return finding.after.margin > needed and finding.residual_px < most and not is_lost


def is_turned(turn: Turn | None, params: RegistrationParams) -> bool:
    """Whether rotation or scale is beyond what is allowed, and beyond its own uncertainty."""
    if turn is None:
        return False
    least = _judged_from(turn, params)
    return abs(turn.rotation_deg) > least.rotation_deg or abs(turn.scale - 1) > least.scale_error


def _judged_from(turn: Turn, params: RegistrationParams) -> Least:
    return Least(
        max(params.max_rotation_deg, _SURE_SD * turn.rotation_sd_deg),
        max(params.max_scale_error, _SURE_SD * turn.scale_sd),
    )


def detectable(turn: Turn | None, params: RegistrationParams) -> Least:
    """Rotation and scale error that are found in 95 of 100 captures; missing where none can be."""
    if turn is None:
        return Least(float("nan"), float("nan"))
    least = _judged_from(turn, params)
    return Least(
        least.rotation_deg + _FOUND_SD * turn.rotation_sd_deg, least.scale_error + _FOUND_SD * turn.scale_sd
    )
