"""Rotation and scale of UV: small ones by the orientation of edges, larger ones by mutual information.

Mutual information needs the extra [registration].
"""

import importlib
import importlib.util
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xmodal_pipeline.imaging.registration.geometry import Matrix, image_centre, parts_of, similarity, warp
from xmodal_pipeline.imaging.registration.matching import (
    Indices,
    Values,
    edge_information,
    find_shift,
    normalised_mutual_information,
    sample_pixels,
    to_levels,
)
from xmodal_pipeline.imaging.registration.views import View, inside
from xmodal_pipeline.imaging.structure import Plane, eroded, mask_box

_STEPS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Steps of rotation and scale."""
_COARSE_SAMPLES, _FINE_SAMPLES = 2_000, 2_500
"""Pixels looked at per position: more do not move the estimates."""
_MIN_SAMPLES = 200
_LEVELS = 16
"""Grey levels of the joint histogram: few enough that 200 pixels fill it."""
_MARGIN_PX = 3
"""Distance of the pixels looked at from the outline, which blur moves outward as a larger scale would."""
_REACH_PX = 8
"""Room around the specimen for its shift to change, and for the smoothing."""
_SOFT_SIGMA_PX, _SHARP_SIGMA_PX = 1.0, 0.5
_SOFT_CLIMBS, _SHARP_CLIMBS = 3, 10
_MAX_STEP_PX, _DONE_PX = 1.0, 0.02
"""Longest move of one climb, and the move that ends it, at the root mean square radius."""
_FLOOR = 0.05
"""Of the mean edge strength, below which an edge counts less: there is noise."""
_BLOCK = 0.4
"""Side of the blocks in which two fields are compared, in root mean square radii: some 40 to a specimen."""
_LEAST_COMMON = 0.05
"""Correlation of two fields, in a block and in all, where they have less or nothing in common."""
_CORRELATED_PX = 2.0
"""Neighbouring pixels of a smoothed field that count as one."""
_ROTATION_BIAS_PX, _SCALE_BIAS_PX = 0.03, 0.05
"""Standard deviation, at the root mean square radius, of what two modalities of one specimen in perfect
register still differ by: their patterns differ, all over the specimen, so that neither noise nor the scatter
between its parts shows it. On simulated captures, see docs/decisions/0045 and benchmarks/registration.py."""

_ANGLES_DEG = np.arange(-15.0, 16.0, 3.0)
_SCALES = (0.9, 0.95, 1.0, 1.05, 1.1)
_STARTS = 3
"""Best starting places that mutual information refines."""
_BINS = 32
_ITERATIONS = 150
_NO_DATA_PX = 2
"""Pixels beside missing ones that reduction has mixed with them."""

Place = NDArray[np.float64]
"""(dx, dy, a, b): a point (x, y) from the specimen's centre is at (a·x - b·y + dx, b·x + a·y + dy) in UV."""
Field = NDArray[np.float32]
"""(2, height, width): a vector per pixel."""


class Turn(NamedTuple):
    """Rotation and scale of UV relative to RGB, with their standard deviations."""

    rotation_deg: float
    scale: float
    rotation_sd_deg: float
    scale_sd: float
    uncertainty_px: float
    """Of the rotation, at the root mean square radius in pixels of the overview: edges of pictures that have
    nothing in common tell no place."""


