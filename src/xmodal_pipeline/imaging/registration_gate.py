"""Whether two planes lie on one another: the score where they are against the scores around it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.imaging.capture import Mask
from xmodal_pipeline.imaging.registration_view import DETAIL_BORDER_PX, Detail, View, inside
from xmodal_pipeline.imaging.structure import Plane

Values = NDArray[np.float32]
Indices = NDArray[np.intp]

_RING_PX = 4
_RING = tuple(
    (dx, dy) for step in (2, 4) for dx in (-step, 0, step) for dy in (-step, 0, step) if (dx, dy) != (0, 0)
)
_STEPS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Steps of rotation and scale."""
_MAX_SAMPLES = 8_000
"""Pixels looked at per position: more do not move the estimates."""
_MIN_SAMPLES = 200
_ROTATION_SD, _SCALE_SD = 1.0, 2.0
"""Standard deviation of rotation (radians) and scale times the squared radius (px), on simulated captures of
96 to 512 px: benchmarks/registration.py."""
_LEVELS = 16
"""Grey levels of the joint histogram: few enough that 200 pixels fill it."""


class Margin(NamedTuple):
    """A self-referenced score: no absolute similarity tells misaligned pictures from different ones."""

    score: float
    """Correlation of edge strengths where the planes are, -1 to 1."""
    margin: float
    """Score less the best score 2 or 4 px away in x, y or both; negative when moving would help."""


class Turn(NamedTuple):
    """Rotation and scale of UV relative to RGB."""

    rotation_deg: float
    scale: float
    radius_px: float
    """Root mean square distance of the specimen's pixels from their centre, in pixels of the overview."""

    @property
    def rotation_sd_deg(self) -> float:
        """Uncertainty of the rotation: a share of a pixel at the radius, from about radius² pixels."""
        return float(np.rad2deg(_ROTATION_SD / self.radius_px**2))

    @property
    def scale_sd(self) -> float:
        """Uncertainty of the scale: larger, because blur and shading go with the distance from the centre."""
        return _SCALE_SD / self.radius_px**2


def correlation(first: Values, second: Values) -> float:
    """Pearson's correlation; 0 where either is constant."""
    a, b = first - np.float32(first.mean()), second - np.float32(second.mean())
    spread = float(np.vdot(a, a)) * float(np.vdot(b, b))
    return float(np.vdot(a, b)) / spread**0.5 if spread > 0 else 0.0


def normalised_mutual_information(first: Indices, second: Indices, levels: int) -> float:
    """(H(first) + H(second)) / H(first, second) of two rows of levels: 1 independent, 2 identical.

    References:
        Studholme et al., An overlap invariant entropy measure, Pattern Recognition 32 (1999) 71-86, eq. 9.
    """
    joint = np.bincount(first * levels + second, minlength=levels * levels).reshape(levels, levels)
    together = _entropy(joint)
    return (_entropy(joint.sum(0)) + _entropy(joint.sum(1))) / together if together > 0 else 1.0


