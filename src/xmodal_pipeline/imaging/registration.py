"""How UV lies on RGB: measured, judged, and undone."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from xmodal_pipeline.imaging.capture import Bands, Mask
from xmodal_pipeline.imaging.registration_gate import Margin, Turn, find_turn, ring_margin
from xmodal_pipeline.imaging.registration_shift import Shift, find_shift
from xmodal_pipeline.imaging.registration_similarity import (
    Matrix,
    find_similarity,
    fit_similarity,
    is_similarity_available,
    similarity,
    warp,
)
from xmodal_pipeline.imaging.registration_view import (
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
from xmodal_pipeline.imaging.structure import Box, Plane, brightness
from xmodal_pipeline.params.ingest import RegistrationParams

RegistrationStatus = Literal["ok", "corrected", "failed", "abstained"]

_NO_SHIFT = Shift(0.0, 0.0)
_REFINEMENT_PX = 3.0
"""How far from a known place a finer measurement looks, in its own pixels: less than a detail's border."""
_POLISHES = 3
"""Small corrections after mutual information."""
_TIE_REACH_PX = 8.0
"""How far mutual information of the overview may be off, in pixels of the detail."""
_MIN_TIES = 4
"""Details that a similarity is fitted to: two would fit any two shifts."""
_SURE_SD = 2.5
"""Rotation and scale count as found from this many of their standard deviations."""
_CLEARLY_WORSE = -0.01
"""A margin below this is a failure, not a doubt: on pairs of noise it stays near -0.009."""


@dataclass(frozen=True)
class Registration:
    """How UV lies on RGB, and whether that may be used.

    With status `corrected`, the transform is to be applied (`apply_registration`, `registration_matrix`).
    With any other it is what was measured, and UV stays where it is.
    """

    dx_px: float
    """Shift of UV relative to RGB at the image's centre, positive to the right."""
    dy_px: float
    """The same, positive down."""
    rotation_deg: float
    """Rotation of UV relative to RGB about the image's centre, positive clockwise as seen."""
    scale: float
    """Size of UV relative to RGB."""
    score_before: float
    """Correlation of edge strengths as the capture came."""
    score_after: float
    """The same where UV lies once it was corrected; `score_before` where it was not."""
    margin: float
    """Score less the best score on a ring of 2 and 4 px, where UV lies in the end."""
    residual_px: float
    """Shift that is left where UV lies in the end."""
    status: RegistrationStatus


class _Finding(NamedTuple):
    """What one look at a capture says."""

    shift: Shift
    moved: bool
    """Whether the shift is large enough to be undone; the fields below are as if it were."""
    before: Margin
    """Where UV lies as it came."""
    after: Margin
    residual_px: float
    turn: Turn | None