def find_turn(view: View, shift: tuple[float, float]) -> Turn | None:
    """Rotation and scale of UV about the specimen's centre, near none, after a known shift.

    Mutual information of edge strengths on a few steps of rotation and of scale says where to begin. From
    there edge orientations of UV are fitted to those of RGB, shift, rotation and scale together: rotation on
    edges as they are, whose signal is strongest; scale on the finest edges only, because broad ones follow
    the light and the colour of patches, which differ between the modalities. Only the inside of the specimen
    is asked, and parts where edges agree count most: a spot that one modality alone shows is no evidence.

    Args:
        view: an overview.
        shift: (dx, dy) of UV in pixels of the overview.

    Returns:
        The estimate, or None where the inside is too small to ask.

    References:
        Baker & Matthews, Lucas-Kanade 20 years on: a unifying framework, IJCV 56 (2004) 221-255: the climb
        by the changes of the fixed picture (inverse compositional), with a gain.
        Irani & Anandan, Robust multi-sensor image alignment, ICCV (1998) 959-966: correlation by parts of
        the image, because what sensors share is local.
    """
    rows, columns = sample_pixels(inside(view), _COARSE_SAMPLES)
    if len(rows) < _MIN_SAMPLES:
        return None
    place = _first_place(view, rows, columns, shift)
    reach = _REACH_PX + int(np.ceil(max(map(abs, shift))))
    box = mask_box(view.mask, reach)
    counts = eroded(box.cut(view.mask), _MARGIN_PX)
    rgb, uv = box.cut(view.rgb), box.cut(view.uv)
    # The centre of the finer sample differs by a part of a pixel: rotation and scale are the same about any.
    points = sample_pixels(counts, _FINE_SAMPLES)
    radius = _Grid.about_centre(*points, shift).radius
    place, rotation_sd, _ = _climb(
        _soft_field(rgb), _soft_field(uv), points, place, climbs=_SOFT_CLIMBS, bias_px=_ROTATION_BIAS_PX
    )
    rotation = np.rad2deg(np.arctan2(place[3], place[2]))
    place, _, scale_sd = _climb(
        _sharp_field(rgb), _sharp_field(uv), points, place, climbs=_SHARP_CLIMBS, bias_px=_SCALE_BIAS_PX
    )
    scale = np.hypot(place[2], place[3])
    return Turn(float(rotation), float(scale), float(np.rad2deg(rotation_sd)), scale_sd, rotation_sd * radius)


def _first_place(view: View, rows: Indices, columns: Indices, shift: tuple[float, float]) -> Place:
    """Normalised mutual information of edge strengths at up to ±2 steps of rotation, then of scale.

    A parabola through the best and its neighbours says where between. A step is 1° and 1 %, or what moves the
    specimen by one pixel where that is more. Pixels are read from the nearest place: interpolation would
    smooth some positions and not others, and smooth copies share more.
    """
    grid = _Grid.about_centre(rows, columns, shift)
    here = rows, columns
    first = to_levels(view.rgb_edges[here], view.rgb_edges[here], _LEVELS)
    second = to_levels(view.uv_edges, view.uv_edges[here], _LEVELS)

    def score(*, angle: float = 0.0, scale: float = 1.0) -> float:
        there = grid.moved(second.shape, angle=angle, scale=scale)
        return normalised_mutual_information(first, second[there], _LEVELS)

    angle = grid.step * _peak([score(angle=step * grid.step) for step in _STEPS])
    scale = 1 + grid.step * _peak([score(scale=1 + step * grid.step) for step in _STEPS])
    return np.array([*shift, scale * np.cos(angle), scale * np.sin(angle)])


class _Grid(NamedTuple):
    """Sampled pixels relative to their centre, and where that centre lies in UV."""

    x: Values
    y: Values
    origin: tuple[float, float]
    radius: float
    """Root mean square distance from the centre."""
    step: float
    """One step of rotation in radians and of scale as a share."""

    @classmethod
    def about_centre(cls, rows: Indices, columns: Indices, shift: tuple[float, float]) -> "_Grid":
        centre = float(columns.mean()), float(rows.mean())
        x, y = (columns - centre[0]).astype(np.float32), (rows - centre[1]).astype(np.float32)
        radius = float(np.sqrt(np.mean(x * x + y * y)))
        step = max(float(np.deg2rad(1.0)), 1.0 / radius)
        return cls(x, y, (centre[0] + shift[0], centre[1] + shift[1]), radius, step)

    def moved(
        self, shape: tuple[int, ...], *, angle: float = 0.0, scale: float = 1.0
    ) -> tuple[Indices, Indices]:
        cosine, sine = np.float32(scale * np.cos(angle)), np.float32(scale * np.sin(angle))
        columns = np.rint(cosine * self.x - sine * self.y + np.float32(self.origin[0])).astype(np.intp)
        rows = np.rint(sine * self.x + cosine * self.y + np.float32(self.origin[1])).astype(np.intp)
        return np.clip(rows, 0, shape[0] - 1), np.clip(columns, 0, shape[1] - 1)