def _entropy(counts: NDArray[np.integer]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def ring_margin(detail: Detail, place: tuple[float, float]) -> Margin:
    """Score at the given place and its margin over the ring.

    Every position is read at the same part of a pixel, so that none is smoother than another.

    Args:
        detail: both modalities.
        place: (dx, dy) of UV beyond the detail's offset, in its pixels, each less than 4 either way.
    """
    whole = [int(np.floor(length)) for length in place]
    fraction = place[0] - whole[0], place[1] - whole[1]
    left, top = (DETAIL_BORDER_PX - _RING_PX + length for length in whole)
    height, width = (size + 2 * _RING_PX for size in detail.rgb_edges.shape)
    edges = _part_of_pixel(detail.uv_edges, left, top, (height, width), fraction)
    seen = detail.uv_seen[top : top + height, left : left + width]
    rows, columns = _sample(detail.counts)
    values = detail.rgb_edges[rows, columns]
    is_all_seen = bool(seen.all())

    def score(dx: int, dy: int) -> float:
        there = rows + (_RING_PX + dy), columns + (_RING_PX + dx)
        if is_all_seen:
            return correlation(values, edges[there])
        usable = seen[there]
        if np.count_nonzero(usable) < _MIN_SAMPLES:
            return 0.0
        return correlation(values[usable], edges[there][usable])

    centre = score(0, 0)
    return Margin(centre, centre - max(score(dx, dy) for dx, dy in _RING))


def _part_of_pixel(
    plane: Plane, left: int, top: int, shape: tuple[int, int], fraction: tuple[float, float]
) -> Plane:
    """The part of `plane` from (left, top), read a fraction of a pixel to the right and down."""
    right, down = (np.float32(part) for part in fraction)
    block = plane[top : top + shape[0] + 1, left : left + shape[1] + 1]
    rows: Plane = (1 - down) * block[:-1] + down * block[1:]
    blend: Plane = (1 - right) * rows[:, :-1] + right * rows[:, 1:]
    return blend


def _sample(counts: Mask) -> tuple[Indices, Indices]:
    rows, columns = np.nonzero(counts)
    thinning = 1 + len(rows) // _MAX_SAMPLES
    return rows[::thinning], columns[::thinning]


def find_turn(view: View, shift: tuple[float, float]) -> Turn | None:
    """Rotation and scale of UV about the specimen's centre, near none, after a known shift.

    Normalised mutual information of edge strengths at up to ±2 steps of rotation, then of scale; a parabola
    through the best and its neighbours says where between. A step is 1° and 1 %, or what moves the specimen
    by one pixel where that is more. Pixels are read from the nearest place: interpolation would smooth some
    positions and not others, and smooth copies share more. Only the inside of the specimen is asked.

    Args:
        view: an overview.
        shift: (dx, dy) of UV in pixels of the overview.

    Returns:
        The estimate, or None where the inside is too small to ask.
    """
    rows, columns = _sample(inside(view))
    if len(rows) < _MIN_SAMPLES:
        return None
    grid = _Grid.about_centre(rows, columns, shift)
    here = rows, columns
    first = _levels(view.rgb_edges[here], view.rgb_edges[here])
    second = _levels(view.uv_edges, view.uv_edges[here])

    def score(*, angle: float = 0.0, scale: float = 1.0) -> float:
        there = grid.moved(second.shape, angle=angle, scale=scale)
        return normalised_mutual_information(first, second[there], _LEVELS)

    angle = grid.step * _peak([score(angle=step * grid.step) for step in _STEPS])
    scale = 1 + grid.step * _peak([score(scale=1 + step * grid.step) for step in _STEPS])
    return Turn(float(np.rad2deg(angle)), scale, grid.radius)


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


def edge_information(first: Plane, second: Plane, counts: Mask) -> float:
    """Normalised mutual information of two planes of edge strength over the pixels that count."""
    one, other = first[counts], second[counts]
    return normalised_mutual_information(_levels(one, one), _levels(other, other), _LEVELS)


def _levels(plane: Plane, sample: Values) -> Indices:
    """`plane` as `_LEVELS` levels, each with as many pixels of the sample."""
    cuts = np.quantile(sample, np.linspace(0, 1, _LEVELS + 1)[1:-1]).astype(np.float32)
    return np.searchsorted(cuts, plane.ravel()).reshape(plane.shape)


def _peak(scores: list[float]) -> float:
    """Step at which the parabola through the best score and its neighbours is highest."""
    best = min(max(int(np.argmax(scores)), 1), len(scores) - 2)
    before, here, after = scores[best - 1 : best + 2]
    curvature = before - 2 * here + after
    # Still rising at the last step: the peak is there or beyond.
    beyond = 0.5 * (before - after) / curvature if curvature < 0 else float(np.sign(after - before))
    return float(np.clip(_STEPS[best] + beyond, _STEPS[0], _STEPS[-1]))
