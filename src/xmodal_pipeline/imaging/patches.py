"""Patches of a specimen, such as crown or breast: drawn in ImageJ, or numbered in a label image."""

import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from roifile import ROI_SUBTYPE, ROI_TYPE, ImagejRoi
from tifffile import TiffFile

from xmodal_pipeline.imaging.capture import Mask
from xmodal_pipeline.imaging.declared import LIMITS, check_segments
from xmodal_pipeline.imaging.decoding import DECODE_ERRORS, complaints, open_image
from xmodal_pipeline.imaging.tiff import orient
from xmodal_pipeline.params.ingest import LimitParams, PatchSource

Pixels = NDArray[np.intp]
"""(n,) positions in a flattened (height, width) plane."""

WHOLE = "whole"
"""The patch that is the whole specimen."""
FRAME = "frame"
"""The patch that is the whole photograph, background and all, where no mask tells the specimen from it."""
ENTIRE = (WHOLE, FRAME)
"""What is no part."""
LABELS_SUFFIX = "_labels"
"""A label image is named as its capture with this added."""
_LABEL_ENDINGS = (".tif", ".tiff", ".png")
_ROI_ENDINGS = (".zip", ".roi")
_OUTLINES = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED)
_MAX_PATCHES = 1000
"""More than this is a photograph, not a label image; as many regions are drawn by no one."""
_MAX_FILE_BYTES = 64 * 2**20
_BROKEN: tuple[type[Exception], ...] = (*DECODE_ERRORS, zipfile.BadZipFile, zlib.error, EOFError)
"""What zipfile and roifile raise beside them on flipped bytes; found by trying."""


class PatchesError(ValueError):
    """The patch file of a capture cannot be used; the capture itself can."""


def read_patches(
    path: Path,
    source: PatchSource,
    shape: tuple[int, int],
    *,
    orientation: int = 1,
    limits: LimitParams = LIMITS,
) -> dict[str, Pixels] | None:
    """The patches of one capture, from the file beside it.

    `roi`: ImageJ regions in `<stem>.zip` (as micaToolbox names them) or `<stem>.roi`: rectangles, ovals,
    polygons, freehand and traced outlines, and composites of them. A pixel belongs to a region when its
    centre lies inside, as in ImageJ; composites follow the even-odd rule. Regions may overlap. Several of
    one name are one patch; a region without a name is numbered. Lines, points and text enclose nothing
    and are passed over, as is what the Finder adds to an archive. `labels`: an integer image
    `<stem>_labels.tif` or `.png`, 0 = no patch.

    ImageJ, and most programs that number pixels, show a photograph as it is stored: patches are drawn on that
    and turned upright with it. A label image of the upright size, where that differs, is upright already.

    Args:
        path: the stack, or the RGB photograph of a pair; patches lie on its grid.
        source: where the patches come from.
        shape: (height, width) of the capture, upright.
        orientation: of the file at `path`, 1 to 8.
        limits: the most that a label image may declare.

    Returns:
        Pixels of each patch, by name; None where the capture has no patch file.

    Raises:
        PatchesError: if the file is damaged, holds no patch, a region lies on the upright photograph and not
            on the stored one, or a label image has another size.
    """
    found = _find(path, source)
    if found is None:
        return None
    frame = Frame(shape, orientation)
    try:
        with complaints("roifile") as heard:  # it drops a damaged name and goes on
            patches = _read_regions(found, frame) if source == "roi" else _read_labels(found, frame, limits)
        if heard:
            raise PatchesError(
                f"'{found.name}': must be whole, roifile reports: {heard[0][:160]}; save it again"
            )
    except PatchesError:
        raise
    except _BROKEN as error:
        said = " ".join(str(error).split())[:160]
        raise PatchesError(
            f"'{found.name}': must be readable, got {type(error).__name__}: {said}; save it again"
        ) from error
    if not patches:
        raise PatchesError(f"'{found.name}': must hold a patch with an area, got none; draw one")
    for name in ENTIRE:
        if name in patches:
            raise PatchesError(f"'{found.name}': the name '{name}' is taken by all of the capture; rename it")
    return patches


class Frame(NamedTuple):
    """A photograph's frame, as it is upright and as it is stored."""

    shape: tuple[int, int]
    """(height, width), upright."""
    orientation: int

    @property
    def stored(self) -> tuple[int, int]:
        """(height, width) before it was turned."""
        return self.shape[::-1] if self.orientation in (5, 6, 7, 8) else self.shape


def _find(path: Path, source: PatchSource) -> Path | None:
    endings = _ROI_ENDINGS if source == "roi" else _LABEL_ENDINGS
    stem = path.stem if source == "roi" else path.stem + LABELS_SUFFIX
    names = [stem + spelt for end in endings for spelt in (end, end.upper())]
    return next((file for name in names if (file := path.with_name(name)).is_file()), None)


