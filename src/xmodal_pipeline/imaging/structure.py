"""What registration and quality look at in a picture: brightness, edges, noise, and where they count."""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xmodal_pipeline.imaging.capture import Bands, Mask

_Kind = TypeVar("_Kind", bound=np.generic)

Plane = NDArray[np.float32]
"""(height, width): one number per pixel."""

_STRIP_PX = 1_000_000
_FLOOR = 0.03
"""Of stabilised brightness, as a share of the light (99th percentile) of a picture; decision 0047."""
_STRIDE = 4
"""Every such row and column is enough to find that percentile."""
_IMMERKAER = np.sqrt(np.pi / 2) / 6
"""Turns the mean absolute response of the noise kernel into a standard deviation (Immerkaer 1996, eq. 1)."""


class Box(NamedTuple):
    """Part of an image in whole pixels: rows top to bottom - 1, columns left to right - 1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    def cut(self, plane: NDArray[_Kind]) -> NDArray[_Kind]:
        """The part of (…, height, width) inside the box; a view."""
        part: NDArray[_Kind] = plane[..., self.top : self.bottom, self.left : self.right]
        return part


def mask_box(mask: Mask, padding_px: int) -> Box:
    """The mask's bounding box, padded and kept inside the image.

    Args:
        mask: (height, width), True somewhere.
        padding_px: on every side.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = mask.shape
    return Box(
        max(0, int(rows[0]) - padding_px),
        max(0, int(columns[0]) - padding_px),
        min(height, int(rows[-1]) + 1 + padding_px),
        min(width, int(columns[-1]) + 1 + padding_px),
    )


def brightness(bands: Bands) -> Plane:
    """Mean over the bands of one modality."""
    total: Plane = bands[0].astype(np.float32)
    for band in bands[1:]:
        total += band
    total /= len(bands)
    return total


def stabilised_brightness(bands: Bands) -> Plane:
    """Root of brightness above a floor: an edge in shade weighs as much as one in light.

    Of values proportional to light, nearly all gradient lies in the brightest parts of a picture, and so does
    the noise: shot noise grows as the root of the light. Near black it is read noise, which does not grow.

    Args:
        bands: (bands, height, width); below 0 counts as 0.

    References:
        Anscombe, The transformation of Poisson, binomial and negative-binomial data, Biometrika 35 (1948)
        246-254.
    """
    light = brightness(bands)
    np.maximum(light, 0, out=light)
    light += np.float32(_FLOOR * np.quantile(light[::_STRIDE, ::_STRIDE], 0.99))
    root: Plane = np.sqrt(light, out=light)
    return root