def _peak(scores: list[float]) -> float:
    """Step at which the parabola through the best score and its neighbours is highest."""
    best = min(max(int(np.argmax(scores)), 1), len(scores) - 2)
    before, here, after = scores[best - 1 : best + 2]
    curvature = before - 2 * here + after
    # Still rising at the last step: the peak is there or beyond.
    beyond = 0.5 * (before - after) / curvature if curvature < 0 else float(np.sign(after - before))
    return float(np.clip(_STEPS[best] + beyond, _STEPS[0], _STEPS[-1]))


def _soft_field(plane: Plane) -> Field:
    return _orientations(ndimage.gaussian_filter(plane, _SOFT_SIGMA_PX))


def _sharp_field(plane: Plane) -> Field:
    fine = ndimage.gaussian_filter(plane, _SHARP_SIGMA_PX)
    return _orientations(fine - ndimage.gaussian_filter(plane, 2 * _SHARP_SIGMA_PX))


def _orientations(plane: Plane) -> Field:
    """Gradients at twice their angle, over the strength of edges around: the same for inverted contrast."""
    down, across = _gradient(plane)
    squared = across * across + down * down
    around = ndimage.uniform_filter(squared, 2 * _MARGIN_PX + 1)
    around = np.sqrt(np.maximum(around, 0, out=around), out=around)
    strength = np.sqrt(squared) * (around + np.float32(_FLOOR * float(around.mean())))
    strength += np.float32(np.finfo(np.float32).tiny)
    return np.stack([(across * across - down * down) / strength, 2 * across * down / strength])


def _gradient(plane: Plane) -> tuple[Plane, Plane]:
    down, across = np.zeros_like(plane), np.zeros_like(plane)
    np.subtract(plane[2:], plane[:-2], out=down[1:-1])
    np.subtract(plane[:, 2:], plane[:, :-2], out=across[:, 1:-1])
    return down, across


def _climb(
    first: Field,
    second: Field,
    points: tuple[Indices, Indices],
    place: Place,
    *,
    climbs: int,
    bias_px: float,
) -> tuple[Place, float, float]:
    """Where `second` fits `first` best, and the standard deviations of rotation and scale."""
    rows, columns = points
    grid = _Grid.about_centre(rows, columns, (0.0, 0.0))
    x, y, centre, radius = grid.x, grid.y, grid.origin, grid.radius
    fixed = first[:, rows, columns].ravel()
    changes = _changes(first, points, grid)
    blocks = _blocks(grid)
    splines = [ndimage.spline_filter(plane, output=np.float32) for plane in second]  # cubic
    for _ in range(climbs):
        dx, dy, a, b = place
        there = [b * x + a * y + (centre[1] + dy), a * x - b * y + (centre[0] + dx)]
        moving = np.concatenate(
            [ndimage.map_coordinates(one, there, order=3, prefilter=False, mode="nearest") for one in splines]
        )
        step, _ = _step(fixed, moving, changes, _agreement(fixed, moving, blocks))
        longest = float(np.abs(step).max())
        step *= min(1.0, _MAX_STEP_PX / longest) if longest > 0 else 1.0
        place = place + step / np.array([1, 1, radius, radius])
        if longest < _DONE_PX:
            break
    # Of the unweighted step: where two pictures share nothing, blocks that agree by chance weigh most.
    _, covariance = _step(fixed, moving, changes, np.ones_like(fixed))
    scale_sd, rotation_sd = np.sqrt(np.diag(covariance)[2:] + bias_px**2) / radius
    return place, float(rotation_sd), float(scale_sd)


