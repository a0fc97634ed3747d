"""The two modalities of a capture as registration sees them: an overview, and a detail at full size."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from xmodal_pipeline.imaging.capture import Mask
from xmodal_pipeline.imaging.registration.geometry import Shift
from xmodal_pipeline.imaging.structure import (
    Box,
    Plane,
    block_mean,
    dilated,
    edge_strength,
    eroded,
    mask_box,
    noise_sd,
)

_PADDING = 0.25
"""Background around the mask's bounding box, as a share of its longer side: room for the shift."""
_MIN_PADDING_PX = 16
DETAIL_BORDER_PX = 9
"""Border of UV in a detail: 5 px for the ring and a part of a pixel, and 4 px for a refined shift."""
_OUTLINE_PX = 4
"""How far an edge at the outline reaches: three sigma of the smoothing, and one pixel."""
_INSIDE = 0.04
"""Distance of `inside` from the outline as a share of the region: scale steps reach this far outward."""
_WHOLE_REDUCTION = 4
"""Regions reduced this much are seen whole in the detail: shifts differ across a large image, and reading it
costs more than comparing it."""
_NOISE_BLOCK = 4
"""Block side for the signal-to-noise ratio: averaging 16 pixels leaves a quarter of the noise."""


class Scene(NamedTuple):
    """Both modalities at full size, and where to look."""

    rgb: Plane
    uv: Plane
    mask: Mask
    box: Box
    """The padded bounding box of the mask."""
    padding_px: int
    """Width of the padding: a larger shift would take the specimen out of the region."""
    reduction: int
    """Pixels per pixel of the overview."""
    detail_reduction: int
    """Pixels per pixel of the detail."""
    cut_out: bool
    """Whether the background was set to a constant, so that the outline is the mask's and no evidence."""


class View(NamedTuple):
    """Part of a capture, both modalities on one grid, ready to compare."""

    rgb: Plane
    uv: Plane
    rgb_edges: Plane
    uv_edges: Plane
    mask: Mask
    counts: Mask
    """Pixels that count: the specimen with its outline, or without where it was cut out."""
    window: Plane
    """For cross-correlation."""


class Detail(NamedTuple):
    """Part of a capture at the detail's size; UV, read some way off, has a border of `DETAIL_BORDER_PX`."""

    rgb_edges: Plane
    counts: Mask
    window: Plane
    uv_edges: Plane
    uv_seen: Mask
    """Pixels of UV that may be compared: inside the image, and inside the specimen where it was cut out."""
    offset: tuple[int, int]
    """(dx, dy) in pixels of the image: how far UV's part lies from RGB's."""


