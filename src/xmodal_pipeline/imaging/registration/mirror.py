"""Whether UV was photographed through a mirror, or upside down: it then fits RGB only once turned back."""

import numpy as np

from xmodal_pipeline.imaging.capture import Bands, Mask
from xmodal_pipeline.imaging.registration.geometry import Shift
from xmodal_pipeline.imaging.registration.matching import correlation, find_shift, ring_margin
from xmodal_pipeline.imaging.registration.views import DETAIL_BORDER_PX, Detail, hann_window
from xmodal_pipeline.imaging.structure import Plane, block_mean, brightness, dilated, edge_strength

_SIZE_PX = 128
"""Longest side of the reduced frame: orientation needs no fine detail."""
_MIN_MARGIN = 0.03
"""From here a turned UV fits."""
_MIN_GAIN = 0.15
"""How much better its score must be than the untouched one's: a specimen that equals its mirror image fits
either way, and nothing is claimed."""
_OUTLINE_PX = 2


def is_mirrored(rgb: Bands, uv: Bands, mask: Mask) -> bool:
    """Whether UV fits RGB after a mirror or a half turn of its frame, and not without.

    Args:
        rgb: (bands, height, width).
        uv: (bands, height, width), same height and width.
        mask: (height, width), True = specimen.
    """
    factor = -(-max(mask.shape) // _SIZE_PX)
    counts = dilated(block_mean(mask, factor) > 0.5, _OUTLINE_PX)
    first = edge_strength(block_mean(brightness(rgb), factor))
    second = edge_strength(block_mean(brightness(uv), factor))
    needed = _best_fit(first, second, counts)[0] + _MIN_GAIN
    for turned in (second[:, ::-1], second[::-1], second[::-1, ::-1]):
        score, shift = _best_fit(first, turned, counts)
        if score >= needed and _margin(first, turned, counts, shift) >= _MIN_MARGIN:
            return True
    return False


def _best_fit(first: Plane, second: Plane, counts: Mask) -> tuple[float, Shift]:
    """Where `second` fits best, and how well there."""
    shift = find_shift(first, second, hann_window(first.shape), limit_px=max(first.shape) / 3)
    return correlation(first[counts], _undone(second, shift)[counts]), shift


def _undone(plane: Plane, shift: Shift) -> Plane:
    return np.roll(plane, (-round(shift.dy_px), -round(shift.dx_px)), axis=(0, 1))


def _margin(first: Plane, second: Plane, counts: Mask, shift: Shift) -> float:
    edges = np.pad(_undone(second, shift), DETAIL_BORDER_PX, mode="edge")
    part = Detail(first, counts, first, edges, np.ones(edges.shape, dtype=np.bool_), (0, 0))
    rest = shift.dx_px - round(shift.dx_px), shift.dy_px - round(shift.dy_px)
    return ring_margin(part, rest).margin
