"""How UV lies on RGB: measured, judged, and undone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from xmodal_pipeline.imaging.capture import Bands, Mask
from xmodal_pipeline.imaging.registration_gate import ring_margin
from xmodal_pipeline.imaging.registration_judgement import (
    NO_SHIFT,
    Finding,
    RegistrationStatus,
    beyond,
    detectable,
    found_shift,
    has_structure,
    is_placed,
    is_turned,
    judge,
    look,
)
from xmodal_pipeline.imaging.registration_similarity import (
    Matrix,
    find_similarity,
    fit_similarity,
    is_similarity_available,
    similarity,
    warp,
)
from xmodal_pipeline.imaging.registration_turn import find_turn
from xmodal_pipeline.imaging.registration_view import (
    Scene,
    detail,
    detail_boxes,
    make_scene,
    moved_detail,
    overview,
)
from xmodal_pipeline.imaging.structure import brightness
from xmodal_pipeline.params.ingest import RegistrationParams

_POLISHES = 3
"""Small corrections after mutual information."""
_TIE_REACH_PX = 8.0
"""How far mutual information of the overview may be off, in pixels of the detail."""
_MIN_TIES = 4
"""Details that a similarity is fitted to: two would fit any two shifts."""


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
    measured_rotation_deg: float = float("nan")
    """As measured; `rotation_deg` is 0 while this may be chance. Missing where nothing was to be seen."""
    measured_scale: float = float("nan")
    """The same for the scale."""
    detectable_rotation_deg: float = float("nan")
    """Rotations from here are found in 95 of 100 captures that show as much as this one."""
    detectable_scale_error: float = float("nan")
    """The same for the scale."""
    is_placed: bool = False
    """Whether margin and residual speak for the shift, whatever the rotation and scale."""


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
            f"{rgb.shape[1:]}, {uv.shape[1:]}, {mask.shape}; set specimens.registration: off for such pairs"
        )
    if not mask.any():
        raise ValueError(
            "estimate_registration: mask must select a pixel, got none; reject the capture first"
        )
    scene = make_scene(brightness(rgb), brightness(uv), mask, working_size_px=params.working_size_px)
    if not has_structure(scene, params):
        return Registration(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, "abstained")
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
        status=status,
        measured_rotation_deg=finding.turn.rotation_deg if finding.turn else float("nan"),
        measured_scale=finding.turn.scale if finding.turn else float("nan"),
        detectable_rotation_deg=least.rotation_deg,
        detectable_scale_error=least.scale_error,
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
    height, width = scene.uv.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = matrix[:2, :2] @ centre + matrix[:2, 2] - centre
    rotation_deg = float(np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0])))
    scale = float(np.sqrt(np.linalg.det(matrix[:2, :2])))
    least = detectable(finding.turn, params)
    return Registration(
        dx_px=float(shift[0]),
        dy_px=float(shift[1]),
        rotation_deg=rotation_deg,
        scale=scale,
        score_before=before,
        score_after=finding.after.score,
        margin=finding.after.margin,
        residual_px=finding.shift.length_px,
        status="corrected",
        measured_rotation_deg=rotation_deg,
        measured_scale=scale,
        detectable_rotation_deg=least.rotation_deg,
        detectable_scale_error=least.scale_error,
        is_placed=True,
    )


def _what_is_left(scene: Scene, params: RegistrationParams) -> Matrix | None:
    """The small similarity that is left, from the shifts of details; None where they do not agree.

    A region as small as one detail has rotation and scale from its own ring.
    """
    whole = overview(scene)
    ties = []
    for box in detail_boxes(scene, params.working_size_px):
        part = detail(scene, box, NO_SHIFT)
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


def apply_registration(uv: Bands, registration: Registration, *, order: Literal[1, 3] = 1) -> Bands:
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


def lay_mask(mask: Mask, to_uv: Matrix) -> Mask:
    """RGB's mask where UV lies, on UV's own grid.

    Every pixel of UV asks RGB, so that a larger scale leaves no holes.

    Args:
        mask: on the grid of RGB; one that is the whole frame says nothing of places and stays.
        to_uv: of `registration_matrix`.

    Returns:
        A mask of the same shape; what lies beyond the frame of UV is left out.
    """
    if np.array_equal(to_uv, np.eye(3)) or mask.all():
        return mask
    back = np.linalg.inv(to_uv)
    # SciPy counts (row, column) and samples at matrix @ output + offset.
    flat = ndimage.affine_transform(
        mask.astype(np.uint8), back[1::-1, 1::-1], offset=back[1::-1, 2], order=0, mode="constant"
    )
    laid: Mask = flat > 0
    return laid