def make_scene(rgb: Plane, uv: Plane, mask: Mask, *, working_size_px: int) -> Scene:
    """Find the working region and how far it must be reduced.

    The detail is at full size while the overview is reduced less than eightfold, and four times finer than
    the overview beyond: still finer than any model will see the specimen.

    Args:
        rgb: (height, width), brightness, or its root.
        uv: (height, width), brightness, or its root.
        mask: (height, width).
        working_size_px: longest side of the overview.
    """
    tight = mask_box(mask, 0)
    padding = max(_MIN_PADDING_PX, int(max(tight.shape) * _PADDING))
    box = mask_box(mask, padding)
    reduction = -(-max(box.shape) // working_size_px)
    cut_out = _is_cut_out(rgb, mask, box) or _is_cut_out(uv, mask, box)
    return Scene(rgb, uv, mask, box, padding, reduction, max(1, reduction // 4), cut_out)


def _is_cut_out(plane: Plane, mask: Mask, box: Box) -> bool:
    values, background = box.cut(plane), ~box.cut(mask)
    lowest = np.min(values, where=background, initial=np.inf)
    return bool(background.any()) and bool(lowest == np.max(values, where=background, initial=-np.inf))


def signal_to_noise(scene: Scene, plane: Plane) -> float:
    """Standard deviation of block means over what noise alone would give: 1 for noise, above for structure.

    Args:
        scene: says which pixels count: the working region, or the specimen where it was cut out.
        plane: one modality at full size.
    """
    region = scene.box.cut(plane)
    counts: Mask = np.ones(scene.box.shape, dtype=np.bool_)
    if scene.cut_out:
        counts = scene.box.cut(scene.mask)
    blocks = block_mean(region, _NOISE_BLOCK)[block_mean(counts, _NOISE_BLOCK) == 1]
    if blocks.size < 2:
        return 0.0
    spread = float(blocks.std())
    noise = float(noise_sd(region[None], counts)[0]) / _NOISE_BLOCK
    if noise == 0:
        return float("inf") if spread > 0 else 0.0
    return spread / noise


def overview(scene: Scene) -> View:
    """The whole working region, reduced."""
    box, factor = scene.box, scene.reduction
    rgb, uv = block_mean(box.cut(scene.rgb), factor), block_mean(box.cut(scene.uv), factor)
    mask = block_mean(box.cut(scene.mask), factor) > 0.5
    counts, window = _counts_and_window(mask, cut_out=scene.cut_out)
    return View(rgb, uv, edge_strength(rgb), edge_strength(uv), mask, counts, window)


def _counts_and_window(mask: Mask, *, cut_out: bool) -> tuple[Mask, Plane]:
    if not cut_out:
        return dilated(mask, _OUTLINE_PX), hann_window(mask.shape)
    # Only within: the outline is the same in both modalities wherever UV really lies.
    counts = eroded(mask, _OUTLINE_PX)
    window: Plane = (
        ndimage.uniform_filter(counts.astype(np.float32), _OUTLINE_PX + 1, mode="constant") * counts
    )
    return counts, window


def hann_window(shape: tuple[int, int]) -> Plane:
    """(height, width) window that falls to zero at the frame, so that the frame itself has no edge."""
    rows, columns = (np.hanning(size + 2)[1:-1] for size in shape)
    return np.outer(rows, columns).astype(np.float32)


def inside(view: View) -> Mask:
    """The specimen away from its outline: blur moves the outline outward, as a larger scale would."""
    return eroded(view.mask, max(_OUTLINE_PX, round(_INSIDE * max(view.mask.shape))))


def detail_box(scene: Scene, whole: View, shift: Shift, size_px: int) -> Box:
    """The part of the working region with most structure common to both, at most `size_px` of detail wide.

    Args:
        scene: the capture.
        whole: its overview.
        shift: of UV, in pixels of the overview.
        size_px: longest side in pixels of the detail.
    """
    side = size_px * scene.detail_reduction
    if side >= max(scene.box.shape) or scene.reduction >= _WHOLE_REDUCTION:
        return scene.box
    moved = np.roll(whole.uv_edges, (-round(shift.dy_px), -round(shift.dx_px)), axis=(0, 1))
    common = np.sqrt(whole.rgb_edges * moved) * whole.counts
    reach = max(1, side // scene.reduction)
    best = ndimage.uniform_filter(common, reach, mode="constant")
    row, column = np.unravel_index(int(np.argmax(best)), best.shape)
    box = scene.box
    top = _kept(box.top + int(row) * scene.reduction - side // 2, box.top, box.bottom - side)
    left = _kept(box.left + int(column) * scene.reduction - side // 2, box.left, box.right - side)
    return Box(top, left, min(top + side, box.bottom), min(left + side, box.right))


def detail_boxes(scene: Scene, size_px: int) -> list[Box]:
    """Three by three overlapping details that cover the working region; one where that is enough.

    Args:
        scene: the capture.
        size_px: longest side in pixels of the detail.
    """
    box, side = scene.box, size_px * scene.detail_reduction
    if side >= max(box.shape):
        return [box]
    tops = np.linspace(box.top, max(box.top, box.bottom - side), 3).astype(int)
    lefts = np.linspace(box.left, max(box.left, box.right - side), 3).astype(int)
    return [
        Box(int(top), int(left), min(int(top) + side, box.bottom), min(int(left) + side, box.right))
        for top in np.unique(tops)
        for left in np.unique(lefts)
    ]


def _kept(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def detail(scene: Scene, box: Box, shift: Shift) -> Detail:
    """Part of the capture at the detail's size, UV read the nearest whole pixels to `shift` away.

    Args:
        scene: the capture.
        box: part of RGB.
        shift: of UV, in pixels of the image.
    """
    factor = scene.detail_reduction
    rgb = block_mean(box.cut(scene.rgb), factor)
    mask = block_mean(box.cut(scene.mask), factor) > 0.5
    counts, window = _counts_and_window(mask, cut_out=scene.cut_out)
    empty = np.zeros((0, 0), dtype=np.float32)
    part = Detail(edge_strength(rgb), counts, window, empty, empty > 0, (0, 0))
    return moved_detail(scene, box, part, shift)


def moved_detail(scene: Scene, box: Box, part: Detail, shift: Shift) -> Detail:
    """The same detail of RGB beside UV from elsewhere.

    Args:
        scene: the capture.
        box: part of RGB that the detail shows.
        part: that detail.
        shift: of UV, in pixels of the image.
    """
    factor = scene.detail_reduction
    dx, dy = (round(length / factor) * factor for length in shift)
    border = DETAIL_BORDER_PX * factor
    height, width = scene.uv.shape
    # An incomplete block at the end is left out of RGB, hence of UV.
    rows = np.arange(box.top - border, box.top + part.rgb_edges.shape[0] * factor + border) + dy
    columns = np.arange(box.left - border, box.left + part.rgb_edges.shape[1] * factor + border) + dx
    if min(rows[0], columns[0]) >= 0 and rows[-1] < height and columns[-1] < width:
        there = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        uv, seen = scene.uv[there], np.ones((len(rows), len(columns)), dtype=np.bool_)
    else:
        there = np.ix_(np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1))
        uv = scene.uv[there]
        seen = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    if scene.cut_out:
        usable = eroded(block_mean(seen & scene.mask[there], factor) > 0.99, _OUTLINE_PX)
    else:
        usable = block_mean(seen, factor) > 0.99
    return part._replace(uv_edges=edge_strength(block_mean(uv, factor)), uv_seen=usable, offset=(dx, dy))
