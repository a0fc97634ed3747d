"""Which pixels are the specimen: from a mask band, from alpha, or from a white background."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging.capture import Bands, Mask
from xmodal_pipeline.imaging.structure import Plane, row_strips

_MIN_WHITE = 0.7
"""The frame's border must reach this share of the image's bright level to count as a white background."""
_MIN_CONTRAST = 0.04
"""Departure from white that may belong to a specimen: twice the ripple that JPEG leaves on plain white."""
_SURE_CONTRAST = 0.08
"""Departure from white that every specimen reaches somewhere; ripple alone does not."""
_NOISE_FACTOR = 4.0
_MAD_TO_SD = 1.4826
"""SD of a normal distribution over its median absolute deviation."""
_MIN_COMPONENT = 0.02
"""Parts smaller than this share of the largest (dust, labels' dots) are left out; separate wings stay."""
_FITTED = 2000
"""Pixels of the border that the surface of the background is fitted to."""
_FITS = 4
_NEAR = 4.0
"""SDs from that surface within which a pixel of the border is background."""
_NEIGHBOURS = np.ones((3, 3), dtype=np.bool_)
_MOST_BRIGHT_PX = 4e6
"""Pixels of a band that its bright level is taken from."""
_SOFT_EDGE_PX = 2
"""How far JPEG and resizing smear an outline."""


def band_mask(band: NDArray[Any] | None, *, filename: str) -> Mask:
    """A mask from a mask band: 0 is background, one positive level (1, 255, 65535, True, 1.0) the specimen.

    Args:
        band: (height, width) as stored, any data type; None where the layout has no mask band.
        filename: for the message.

    Raises:
        CaptureRejected: BAD_MASK for no band, more than two levels or negative ones, EMPTY_MASK, FULL_MASK.
    """
    if band is None:
        reason = "mask must come from a band, the layout has none; set specimens.mask to another source"
        raise CaptureRejected(filename, CaptureCode.BAD_MASK, reason)
    top, bottom = band.max(), band.min()
    mask = np.asarray(band != 0)
    if bottom < 0 or (top > 0 and np.count_nonzero(band == top) != np.count_nonzero(mask)):
        levels = [level.item() for level in np.unique(band)[:5]]
        reason = f"mask must hold 0 and one positive level, got {levels}; export the mask without smoothing"
        raise CaptureRejected(filename, CaptureCode.BAD_MASK, reason)
    return separating(mask, filename=filename)


def alpha_mask(alpha: NDArray[Any] | None, *, filename: str) -> Mask:
    """A mask from an alpha channel: the specimen is where alpha passes half of opaque.

    Args:
        alpha: (height, width), unsigned integers up to their type's maximum or floats up to 1.
        filename: for the message.

    Raises:
        CaptureRejected: BAD_MASK where there is no alpha, EMPTY_MASK, FULL_MASK.
    """
    if alpha is None:
        reason = (
            "mask must come from an alpha channel, the file has none; set specimens.mask to another source"
        )
        raise CaptureRejected(filename, CaptureCode.BAD_MASK, reason)
    opaque = float(np.iinfo(alpha.dtype).max) if alpha.dtype.kind in "ui" else 1.0
    return separating(np.asarray(alpha > opaque / 2), filename=filename)


def white_background_mask(bands: Bands, *, filename: str) -> Mask:
    """The specimen on a white background, with its holes filled and its soft edge cut at half height.

    White is a quadratic surface through the frame's border, since lamps and lenses light it unevenly. A pixel
    departs from it by its largest difference over bands, as a share of white. Pixels that depart by more than
    noise and hang together with pixels that depart clearly are the specimen (hysteresis thresholding, Canny
    1986); small parts are dropped, holes filled, and of the outline the pixels below half the departure of
    their neighbours removed.

    Args:
        bands: (bands, height, width) in any linear scale.
        filename: for the message.

    Raises:
        CaptureRejected: FULL_MASK where the border is not white, EMPTY_MASK where nothing departs from it.
    """
    border = _border(bands.shape[1:])
    white = np.median(bands[:, *border], axis=1)
    step = max(1, int(np.sqrt(bands[0].size / _MOST_BRIGHT_PX)))
    bright = np.array([np.percentile(band[::step, ::step], 99) for band in bands])
    if not np.all(white > _MIN_WHITE * bright):
        reason = (
            "background must be white at the border of the frame, "
            f"got {np.round(white, 3).tolist()} beside a bright level of {np.round(bright, 3).tolist()}; "
            "set specimens.mask to another source"
        )
        raise CaptureRejected(filename, CaptureCode.FULL_MASK, reason)
    departure = _departure(bands, white)
    noise = float(np.median(departure[border])) * _MAD_TO_SD
    low = max(_MIN_CONTRAST, _NOISE_FACTOR * noise)
    high = max(_SURE_CONTRAST, 2 * low)
    mask = _hysteresis(departure, low, high)
    if not mask.any() and high > _SURE_CONTRAST:
        reason = (
            f"mask must select the specimen, got no pixel that departs from white by {high:.0%}: the border "
            f"itself departs from an even light by {noise:.0%}; light the background evenly, or set "
            "specimens.mask to another source"
        )
        raise CaptureRejected(filename, CaptureCode.EMPTY_MASK, reason)
    # Holes first: trimming must not open a pale patch to the outside. Crumbs of ripple come loose with it.
    mask = _trim_soft_edge(_fill_holes(mask), departure)
    del departure
    return separating(_fill_holes(_large_parts(mask)), filename=filename)


def _departure(bands: Bands, white: NDArray[Any]) -> Plane:
    """The largest difference from white over bands, as a share of it.

    Args:
        bands: (bands, height, width).
        white: (bands,) medians of the border.
    """
    shape = bands.shape[1:]
    rows, columns = (at[:: max(len(at) // _FITTED, 1)] for at in _border(shape))
    terms = _quadratic(rows, columns, shape)
    largest = np.zeros(shape, np.float32)
    for band, median in zip(bands, white, strict=True):
        surface = _fit_white(terms, band[rows, columns] / median) * median
        for strip, _ in row_strips(shape):
            at = np.arange(shape[0])[strip, None], np.arange(shape[1])[None]
            constant, x, y, xx, yy, xy = surface
            down, right = (2 * one / (n - 1) - 1 for one, n in zip(at, shape, strict=True))
            level = (constant + x * right + xx * right**2) + (y * down + yy * down**2) + xy * down * right
            level = np.clip(level, _MIN_WHITE * median, median / _MIN_WHITE).astype(np.float32)
            share = band[strip] / level
            share -= 1
            np.maximum(largest[strip], np.abs(share, out=share), out=largest[strip])
    return largest


def _fit_white(terms: NDArray[Any], level: NDArray[Any]) -> NDArray[Any]:
    """Coefficients of the surface, by trimmed least squares: a specimen may reach the border.

    Args:
        terms: of `_quadratic`, one row per pixel of the border.
        level: its brightness as a share of the border's median.
    """
    off = np.abs(level - 1)
    kept = off < 1 - _MIN_WHITE
    for _ in range(_FITS):
        kept = off <= max(_NEAR * _MAD_TO_SD * float(np.median(off[kept])), _MIN_CONTRAST / 2)
        found: NDArray[Any] = np.linalg.lstsq(terms[kept], level[kept], rcond=None)[0]
        off = np.abs(level - terms @ found)
    return found


def _quadratic(rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[Any]:
    """1, x, y, x², y², xy of pixels, the frame being -1 to 1 either way."""
    y, x = (2 * at / (n - 1) - 1 for at, n in zip((rows, columns), shape, strict=True))
    return np.stack([np.ones(len(x)), x, y, x**2, y**2, x * y], axis=1)


def _border(shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels of the frame's border."""
    height, width = shape
    down, right = np.arange(height), np.arange(width)
    rows = np.concatenate([np.zeros(width), np.full(width, height - 1), down, down]).astype(np.intp)
    columns = np.concatenate([right, right, np.zeros(height), np.full(height, width - 1)]).astype(np.intp)
    return rows, columns


def separating(mask: Mask, *, filename: str) -> Mask:
    """The mask itself, where it selects some pixels and not all.

    Args:
        mask: (height, width).
        filename: for the message.

    Raises:
        CaptureRejected: EMPTY_MASK or FULL_MASK.
    """
    if not mask.any():
        reason = "mask must select the specimen, got no pixel; check specimens.mask and the mask of this file"
        raise CaptureRejected(filename, CaptureCode.EMPTY_MASK, reason)
    if mask.all():
        reason = "mask must leave background, got every pixel; check specimens.mask and the mask of this file"
        raise CaptureRejected(filename, CaptureCode.FULL_MASK, reason)
    return mask


def _hysteresis(departure: Plane, low: float, high: float) -> Mask:
    parts, n_parts = ndimage.label(departure > low, structure=_NEIGHBOURS)
    sure = np.zeros(n_parts + 1, dtype=bool)
    sure[parts[departure > high]] = True
    sure[0] = False
    return np.asarray(sure[parts])


def _fill_holes(mask: Mask) -> Mask:
    """Background that does not hang together with the frame's border (four neighbours) is specimen.

    What `scipy.ndimage.binary_fill_holes` finds, in a tenth of its time on a large photograph.
    """
    parts, n_parts = ndimage.label(~mask)
    is_outside = np.zeros(n_parts + 1, dtype=bool)
    for side in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        is_outside[side] = True
    is_outside[0] = False
    return np.asarray(~is_outside[parts])


def _large_parts(mask: Mask) -> Mask:
    parts, n_parts = ndimage.label(mask, structure=_NEIGHBOURS)
    sizes = np.zeros(n_parts + 1, np.int64)
    for rows, _ in row_strips(mask.shape):
        sizes += np.bincount(parts[rows].ravel(), minlength=n_parts + 1)
    sizes[0] = 0
    return np.asarray((sizes >= max(1.0, _MIN_COMPONENT * sizes.max()))[parts] & mask)


def _trim_soft_edge(mask: Mask, departure: Plane) -> Mask:
    for _ in range(_SOFT_EDGE_PX):
        rim = mask & ~ndimage.binary_erosion(mask, structure=_NEIGHBOURS, border_value=1)
        rows, columns = np.nonzero(rim)
        height = np.zeros(len(rows), np.float32)
        for down, right in np.ndindex(3, 3):
            near = tuple(
                np.clip(at + step - 1, 0, size - 1)
                for at, step, size in zip((rows, columns), (down, right), mask.shape, strict=True)
            )
            np.maximum(height, np.where(mask[near], departure[near], 0), out=height)
        mask = mask.copy()
        mask[rows, columns] = departure[rows, columns] >= height / 2
    return mask
