"""Patches of a specimen, such as crown or breast: drawn in ImageJ, or numbered in a label image."""

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from roifile import ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from xmodal_pipeline.imaging.capture import Mask
from xmodal_pipeline.imaging.decoding import DECODE_ERRORS
from xmodal_pipeline.params.ingest import PatchSource

Pixels = NDArray[np.intp]
"""(n,) positions in a flattened (height, width) plane."""

WHOLE = "whole"
"""The patch that is the whole specimen."""
LABELS_SUFFIX = "_labels"
"""A label image is named as its capture with this added."""
_LABEL_ENDINGS = (".tif", ".tiff", ".png")
_ROI_ENDINGS = (".zip", ".roi")
_OUTLINES = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED)
_MAX_PATCHES = 1000
"""More than this is a photograph, not a label image."""
_MAX_FILE_BYTES = 64 * 2**20
_BROKEN: tuple[type[Exception], ...] = (*DECODE_ERRORS, zipfile.BadZipFile, zlib.error, EOFError)
"""What zipfile and roifile raise beside them on flipped bytes; found by trying."""


class PatchesError(ValueError):
    """The patch file of a capture cannot be used; the capture itself can."""


def read_patches(path: Path, source: PatchSource, shape: tuple[int, int]) -> dict[str, Pixels] | None:
    """The patches of one capture, from the file beside it.

    `roi`: ImageJ regions in `<stem>.zip` (as micaToolbox names them) or `<stem>.roi`: rectangles, ovals,
    polygons, freehand and traced outlines, and composites of them. A pixel belongs to a region when its
    centre lies inside, as in ImageJ; composites follow the even-odd rule. Regions may overlap. Several of
    one name are one patch; a region without a name is numbered. Lines, points and text enclose nothing
    and are passed over. `labels`: an integer image `<stem>_labels.tif` or `.png`, 0 = no patch.

    Args:
        path: the stack, or the RGB photograph of a pair; patches lie on its grid.
        source: where the patches come from.
        shape: (height, width) of the capture.

    Returns:
        Pixels of each patch, by name; None where the capture has no patch file.

    Raises:
        PatchesError: if the file is damaged, holds no patch, or a label image has another size.
    """
    endings = _ROI_ENDINGS if source == "roi" else _LABEL_ENDINGS
    stem = path.stem if source == "roi" else path.stem + LABELS_SUFFIX
    found = next((file for end in endings if (file := path.with_name(stem + end)).is_file()), None)
    if found is None:
        return None
    try:
        patches = _read_regions(found, shape) if source == "roi" else _read_labels(found, shape)
    except PatchesError:
        raise
    except _BROKEN as error:
        said = " ".join(str(error).split())[:160]
        raise PatchesError(
            f"'{found.name}': must be readable, got {type(error).__name__}: {said}; save it again"
        ) from error
    if not patches:
        raise PatchesError(f"'{found.name}': must hold a patch with an area, got none; draw one")
    if WHOLE in patches:
        raise PatchesError(f"'{found.name}': the name '{WHOLE}' is taken by the whole specimen; rename it")
    return patches


def fill_outlines(outlines: list[NDArray[np.float64]], shape: tuple[int, int]) -> Mask:
    """Pixels whose centre lies inside closed outlines, by the even-odd rule.

    Args:
        outlines: each (vertices, 2), (x, y) with (0, 0) at the upper left corner of the first pixel.
        shape: (height, width).
    """
    height, width = shape
    starts = np.concatenate(outlines)
    ends = np.concatenate([np.roll(outline, -1, axis=0) for outline in outlines])
    low, high = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    # Rows whose centre lies on [low, high): an outline's corner counts for one of its two edges.
    first, last = (np.clip(np.ceil(y - 0.5), 0, height).astype(np.intp) for y in (low, high))
    edge = np.repeat(np.arange(len(starts)), last - first)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(last - first) - last, last - first)
    (x0, y0), (x1, y1) = starts[edge].T, ends[edge].T
    crossing = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
    column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.intp)
    toggles = np.zeros((height, width + 1), np.int32)
    np.add.at(toggles, (row, column), 1)
    inside: Mask = toggles.cumsum(axis=1)[:, :width] % 2 == 1
    return inside