def block_mean(plane: NDArray[Any], factor: int) -> Plane:
    """Mean over blocks of factor × factor pixels; an incomplete block at the end is left out.

    Args:
        plane: (height, width), numbers or booleans.
        factor: side of a block in pixels.
    """
    height, width = (size // factor * factor for size in plane.shape)
    if factor == 1:
        return plane.astype(np.float32)
    # Strided sums: much faster than a mean over axes of a few elements each.
    rows = plane[0:height:factor, :width].astype(np.float32)
    for start in range(1, factor):
        rows += plane[start:height:factor, :width]
    total = rows[:, 0::factor].copy()
    for start in range(1, factor):
        total += rows[:, start::factor]
    total /= factor * factor
    return total


def smoothed(plane: Plane) -> Plane:
    """Binomial weights 1 4 6 4 1 along both axes (sd 1 px); nearest pixel beyond the frame."""
    padded = np.pad(plane, 2, mode="edge")
    rows = _binomial(padded[:-4], padded[1:-3], padded[2:-2], padded[3:-1], padded[4:])
    return _binomial(rows[:, :-4], rows[:, 1:-3], rows[:, 2:-2], rows[:, 3:-1], rows[:, 4:])


def edge_strength(plane: Plane) -> Plane:
    """Gradient magnitude after light smoothing: the same whether contrast is inverted or not."""
    smooth = np.pad(smoothed(plane), 1, mode="edge")
    along = smooth[1:-1, 2:] - smooth[1:-1, :-2]
    down = smooth[2:, 1:-1] - smooth[:-2, 1:-1]
    along *= along
    down *= down
    along += down
    strength: Plane = np.sqrt(along, out=along)
    strength *= np.float32(0.5)
    return strength


def _binomial(a: Plane, b: Plane, c: Plane, d: Plane, e: Plane) -> Plane:
    total = b + d
    total *= np.float32(4)
    total += a
    total += e
    total += np.float32(6) * c
    total *= np.float32(1 / 16)
    return total


def eroded(mask: Mask, by_px: int) -> Mask:
    """Pixels whose square of half-width `by_px` lies inside the mask."""
    share = ndimage.uniform_filter(mask.astype(np.float32), 2 * by_px + 1, mode="nearest")
    return share > 1 - 0.5 / (2 * by_px + 1) ** 2


def dilated(mask: Mask, by_px: int) -> Mask:
    """Pixels whose square of half-width `by_px` meets the mask."""
    share = ndimage.uniform_filter(mask.astype(np.float32), 2 * by_px + 1, mode="nearest")
    return share > 0.5 / (2 * by_px + 1) ** 2


def noise_response(bands: Bands) -> Bands:
    """Absolute response of Immerkaer's kernel, blind to planes and straight edges.

    Args:
        bands: (…, height, width).

    Returns:
        (…, height - 2, width - 2); its mean times `√(π/2)/6` is the noise standard deviation.

    References:
        J. Immerkær, Fast noise variance estimation, CVIU 64 (1996) 300-302.
    """
    rows = bands[..., :-2, :] - 2 * bands[..., 1:-1, :]
    rows += bands[..., 2:, :]
    response = rows[..., :-2] - 2 * rows[..., 1:-1]
    response += rows[..., 2:]
    return np.abs(response, out=response)


def row_strips(shape: tuple[int, ...], halo: int = 0) -> Iterator[tuple[slice, slice]]:
    """Whole rows of a plane in strips of about a million pixels, so that work on them takes little memory.

    Args:
        shape: (height, width) of the plane.
        halo: rows that each strip shows of its neighbours, and that its result leaves out.

    Yields:
        The rows to take, and of these the rows to keep.
    """
    height, width = shape
    step = max(1, _STRIP_PX // max(width, 1))
    for top in range(0, height, step):
        bottom = min(height, top + step)
        first = max(0, top - halo)
        yield slice(first, min(height, bottom + halo)), slice(top - first, bottom - first)


def noise_sd(bands: Bands, mask: Mask) -> NDArray[np.float64]:
    """Noise standard deviation of each band inside the mask, from Immerkaer's kernel.

    Args:
        bands: (bands, height, width).
        mask: pixels that count; the image's outermost rows and columns never do.
    """
    height, width = mask.shape
    counts = mask[1:-1, 1:-1]
    totals, n = np.zeros(len(bands)), 0
    for rows, _ in row_strips((height - 2, width)):
        inside = np.flatnonzero(counts[rows])
        n += len(inside)
        if len(inside):
            strip = slice(rows.start, rows.stop + 2)
            means = [noise_response(band[strip]).ravel()[inside].mean() for band in bands]
            totals += np.array(means, dtype=np.float64) * len(inside)
    return _IMMERKAER * totals / n if n else np.full(len(bands), np.nan)


def moments(values: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation (over n) of each row of (bands, pixels).

    Means add pairwise and squares in blocks, so float32 loses nothing that a camera measured.

    Args:
        values: (bands, pixels).
    """
    mean = values.mean(axis=1)
    centred = (row - level for row, level in zip(values, mean, strict=True))
    squares = [float(np.dot(row, row)) for row in centred]
    return mean.astype(np.float64), np.sqrt(np.array(squares) / values.shape[1])
