"""Where a place of RGB lies in UV: transforms, what they do to pixels, and the rows that keep them."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xmodal_pipeline.imaging.capture import Bands, Mask
from xmodal_pipeline.imaging.patches import Pixels
from xmodal_pipeline.imaging.structure import Plane
from xmodal_pipeline.imaging.study import Study

Matrix = NDArray[np.float64]
"""3 × 3, homogeneous: takes (x, y, 1) of RGB to (x, y, 1) of UV."""

RegistrationStatus = Literal["ok", "corrected", "failed", "abstained"]


class Shift(NamedTuple):
    """How far the second plane lies to the right of and below the first."""

    dx_px: float
    dy_px: float

    @property
    def length_px(self) -> float:
        """Euclidean length."""
        return float(np.hypot(self.dx_px, self.dy_px))


@dataclass(frozen=True)
class Transform:
    """A rotation and scale of UV relative to RGB about the image's centre, then a shift."""

    dx_px: float = 0.0
    """Shift of UV relative to RGB at the image's centre, positive to the right."""
    dy_px: float = 0.0
    """The same, positive down."""
    rotation_deg: float = 0.0
    """Rotation of UV relative to RGB about the image's centre, positive clockwise as seen."""
    scale: float = 1.0
    """Size of UV relative to RGB."""

    @property
    def is_turned(self) -> bool:
        """Whether it is more than a shift."""
        return self.rotation_deg != 0 or self.scale != 1

    def matrix(self, centre: tuple[float, float]) -> Matrix:
        """The same as a matrix, (3, 3).

        Args:
            centre: (x, y) of the image's centre.
        """
        return similarity(
            angle_rad=float(np.deg2rad(self.rotation_deg)),
            scale=self.scale,
            shift=(self.dx_px, self.dy_px),
            centre=centre,
        )

    def shift_at(self, place: tuple[float, float]) -> Shift:
        """The shift at a place.

        Args:
            place: (x, y) from the image's centre.
        """
        matrix = self.matrix((0.0, 0.0))
        dx, dy = matrix[:2, :2] @ place + matrix[:2, 2] - place
        return Shift(float(dx), float(dy))


@dataclass(frozen=True)
class Registration(Transform):
    """How UV lies on RGB, and whether that may be used.

    With status `corrected`, the transform is to be applied (`apply_registration`, `registration_matrix`).
    With any other it is what was measured, and UV stays where it is. As it is built without arguments,
    nothing was to be seen.
    """

    score_before: float = 0.0
    """Correlation of edge strengths as the capture came."""
    score_after: float = 0.0
    """The same where UV lies once it was corrected; `score_before` where it was not."""
    margin: float = 0.0
    """Score less the best score on a ring of 2 and 4 px, where UV lies in the end."""
    residual_px: float = 0.0
    """Shift that is left where UV lies in the end."""
    measured_rotation_deg: float = float("nan")
    """As measured; `rotation_deg` is 0 while this may be chance. Missing where nothing was to be seen."""
    measured_scale: float = float("nan")
    """The same for the scale."""
    detectable_rotation_deg: float = float("nan")
    """Rotations from here are found in 95 of 100 captures that show as much as this one."""
    detectable_scale_error: float = float("nan")
    """The same for the scale."""
    status: RegistrationStatus = "abstained"
    is_placed: bool = False
    """Whether margin and residual speak for the shift, whatever the rotation and scale."""


# Whether a capture is placed is asked while rigs are settled, before there is a table.
COLUMNS = tuple(field.name for field in fields(Registration) if field.name != "is_placed")
"""Columns of `registration_qa`, in their order."""


def registration_row(registration: Registration | None) -> dict[str, Any]:
    """One row of `registration_qa` without its identity.

    Args:
        registration: of the capture; None where the study switches it off: numbers are missing then, and
            the status is `off`.
    """
    if registration is None:
        return dict.fromkeys(COLUMNS, float("nan")) | {"status": "off"}
    return {name: getattr(registration, name) for name in COLUMNS}


def registration_of(row: Mapping[Hashable, Any]) -> Registration:
    """The registration that a row of `registration_qa` keeps; columns that it lacks take their default."""
    return Registration(**{name: row[name] for name in COLUMNS if name in row})


def similarity(
    *, angle_rad: float, scale: float, shift: tuple[float, float], centre: tuple[float, float]
) -> Matrix:
    """Matrix of a rotation and scale about `centre`, (x, y), followed by a shift, (dx, dy).

    A positive angle takes the x axis towards the y axis: clockwise as seen, because y points down.

    Returns:
        (3, 3), homogeneous.
    """
    cosine, sine = scale * np.cos(angle_rad), scale * np.sin(angle_rad)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    matrix[:2, 2] = np.asarray(centre) + np.asarray(shift) - turn @ np.asarray(centre)
    return matrix