def fill_outlines(outlines: list[NDArray[np.float64]], shape: tuple[int, int]) -> Mask:
    """Pixels whose centre lies inside closed outlines, by the even-odd rule.

    Args:
        outlines: each (vertices, 2), (x, y) with (0, 0) at the upper left corner of the first pixel.
        shape: (height, width).
    """
    mask = np.zeros(shape, dtype=np.bool_)
    corners = np.concatenate(outlines)
    left, top = np.clip(np.floor(corners.min(0)), 0, shape[::-1]).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0)), 0, shape[::-1]).astype(int)
    # Within their box: a photograph is a hundred times as large as a patch.
    within = [outline - (left, top) for outline in outlines]
    mask[top:bottom, left:right] = _fill_box(within, (bottom - top, right - left))
    return mask


def _fill_box(outlines: list[NDArray[np.float64]], shape: tuple[int, int]) -> Mask:
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


def _read_regions(path: Path, frame: Frame) -> dict[str, Pixels]:
    patches: dict[str, Pixels] = {}
    unnamed = 0
    for region in _regions(path):
        mask = _region_mask(region, frame.stored)
        if mask is None:
            continue
        _check_drawn_as_stored(path, region, frame)
        unnamed += not region.name
        name = region.name or str(unnamed)
        pixels = np.flatnonzero(orient(mask, frame.orientation))
        patches[name] = np.union1d(patches[name], pixels) if name in patches else pixels
    return patches


def _check_drawn_as_stored(path: Path, region: ImagejRoi, frame: Frame) -> None:
    _, _, right, bottom = _bounds(region)
    height, width = frame.stored
    is_beyond = right > width or bottom > height
    if is_beyond and right <= frame.shape[1] and bottom <= frame.shape[0]:
        raise PatchesError(
            f"'{path.name}': regions must lie on the photograph as it is stored, {width} × {height} pixels, "
            f"which ImageJ shows, got '{region.name}' as far as {right:g}, {bottom:g}; save the photograph "
            "upright and without EXIF orientation, and draw again"
        )


def _regions(path: Path) -> list[ImagejRoi]:
    if path.suffix.lower() == ".roi":
        _check_unpacked(path, path.stat().st_size)
        return [ImagejRoi.frombytes(path.read_bytes())]
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if _is_region(PurePosixPath(one.filename))]
        _check_unpacked(path, sum(one.file_size for one in members))
        if len(members) > _MAX_PATCHES:
            raise PatchesError(f"'{path.name}': must hold at most {_MAX_PATCHES} regions, got {len(members)}")
        return [ImagejRoi.frombytes(archive.read(one)) for one in members]


def _check_unpacked(path: Path, n_bytes: int) -> None:
    if n_bytes > _MAX_FILE_BYTES:
        raise PatchesError(
            f"'{path.name}': must unpack to at most {_MAX_FILE_BYTES // 2**20} MiB, got {n_bytes} bytes; "
            "save the regions alone"
        )


def _is_region(member: PurePosixPath) -> bool:
    """Whether a file of an archive is a region: the Finder adds `__MACOSX/._name.roi` to each."""
    is_added = member.parts[0] == "__MACOSX" or member.name.startswith("._")
    return member.suffix.lower() == ".roi" and not is_added


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


def _read_labels(path: Path, frame: Frame, limits: LimitParams) -> dict[str, Pixels]:
    is_png = path.suffix.lower() == ".png"
    labels = _decode_png(path, frame) if is_png else _decode_tiff(path, frame, limits)
    if labels.dtype.kind not in "ui" or labels.shape not in (frame.stored, frame.shape):
        raise _unlike_labels(path, frame, f"{labels.dtype} of {labels.shape}")
    flat = (orient(labels, frame.orientation) if labels.shape == frame.stored else labels).ravel()
    order = np.argsort(flat, kind="stable")
    values, first = np.unique(flat[order], return_index=True)
    if len(values) > _MAX_PATCHES:
        raise PatchesError(
            f"'{path.name}': must hold at most {_MAX_PATCHES} labels, got {len(values)}; is it a photograph?"
        )
    groups = np.split(order, first[1:])
    return {str(value): pixels for value, pixels in zip(values, groups, strict=True) if value != 0}


def _decode_png(path: Path, frame: Frame) -> NDArray[Any]:
    with open_image(path, "PNG") as image:
        if (image.height, image.width) not in (frame.stored, frame.shape):
            raise _unlike_labels(path, frame, f"{(image.height, image.width)}")
        return np.asarray(image)


def _decode_tiff(path: Path, frame: Frame, limits: LimitParams) -> NDArray[Any]:
    with TiffFile(path, _multifile=False) as tiff:
        image = tiff.series[0]
        if image.shape not in (frame.stored, frame.shape):
            raise _unlike_labels(path, frame, f"{image.shape}")
        check_segments(path, tiff, [image], limits)
        return np.asarray(image.asarray(maxworkers=1))


def _unlike_labels(path: Path, frame: Frame, found: str) -> PatchesError:
    return PatchesError(
        f"'{path.name}': must be integers of height and width {frame.stored}, got {found}; save one label "
        "per pixel on the grid of the capture"
    )