def _changes(field: Field, points: tuple[Indices, Indices], grid: _Grid) -> Values:
    """(4, n): how a field's values change with dx, dy, scale and rotation, in pixels at the radius."""
    slopes = [_gradient(plane) for plane in field]
    slope_y, slope_x = (np.concatenate([pair[k][points] for pair in slopes]) / 2 for k in (0, 1))
    u, v = (np.tile(along, 2) / np.float32(grid.radius) for along in (grid.x, grid.y))
    return np.stack([slope_x, slope_y, slope_x * u + slope_y * v, slope_y * u - slope_x * v])


def _blocks(grid: _Grid) -> Indices:
    """Number of the square block in which each pixel lies."""
    column, row = (np.floor(along / (_BLOCK * grid.radius)).astype(np.intp) for along in (grid.x, grid.y))
    column, row = column - column.min(), row - row.min()
    return np.asarray(row * (column.max() + 1) + column, dtype=np.intp)


def _agreement(first: Values, second: Values, blocks: Indices) -> Values:
    """Weight of each value of two fields, mean 1: their correlation within its block."""

    def total(values: Values) -> NDArray[np.float64]:
        return np.bincount(blocks, values.reshape(2, -1).sum(0)).astype(np.float64, copy=False)

    norm = np.sqrt(total(first * first) * total(second * second)) + np.finfo(np.float32).tiny
    weight = np.maximum(total(first * second) / norm, _LEAST_COMMON)[blocks]
    return np.tile(weight / weight.mean(), 2).astype(np.float32)


def _step(
    fixed: Values, moving: Values, changes: Values, weight: Values
) -> tuple[Place, NDArray[np.float64]]:
    """The move that takes `moving` to `fixed`, in pixels at the radius, and its covariance.

    Least squares of `moving` on `fixed` and its changes. None of these knows an edge that `moving` alone
    shows; in the changes of `moving` itself it would meet itself, and look like another scale.
    """
    known = np.concatenate([changes, fixed[None]])
    known = known - (known @ weight / weight.sum())[:, None]
    moving = moving - moving @ weight / weight.sum()
    normal = ((known * weight) @ known.T).astype(np.float64)
    normal += np.eye(5) * (1e-6 * np.trace(normal) + np.finfo(np.float32).tiny)
    found = np.linalg.solve(normal, (known * weight) @ moving)
    left = moving - found.astype(np.float32) @ known
    gain = max(float(found[4]), _LEAST_COMMON)
    variance = float((weight * left) @ left) / len(left) * _CORRELATED_PX / gain**2
    covariance = np.asarray(variance * np.linalg.inv(normal)[:4, :4], dtype=np.float64)
    return -found[:4] / gain, covariance


def is_similarity_available() -> bool:
    """Whether SimpleITK is installed."""
    return importlib.util.find_spec("SimpleITK") is not None


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
    centre = image_centre((view.rgb.shape[0], view.rgb.shape[1]))
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
    centre = image_centre((view.rgb.shape[0], view.rgb.shape[1]))
    angle_rad, scale, shift = parts_of(start, centre)
    transform = sitk.Similarity2DTransform()
    transform.SetCenter(centre)
    transform.SetScale(scale)
    transform.SetAngle(angle_rad)
    transform.SetTranslation(tuple(shift))
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
    # One work unit: several, even on one thread, are summed in the order in which they end, and a place
    # differs from run to run by up to .003 px. So it has the same bits in every run on one machine.
    method.SetNumberOfWorkUnits(1)
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(sitk.GetImageFromArray(view.rgb), sitk.GetImageFromArray(view.uv))
    found = similarity(
        angle_rad=transform.GetAngle(),
        scale=transform.GetScale(),
        shift=tuple(transform.GetTranslation()),
        centre=centre,
    )
    return float(method.GetMetricValue()), found