def estimate_registration(
    rgb: Bands, uv: Bands, mask: Mask, params: RegistrationParams, *, correct: bool
) -> Registration:
    """Measure how UV lies on RGB, and judge it by scores relative to those around.

    The shift is the peak of the cross-correlation of Hann-windowed gradient magnitudes, which survives
    inverted contrast; the working region is the padded bounding box of the mask. Where the background was
    cut away, only the inside of the specimen is looked at: its outline is then the mask's, the same in
    both modalities wherever UV lies. Rotation and scale are found by mutual information where SimpleITK
    is installed; without it a rotated or scaled capture is `failed`.

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
            f"{rgb.shape[1:]}, {uv.shape[1:]} and {mask.shape}; set specimens.registration: off for such pairs"
        )
    if not mask.any():
        raise ValueError("estimate_registration: mask must select a pixel, got none; reject the capture first")
    scene = make_scene(brightness(rgb), brightness(uv), mask, working_size_px=params.working_size_px)
    if not _has_structure(scene, params):
        return Registration(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, "abstained")
    finding = _look(scene, params)
    status = _status(finding, scene, params, correct=correct)
    if correct and status == "failed" and is_similarity_available():
        turned = _corrected_by_similarity(scene, params, finding.before.score)
        if turned is not None:
            return turned
    return _registration(finding, status, params)


def _has_structure(scene: Scene, params: RegistrationParams) -> bool:
    return all(signal_to_noise(scene, plane) >= params.min_uv_snr for plane in (scene.rgb, scene.uv))


def _look(scene: Scene, params: RegistrationParams) -> _Finding:
    whole = overview(scene)
    limit = params.max_shift_px / scene.reduction
    coarse = find_shift(_flattened(whole.rgb_edges), _flattened(whole.uv_edges), whole.window, limit_px=limit)
    box = detail_box(scene, whole, coarse, params.working_size_px)
    shift = Shift(coarse.dx_px * scene.reduction, coarse.dy_px * scene.reduction)
    part = detail(scene, box, shift)
    if scene.reduction > scene.detail_reduction:
        shift = _found(scene, part, limit_px=min(_REFINEMENT_PX, scene.reduction / scene.detail_reduction))
    moved = shift.length_px >= params.min_correction_px * scene.detail_reduction
    before = ring_margin(moved_detail(scene, box, part, _NO_SHIFT), (0.0, 0.0))
    place, after, residual = _NO_SHIFT, before, shift.length_px
    if moved:
        place = shift
        after = ring_margin(part, _beyond(scene, part, shift))
        residual = _residual(scene, moved_detail(scene, box, part, shift), shift)
    turn = find_turn(whole, (place.dx_px / scene.reduction, place.dy_px / scene.reduction))
    return _Finding(shift, moved, before, after, residual, turn)


def _flattened(edges: Plane) -> Plane:
    # Else a few strong edges decide alone, and they are not always the same in both modalities.
    return np.sqrt(edges)


def _found(scene: Scene, part: Detail, *, limit_px: float) -> Shift:
    """The shift seen in a detail, in pixels of the image."""
    border = slice(DETAIL_BORDER_PX, -DETAIL_BORDER_PX)
    core = part.uv_edges[border, border]
    rest = find_shift(_flattened(part.rgb_edges), _flattened(core), part.window, limit_px=limit_px)
    factor = scene.detail_reduction
    return Shift(part.offset[0] + rest.dx_px * factor, part.offset[1] + rest.dy_px * factor)


def _beyond(scene: Scene, part: Detail, shift: Shift) -> tuple[float, float]:
    """A shift of the image beyond a detail's offset, in the detail's pixels."""
    factor = scene.detail_reduction
    return (shift.dx_px - part.offset[0]) / factor, (shift.dy_px - part.offset[1]) / factor


def _residual(scene: Scene, part: Detail, shift: Shift) -> float:
    """The shift that is left once `shift` is undone, by a second measurement from there."""
    again = _found(scene, part, limit_px=_REFINEMENT_PX)
    return Shift(again.dx_px - shift.dx_px, again.dy_px - shift.dy_px).length_px


def _status(
    finding: _Finding, scene: Scene, params: RegistrationParams, *, correct: bool
) -> RegistrationStatus:
    """The gate: margin and residual shift together, then rotation and scale."""
    most = params.max_residual_px * scene.detail_reduction
    needed = params.min_corrected_margin if finding.moved else params.min_margin
    if finding.after.margin <= needed or finding.residual_px >= most:
        # Nothing fits here. It is a failure where elsewhere is clearly better, else too little is known.
        clear = finding.shift.length_px >= most or finding.before.margin < _CLEARLY_WORSE
        return "failed" if clear else "abstained"
    if _is_turned(finding.turn, params):
        return "failed"
    if not finding.moved:
        return "ok"
    if correct:
        return "corrected"
    return "ok" if finding.shift.length_px < most and finding.before.margin > params.min_margin else "failed"


def _is_turned(turn: Turn | None, params: RegistrationParams) -> bool:
    if turn is None:
        return False
    rotation = max(params.max_rotation_deg, _SURE_SD * turn.rotation_sd_deg)
    scale = max(params.max_scale_error, _SURE_SD * turn.scale_sd)
    return abs(turn.rotation_deg) > rotation or abs(turn.scale - 1) > scale


def _registration(
    finding: _Finding, status: RegistrationStatus, params: RegistrationParams
) -> Registration:
    turn = finding.turn if _is_turned(finding.turn, params) else None
    undone = status == "corrected"
    return Registration(
        dx_px=finding.shift.dx_px,
        dy_px=finding.shift.dy_px,
        rotation_deg=turn.rotation_deg if turn else 0.0,
        scale=turn.scale if turn else 1.0,
        score_before=finding.before.score,
        score_after=finding.after.score if undone else finding.before.score,
        margin=finding.after.margin if undone else finding.before.margin,
        residual_px=finding.residual_px if undone else finding.shift.length_px,
        status=status,
    )


def _corrected_by_similarity(scene: Scene, params: RegistrationParams, before: float) -> Registration | None:
    """Rotation, scale and shift by mutual information; None unless the result passes the same gate."""
    reduced = find_similarity(overview(scene), limit_px=params.max_shift_px / scene.reduction)
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
    finding = _look(moved, params)
    if _status(finding, moved, params, correct=False) != "ok":
        return None
    height, width = scene.uv.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = matrix[:2, :2] @ centre + matrix[:2, 2] - centre
    return Registration(
        dx_px=float(shift[0]),
        dy_px=float(shift[1]),
        rotation_deg=float(np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0]))),
        scale=float(np.sqrt(np.linalg.det(matrix[:2, :2]))),
        score_before=before,
        score_after=finding.after.score,
        margin=finding.after.margin,
        residual_px=finding.shift.length_px,
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
        shift = _found(scene, part, limit_px=_TIE_REACH_PX)
        there = moved_detail(scene, box, part, shift)
        if ring_margin(there, _beyond(scene, there, shift)).margin > params.min_corrected_margin:
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


def registration_matrix(registration: Registration, shape: tuple[int, int]) -> Matrix:
    """The transform to apply, to compose with a resize in one resampling.

    Args:
        registration: only status `corrected` moves anything.
        shape: (height, width) of the capture.

    Returns:
        3 × 3 matrix that takes a pixel (x, y, 1) of RGB to the place (x, y, 1) of UV to sample.
    """
    if registration.status != "corrected":
        return np.eye(3)
    height, width = shape
    return similarity(
        angle_rad=float(np.deg2rad(registration.rotation_deg)),
        scale=registration.scale,
        shift=(registration.dx_px, registration.dy_px),
        centre=((width - 1) / 2, (height - 1) / 2),
    )


def apply_registration(uv: Bands, registration: Registration, *, order: int = 1) -> Bands:
    """UV laid on RGB: sampled at (x + dx, y + dy), and rotated and scaled where that was found.

    Args:
        uv: (bands, height, width); as it is unless the status is `corrected`.
        registration: from `estimate_registration`.
        order: of the interpolating spline: 1 keeps values within those around, 3 is sharper and overshoots.

    Returns:
        Bands of the same shape; beyond the image, its nearest pixel.
    """
    if registration.status != "corrected":
        return uv
    matrix = registration_matrix(registration, (uv.shape[1], uv.shape[2]))
    return np.stack([warp(band, matrix, order=order) for band in uv])