def parts_of(matrix: Matrix, centre: tuple[float, float]) -> tuple[float, float, Shift]:
    """Angle in radians, scale and shift of a similarity: what `similarity` was given.

    Args:
        matrix: (3, 3), of a rotation, scale and shift.
        centre: (x, y) that the rotation and scale are about.
    """
    dx, dy = matrix[:2, :2] @ centre + matrix[:2, 2] - centre
    angle_rad = float(np.arctan2(matrix[1, 0], matrix[0, 0]))
    return angle_rad, float(np.sqrt(np.linalg.det(matrix[:2, :2]))), Shift(float(dx), float(dy))


def image_centre(shape: tuple[int, int]) -> tuple[float, float]:
    """(x, y) of the centre of an image of (height, width), counted from the centre of its first pixel."""
    height, width = shape
    return (width - 1) / 2, (height - 1) / 2


def fit_similarity(points: NDArray[np.float64], images: NDArray[np.float64]) -> tuple[Matrix, float]:
    """Least-squares similarity that takes points to their images.

    Args:
        points: (n, 2), (x, y) of RGB, at least two different ones.
        images: (n, 2), (x, y) of UV.

    Returns:
        The matrix, (3, 3), and the root mean square distance that is left.

    References:
        Umeyama, IEEE TPAMI 13 (1991) 376-380; in the plane one complex factor does the same.
    """
    z, w = points @ np.array([1, 1j]), images @ np.array([1, 1j])
    centred = z - z.mean()
    factor = np.vdot(centred, w - w.mean()) / np.vdot(centred, centred).real
    offset = w.mean() - factor * z.mean()
    matrix = np.array(
        [[factor.real, -factor.imag, offset.real], [factor.imag, factor.real, offset.imag], [0, 0, 1]]
    )
    return matrix, float(np.sqrt(np.mean(np.abs(factor * z + offset - w) ** 2)))


def registration_matrix(registration: Registration, shape: tuple[int, int]) -> Matrix:
    """The transform to apply, to compose with a resize in one resampling.

    Args:
        registration: only status `corrected` moves anything.
        shape: (height, width) of the capture.

    Returns:
        (3, 3); takes a pixel (x, y, 1) of RGB to the place (x, y, 1) of UV to sample.
    """
    return registration.matrix(image_centre(shape)) if registration.status == "corrected" else np.eye(3)


def matrix_to_uv(study: Study, registration: Registration | None, shape: tuple[int, int]) -> Matrix | None:
    """Where a pixel of RGB lies in UV; None for two photographs that were never meant to be registered.

    Args:
        study: whether RGB and UV are meant to lie on one another.
        registration: of the capture; None where the study switches it off.
        shape: (height, width) of the capture.

    Returns:
        (3, 3), as `registration_matrix`.
    """
    if not study.shares_grid:
        return None
    return np.eye(3) if registration is None else registration_matrix(registration, shape)


def is_unmoved(to_uv: Matrix) -> bool:
    """Whether every place of RGB lies at the same place of UV, to the bit."""
    return np.array_equal(to_uv, np.eye(3))


def warp(plane: Plane, matrix: Matrix, *, order: Literal[1, 3] = 1) -> Plane:
    """`plane` sampled where `matrix` takes each pixel; beyond the image, its nearest pixel.

    Args:
        plane: (height, width) of UV.
        matrix: (3, 3); takes (x, y, 1) of the result to (x, y, 1) of `plane`.
        order: of the interpolating spline: 1 bilinear, 3 cubic.
    """
    # SciPy counts rows first.
    swapped = matrix[np.ix_([1, 0, 2], [1, 0, 2])]
    moved: Plane = ndimage.affine_transform(plane, swapped, order=order, mode="nearest")
    return moved


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
        mask: (height, width), on the grid of RGB; one that is the whole frame says nothing of places and
            stays.
        to_uv: (3, 3), of `registration_matrix`.

    Returns:
        A mask of the same shape; what lies beyond the frame of UV is left out.
    """
    if is_unmoved(to_uv) or mask.all():
        return mask
    back = np.linalg.inv(to_uv)
    # SciPy counts (row, column) and samples at matrix @ output + offset.
    flat = ndimage.affine_transform(
        mask.astype(np.uint8), back[1::-1, 1::-1], offset=back[1::-1, 2], order=0, mode="constant"
    )
    laid: Mask = flat > 0
    return laid


def pixels_in_uv(pixels: Pixels, to_uv: Matrix, shape: tuple[int, int]) -> tuple[Pixels, NDArray[np.bool_]]:
    """The pixels of UV nearest to where pixels of RGB lie in it, and which of these have one.

    Args:
        pixels: (pixels,), flat numbers on the grid of RGB.
        to_uv: (3, 3), of `registration_matrix`.
        shape: (height, width) of both.

    Returns:
        Flat numbers of UV's pixels, as many as the second, (pixels,), has True.
    """
    height, width = shape
    if is_unmoved(to_uv):
        return pixels, np.ones(len(pixels), np.bool_)
    y, x = np.divmod(pixels, width)
    column, row = (np.rint(a * x + b * y + c).astype(np.intp) for a, b, c in to_uv[:2])
    is_inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return (row * width + column)[is_inside], is_inside