def _read_regions(path: Path, shape: tuple[int, int]) -> dict[str, Pixels]:
    masks: dict[str, Mask] = {}
    unnamed = 0
    for region in _regions(path):
        mask = _region_mask(region, shape)
        if mask is None:
            continue
        unnamed += not region.name
        name = region.name or str(unnamed)
        masks[name] = masks[name] | mask if name in masks else mask
    return {name: np.flatnonzero(mask) for name, mask in masks.items()}


def _regions(path: Path) -> list[ImagejRoi]:
    if path.suffix == ".roi":
        return [ImagejRoi.frombytes(path.read_bytes())]
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if one.filename.endswith(".roi")]
        if sum(one.file_size for one in members) > _MAX_FILE_BYTES:
            raise PatchesError(f"'{path.name}': must unpack to at most 64 MiB, got more; save the ROIs alone")
        return [ImagejRoi.frombytes(archive.read(one)) for one in members]


def _region_mask(region: ImagejRoi, shape: tuple[int, int]) -> Mask | None:
    """The pixels of one region; None for what encloses no area."""
    if region.subtype in (ROI_SUBTYPE.TEXT, ROI_SUBTYPE.IMAGE, ROI_SUBTYPE.ARROW):
        return None
    if region.roitype == ROI_TYPE.OVAL:
        return _oval(_bounds(region), shape)
    if region.composite or region.roitype in _OUTLINES:
        outlines = [np.asarray(one, np.float64) for one in region.coordinates(multi=True)]
        if not all(len(one) and np.isfinite(one).all() for one in outlines):
            raise ValueError(f"outline of region '{region.name}' has no finite points")
        return fill_outlines(outlines, shape)
    if region.roitype == ROI_TYPE.RECT:
        left, top, right, bottom = _bounds(region)
        return fill_outlines([np.array([[left, top], [right, top], [right, bottom], [left, bottom]])], shape)
    return None


def _bounds(region: ImagejRoi) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a rectangle or oval, in pixels."""
    if region.subpixelrect:
        return region.xd, region.yd, region.xd + region.widthd, region.yd + region.heightd
    return region.left, region.top, region.right, region.bottom


def _oval(bounds: tuple[float, float, float, float], shape: tuple[int, int]) -> Mask:
    left, top, right, bottom = bounds
    y, x = np.ogrid[: shape[0], : shape[1]]
    across = (2 * (x + 0.5) - left - right) / max(right - left, np.finfo(float).tiny)
    down = (2 * (y + 0.5) - top - bottom) / max(bottom - top, np.finfo(float).tiny)
    inside: Mask = across**2 + down**2 <= 1
    return inside


def _read_labels(path: Path, shape: tuple[int, int]) -> dict[str, Pixels]:
    content = path.read_bytes()
    if path.suffix == ".png":
        with Image.open(io.BytesIO(content)) as image:
            labels = np.asarray(image)
    else:
        labels = np.asarray(tifffile.imread(io.BytesIO(content)))
    if labels.dtype.kind not in "ui" or labels.shape != shape:
        raise PatchesError(
            f"'{path.name}': must be integers of height and width {shape}, got {labels.dtype} of "
            f"{labels.shape}; save one label per pixel on the grid of the capture"
        )
    flat = labels.ravel()
    order = np.argsort(flat, kind="stable")
    values, first = np.unique(flat[order], return_index=True)
    if len(values) > _MAX_PATCHES:
        raise PatchesError(
            f"'{path.name}': must hold at most {_MAX_PATCHES} labels, got {len(values)}; is it a photograph?"
        )
    groups = np.split(order, first[1:])
    return {str(value): pixels for value, pixels in zip(values, groups, strict=True) if value != 0}
