"""How far one plane of edges lies from another, and whether they fit there better than around it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from xmodal_pipeline.imaging.capture import Mask
from xmodal_pipeline.imaging.registration.geometry import Shift
from xmodal_pipeline.imaging.registration.views import DETAIL_BORDER_PX, Detail
from xmodal_pipeline.imaging.structure import Plane

Values = NDArray[np.float32]
Indices = NDArray[np.intp]

_UPSAMPLING = 10
"""Grid points per pixel around the peak; a parabola through three of them does the rest."""
_RING_PX = 4
_RING = tuple(
    (dx, dy) for step in (2, 4) for dx in (-step, 0, step) for dy in (-step, 0, step) if (dx, dy) != (0, 0)
)
_MAX_SAMPLES = 8_000
"""Pixels looked at per position: more do not move the estimates."""
_MIN_SAMPLES = 200
_LEVELS = 16
"""Grey levels of the joint histogram: few enough that 200 pixels fill it."""


class Margin(NamedTuple):
    """A self-referenced score: no absolute similarity tells misaligned pictures from different ones."""

    score: float
    """Correlation of edge strengths where the planes are, -1 to 1."""
    margin: float
    """Score less the best score 2 or 4 px away in x, y or both; negative when moving would help."""


def find_shift(first: Plane, second: Plane, window: Plane, *, limit_px: float) -> Shift:
    """Shift of `second` relative to `first` where their windowed cross-correlation peaks.

    Planes are centred before windowing: otherwise the window, which is the same for both, would
    correlate with itself and claim a shift of zero.

    Args:
        first: edge strength of RGB.
        second: edge strength of UV, same shape.
        window: weight of each pixel, same shape, 0 to 1.
        limit_px: shifts beyond this in x or y are not considered.

    References:
        Guizar-Sicairos et al., Efficient subpixel image registration, Opt. Lett. 33 (2008) 156-158:
        the peak refined by a matrix Fourier transform. Not normalised: phase correlation follows noise.
    """
    height, width = (int(fft.next_fast_len(size, real=True)) for size in first.shape)
    spectrum = np.conj(fft.rfft2(_windowed(first, window), s=(height, width)))
    spectrum *= fft.rfft2(_windowed(second, window), s=(height, width))
    surface = fft.irfft2(spectrum, s=(height, width))
    reach_y, reach_x = (int(min(np.ceil(limit_px), size // 2 - 1)) for size in (height, width))
    near = np.roll(surface, (reach_y, reach_x), axis=(0, 1))[: 2 * reach_y + 1, : 2 * reach_x + 1]
    row, column = np.unravel_index(int(np.argmax(near)), near.shape)
    return _refined_peak(spectrum, (height, width), int(row) - reach_y, int(column) - reach_x)


def _windowed(plane: Plane, window: Plane) -> Plane:
    centred = plane - np.float32(np.vdot(plane, window) / window.sum())
    centred *= window
    return centred


def _refined_peak(
    spectrum: NDArray[np.complexfloating], shape: tuple[int, int], row: int, column: int
) -> Shift:
    offsets = np.arange(-_UPSAMPLING, _UPSAMPLING + 1) / _UPSAMPLING
    rows, columns = row + offsets, column + offsets
    # A real transform holds half of the columns' frequencies: all but the first (and an even length's
    # last) stand for two.
    frequencies = fft.rfftfreq(shape[1])
    weight = np.where((frequencies == 0) | (frequencies == 0.5), 1.0, 2.0)
    left = np.exp(2j * np.pi * np.outer(rows, fft.fftfreq(shape[0]))).astype(np.complex64)
    right = (np.exp(2j * np.pi * np.outer(frequencies, columns)) * weight[:, None]).astype(np.complex64)
    fine = (left @ spectrum @ right).real
    i, j = (int(index) for index in np.unravel_index(int(np.argmax(fine)), fine.shape))
    return Shift(
        float(columns[j]) + _vertex(fine[i, :], j) / _UPSAMPLING,
        float(rows[i]) + _vertex(fine[:, j], i) / _UPSAMPLING,
    )


def _vertex(values: NDArray[np.floating], peak: int) -> float:
    """Where the parabola through the peak and its neighbours is highest, relative to the peak."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, here, after = (float(values[peak + step]) for step in (-1, 0, 1))
    curvature = before - 2 * here + after
    return 0.5 * (before - after) / curvature if curvature < 0 else 0.0


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
    rows, columns = sample_pixels(detail.counts, _MAX_SAMPLES)
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


def sample_pixels(counts: Mask, most: int) -> tuple[Indices, Indices]:
    """Rows and columns of the pixels that count, evenly thinned to at most `most`."""
    rows, columns = np.nonzero(counts)
    thinning = 1 + len(rows) // most
    return rows[::thinning], columns[::thinning]


def edge_information(first: Plane, second: Plane, counts: Mask) -> float:
    """Normalised mutual information of two planes of edge strength over the pixels that count."""
    one, other = first[counts], second[counts]
    return normalised_mutual_information(
        to_levels(one, one, _LEVELS), to_levels(other, other, _LEVELS), _LEVELS
    )


def to_levels(plane: Plane, sample: Values, levels: int) -> Indices:
    """`plane` as levels from 0, each with as many pixels of the sample."""
    cuts = np.quantile(sample, np.linspace(0, 1, levels + 1)[1:-1]).astype(np.float32)
    return np.searchsorted(cuts, plane.ravel()).reshape(plane.shape)
