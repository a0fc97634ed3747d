"""What one look at a capture finds, the verdict on it, and another try where it is turned."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from xmodal_pipeline.imaging.capture import Bands, Mask
from xmodal_pipeline.imaging.registration.geometry import (
    Matrix,
    Registration,
    RegistrationStatus,
    Shift,
    fit_similarity,
    image_centre,
    parts_of,
    similarity,
    warp,
)
from xmodal_pipeline.imaging.registration.matching import Margin, find_shift, ring_margin
from xmodal_pipeline.imaging.registration.turn import (
    Turn,
    find_similarity,
    find_turn,
    is_similarity_available,
)
from xmodal_pipeline.imaging.registration.views import (
    DETAIL_BORDER_PX,
    Detail,
    Scene,
    detail,
    detail_box,
    detail_boxes,
    make_scene,
    moved_detail,
    overview,
    signal_to_noise,
)
from xmodal_pipeline.imaging.structure import Plane, brightness, stabilised_brightness
from xmodal_pipeline.params.ingest import RegistrationParams

_NO_SHIFT = Shift(0.0, 0.0)
_REFINEMENT_PX = 3.0
"""How far from a known place a finer measurement looks, in its own pixels: less than a detail's border."""
_SURE_SD = 1.8
"""Rotation and scale count as found from this many of their standard deviations."""
_FOUND_SD = 1.645
"""An error this many standard deviations beyond the gate is found in 95 of 100 captures."""
_LOST_PX = 0.7
"""A rotation more uncertain than this at the specimen's edges says that the edges are not the same ones."""
CLEARLY_WORSE = -0.01
"""A margin below this is a failure, not a doubt: on pairs of noise it stays near -0.009."""
_POLISHES = 3
"""Small corrections after mutual information."""
_TIE_REACH_PX = 8.0
"""How far mutual information of the overview may be off, in pixels of the detail."""
_MIN_TIES = 4
"""Details that a similarity is fitted to: two would fit any two shifts."""


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
    before = ring_margin(moved_detail(scene, box, part, _NO_SHIFT), (0.0, 0.0))
    place, after, residual = _NO_SHIFT, before, shift.length_px
    if moved:
        place = shift
        after = ring_margin(part, beyond(scene, part, shift))
        residual = _residual(scene, moved_detail(scene, box, part, shift), shift)
    turn = find_turn(whole, (place.dx_px / scene.reduction, place.dy_px / scene.reduction))
    return Finding(shift, moved, before, after, residual, turn)


def found_shift(scene: Scene, part: Detail, *, limit_px: float) -> Shift:
    """The shift seen in a detail, in pixels of the image.

    Args:
        scene: the capture.
        part: RGB and UV of the detail, UV from `part.offset`.
        limit_px: how far from that offset to look, in pixels of the detail.
    """
    border = slice(DETAIL_BORDER_PX, -DETAIL_BORDER_PX)
    core = part.uv_edges[border, border]
    rest = find_shift(part.rgb_edges, core, part.window, limit_px=limit_px)
    factor = scene.detail_reduction
    return Shift(part.offset[0] + rest.dx_px * factor, part.offset[1] + rest.dy_px * factor)


def beyond(scene: Scene, part: Detail, shift: Shift) -> tuple[float, float]:
    """A shift of the image beyond a detail's offset, in the detail's pixels.

    Args:
        scene: says how much the detail is reduced.
        part: the detail.
        shift: in pixels of the image.
    """
    factor = scene.detail_reduction
    return (shift.dx_px - part.offset[0]) / factor, (shift.dy_px - part.offset[1]) / factor


def _residual(scene: Scene, part: Detail, shift: Shift) -> float:
    """The shift that is left once `shift` is undone, by a second measurement from there."""
    again = found_shift(scene, part, limit_px=_REFINEMENT_PX)
    return Shift(again.dx_px - shift.dx_px, again.dy_px - shift.dy_px).length_px


def judge(finding: Finding, scene: Scene, params: RegistrationParams, *, correct: bool) -> RegistrationStatus:
    """The gate: margin and residual shift together, then rotation and scale.

    Args:
        finding: of `look`.
        scene: the capture.
        params: the gate.
        correct: whether a shift may be undone.
    """
    most = params.max_residual_px * scene.detail_reduction
    if not is_placed(finding, scene, params):
        # Nothing fits here. It is a failure where elsewhere is clearly better, else too little is known.
        clear = finding.shift.length_px >= most or finding.before.margin < CLEARLY_WORSE
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


def estimate_registration(
    rgb: Bands, uv: Bands, mask: Mask, params: RegistrationParams, *, correct: bool
) -> Registration:
    """Measure how UV lies on RGB, and judge it by scores relative to those around.

    The shift is the peak of the cross-correlation of Hann-windowed gradient magnitudes, which survives
    inverted contrast; the working region is the padded bounding box of the mask. Where the background was
    cut away, only the inside of the specimen is looked at: its outline is then the mask's, the same in
    both modalities wherever UV lies. Where brightness finds no place for UV, its root is looked at, of
    which shade has its part. Rotation and scale are found by mutual information where SimpleITK is
    installed; without it a rotated or scaled capture is `failed`.

    Args:
        rgb: (bands, height, width).
        uv: (bands, height, width), same height and width.
        mask: (height, width), True = specimen.
        params: the gate.
        correct: whether a misregistered UV may be corrected. Without, the status is `ok`, `failed` or
            `abstained`.

    Raises:
        ValueError: if the three differ in height or width, or the mask is empty.
    """
    if not rgb.shape[1:] == uv.shape[1:] == mask.shape:
        raise ValueError(
            "estimate_registration: rgb, uv and mask must have one height and width, got "
            f"{rgb.shape[1:]}, {uv.shape[1:]}, {mask.shape}; set specimens.registration: off for such pairs"
        )
    if not mask.any():
        raise ValueError(
            "estimate_registration: mask must select a pixel, got none; reject the capture first"
        )
    looks = []
    for see in (brightness, stabilised_brightness):
        looks.append(_measure(see(rgb), see(uv), mask, params, correct=correct))
        if looks[-1].is_placed:
            return looks[-1]
    return looks[0]


