"""Rotation, scale and shift together, by mutual information; needs the extra [registration]."""

import importlib
import importlib.util
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xmodal_pipeline.imaging.registration_gate import edge_information
from xmodal_pipeline.imaging.registration_shift import find_shift
from xmodal_pipeline.imaging.registration_view import View
from xmodal_pipeline.imaging.structure import Plane, eroded

Matrix = NDArray[np.float64]
"""3 × 3, homogeneous: takes (x, y, 1) of RGB to (x, y, 1) of UV."""

_ANGLES_DEG = np.arange(-15.0, 16.0, 3.0)
_SCALES = (0.9, 0.95, 1.0, 1.05, 1.1)
_STARTS = 3
"""Best starting places that mutual information refines."""
_BINS = 32
_ITERATIONS = 150
_NO_DATA_PX = 2
"""Pixels beside missing ones that reduction has mixed with them."""


def is_similarity_available() -> bool:
    """Whether SimpleITK is installed."""
    return importlib.util.find_spec("SimpleITK") is not None


def similarity(
    *, angle_rad: float, scale: float, shift: tuple[float, float], centre: tuple[float, float]
) -> Matrix:
    """Matrix of a rotation and scale about `centre`, (x, y), followed by a shift, (dx, dy).

    A positive angle takes the x axis towards the y axis: clockwise as seen, because y points down.
    """
    cosine, sine = scale * np.cos(angle_rad), scale * np.sin(angle_rad)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    matrix[:2, 2] = np.asarray(centre) + np.asarray(shift) - turn @ np.asarray(centre)
    return matrix


def warp(plane: Plane, matrix: Matrix, *, order: Literal[1, 3] = 1) -> Plane:
    """`plane` sampled where `matrix` takes each pixel; beyond the image, its nearest pixel.

    Args:
        plane: (height, width) of UV.
        matrix: takes (x, y, 1) of the result to (x, y, 1) of `plane`.
        order: of the interpolating spline: 1 bilinear, 3 cubic.
    """
    # SciPy counts rows first.
    swapped = matrix[np.ix_([1, 0, 2], [1, 0, 2])]
    moved: Plane = ndimage.affine_transform(plane, swapped, order=order, mode="nearest")
    return moved


def fit_similarity(points: NDArray[np.float64], images: NDArray[np.float64]) -> tuple[Matrix, float]:
    """Least-squares similarity that takes points to their images.

    Args:
        points: (n, 2), (x, y) of RGB, at least two different ones.
        images: (n, 2), (x, y) of UV.

    Returns:
        The matrix, and the root mean square distance that is left.

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


def find_similarity(view: View, *, limit_px: float) -> Matrix:
    """The rotation, scale and shift of UV relative to RGB with the most mutual information.

    A grid of rotations (±15°) and scales (±10 %), each with the shift of its edges, gives the starting
    places; Mattes mutual information, which survives inverted contrast, refines the best three.

    Args:
        view: an overview.
        limit_px: largest shift in x or y.

    Returns:
        Matrix in pixels of the overview.

    Raises:
        ModuleNotFoundError: without SimpleITK (`pip install xmodal-pipeline[registration]`).
    """
    sitk = importlib.import_module("SimpleITK")
    results = [_refine(sitk, view, start) for start in _starts(view, limit_px)]
    return min(results, key=lambda result: result[0])[1]


def _starts(view: View, limit_px: float) -> list[Matrix]:
    height, width = view.rgb.shape
    centre = (width - 1) / 2, (height - 1) / 2
    ranked = []
    for angle, scale in product(np.deg2rad(_ANGLES_DEG), _SCALES):
        turn = similarity(angle_rad=float(angle), scale=scale, shift=(0, 0), centre=centre)
        moved = warp(view.uv_edges, turn)
        shift = find_shift(view.rgb_edges, moved, view.window, limit_px=limit_px)
        whole = round(shift.dx_px), round(shift.dy_px)
        there = np.roll(moved, (-whole[1], -whole[0]), axis=(0, 1))
        score = edge_information(view.rgb_edges, there, view.counts)
        back = similarity(angle_rad=0.0, scale=1.0, shift=(shift.dx_px, shift.dy_px), centre=(0, 0))
        ranked.append((score, turn @ back))
    ranked.sort(key=lambda entry: -entry[0])
    return [matrix for _, matrix in ranked[:_STARTS]]


def _refine(sitk: Any, view: View, start: Matrix) -> tuple[float, Matrix]:
    height, width = view.rgb.shape
    centre = (width - 1) / 2, (height - 1) / 2
    transform = sitk.Similarity2DTransform()
    transform.SetCenter(centre)
    transform.SetScale(float(np.sqrt(np.linalg.det(start[:2, :2]))))
    transform.SetAngle(float(np.arctan2(start[1, 0], start[0, 0])))
    transform.SetTranslation(tuple(start[:2, :2] @ centre + start[:2, 2] - centre))
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricFixedMask(sitk.GetImageFromArray(view.counts.astype(np.uint8)))
    # Exactly 0 is no light but no data: cut away, or beyond the frame of an image that was turned before.
    seen = eroded(view.uv > 0, _NO_DATA_PX)
    method.SetMetricMovingMask(sitk.GetImageFromArray(seen.astype(np.uint8)))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, _ITERATIONS, gradientMagnitudeTolerance=1e-8)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([1.0, 0.0])
    # One thread: sums in a fixed order give the same bits in every run.
    method.SetNumberOfThreads(1)
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(sitk.GetImageFromArray(view.rgb), sitk.GetImageFromArray(view.uv))
    shift = transform.GetTranslation()
    found = similarity(
        angle_rad=transform.GetAngle(), scale=transform.GetScale(), shift=tuple(shift), centre=centre
    )
    return float(method.GetMetricValue()), found