def _measure(rgb: Plane, uv: Plane, mask: Mask, params: RegistrationParams, *, correct: bool) -> Registration:
    scene = make_scene(rgb, uv, mask, working_size_px=params.working_size_px)
    if not has_structure(scene, params):
        return Registration(status="abstained")
    finding = look(scene, params)
    status = judge(finding, scene, params, correct=correct)
    if correct and status in ("failed", "abstained") and is_similarity_available():
        turned = _corrected_by_similarity(scene, params, finding.before.score)
        if turned is not None:
            return turned
    return _registration(finding, status, scene, params)


def _registration(
    finding: Finding, status: RegistrationStatus, scene: Scene, params: RegistrationParams
) -> Registration:
    turn = finding.turn if is_turned(finding.turn, params) else None
    undone = status == "corrected"
    least = detectable(finding.turn, params)
    return Registration(
        dx_px=finding.shift.dx_px,
        dy_px=finding.shift.dy_px,
        rotation_deg=turn.rotation_deg if turn else 0.0,
        scale=turn.scale if turn else 1.0,
        score_before=finding.before.score,
        score_after=finding.after.score if undone else finding.before.score,
        margin=finding.after.margin if undone else finding.before.margin,
        residual_px=finding.residual_px if undone else finding.shift.length_px,
        measured_rotation_deg=finding.turn.rotation_deg if finding.turn else float("nan"),
        measured_scale=finding.turn.scale if finding.turn else float("nan"),
        detectable_rotation_deg=least.rotation_deg,
        detectable_scale_error=least.scale_error,
        status=status,
        is_placed=is_placed(finding, scene, params),
    )


def _corrected_by_similarity(scene: Scene, params: RegistrationParams, before: float) -> Registration | None:
    """Rotation, scale and shift by mutual information; None unless the result passes the same gate."""
    reduced = find_similarity(
        overview(scene), limit_px=min(params.max_shift_px, scene.padding_px) / scene.reduction
    )
    factor, box = scene.reduction, scene.box
    # The centre of the overview's first pixel is the centre of its block.
    first = box.left + (factor - 1) / 2, box.top + (factor - 1) / 2
    grid = np.array([[factor, 0, first[0]], [0, factor, first[1]], [0, 0, 1]])
    matrix = grid @ reduced @ np.linalg.inv(grid)
    # Mutual information saw the overview; details see what is left, and then judge.
    for _ in range(_POLISHES):
        left = _what_is_left(scene._replace(uv=warp(scene.uv, matrix)), params)
        if left is None:
            return None
        matrix = matrix @ left
    moved = scene._replace(uv=warp(scene.uv, matrix))
    finding = look(moved, params)
    if judge(finding, moved, params, correct=False) != "ok":
        return None
    angle_rad, scale, shift = parts_of(matrix, image_centre((scene.uv.shape[0], scene.uv.shape[1])))
    rotation_deg = float(np.rad2deg(angle_rad))
    return replace(
        _registration(finding, "ok", moved, params),
        dx_px=shift.dx_px,
        dy_px=shift.dy_px,
        rotation_deg=rotation_deg,
        scale=scale,
        score_before=before,
        measured_rotation_deg=rotation_deg,
        measured_scale=scale,
        status="corrected",
    )


def _what_is_left(scene: Scene, params: RegistrationParams) -> Matrix | None:
    """The small similarity that is left, from the shifts of details; None where they do not agree.

    A region as small as one detail has rotation and scale from its own ring.
    """
    whole = overview(scene)
    ties = []
    for box in detail_boxes(scene, params.working_size_px):
        part = detail(scene, box, _NO_SHIFT)
        shift = found_shift(scene, part, limit_px=_TIE_REACH_PX)
        there = moved_detail(scene, box, part, shift)
        if ring_margin(there, beyond(scene, there, shift)).margin > params.min_corrected_margin:
            ties.append(((box.left + box.right - 1) / 2, (box.top + box.bottom - 1) / 2, *shift))
    if scene.reduction == 1 and ties:
        turn = find_turn(whole, (ties[0][2], ties[0][3]))
        angle, scale = (np.deg2rad(turn.rotation_deg), turn.scale) if turn else (0.0, 1.0)
        return similarity(angle_rad=float(angle), scale=scale, shift=ties[0][2:], centre=ties[0][:2])
    if len(ties) < _MIN_TIES:
        return None
    x, y, dx, dy = np.array(ties).T
    fitted, residual_px = fit_similarity(np.stack([x, y], 1), np.stack([x + dx, y + dy], 1))
    return fitted if residual_px < params.max_residual_px * scene.detail_reduction else None
