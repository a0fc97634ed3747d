"""A capture as it stands in its files: bands by name, before scale and mask."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.decoding import rejected
from xmodal_pipeline.imaging.labels import band_order
from xmodal_pipeline.imaging.photograph import Photograph, count_bands, photograph_format, read_photograph
from xmodal_pipeline.imaging.tiff import Stack, can_lack_values, lacks_value, read_stack
from xmodal_pipeline.params.ingest import PAIR, BandLayout, LimitParams, SpecimensParams

Modality = Literal["rgb", "uv"]


class RawCapture(NamedTuple):
    """The bands of one capture in the files' own units, in the layout's order."""

    rgb: NDArray[Any]
    """(rgb bands, height, width)."""
    uv: NDArray[Any]
    """(uv bands, height, width)."""
    mask_band: NDArray[Any] | None = None
    """(height, width); stacks whose layout names a mask."""
    rgb_alpha: NDArray[Any] | None = None
    uv_alpha: NDArray[Any] | None = None
    flags: tuple[CaptureCode, ...] = ()
    """EXIF_MISMATCH, where a pair that is to be registered was held differently."""
    orientation: int = 1
    """Of RGB, as its file declares it, 1 to 8; already undone."""


def read_raw(files: CaptureFiles, settings: SpecimensParams) -> RawCapture:
    """Read the bands of one capture without scaling them.

    Args:
        files: a stack, or the two photographs of a pair.
        settings: the layout in force, and whether the photographs of a pair may differ in size.

    Returns:
        The bands by modality, all finite. Where masks come from a band, pixels outside it that are NaN,
        infinite, or what the file declares as no data (GDAL's tag) are background, and 0.

    Raises:
        CaptureRejected: UNREADABLE, TOO_LARGE, BAND_COUNT, BAND_LABELS, NOT_FINITE, MISSING_PAIR,
            SHAPE_MISMATCH.
    """
    layout = settings.band_layout
    if files.uv_path is None:
        return _read_stack(files.rgb_path, layout, settings.limits, is_masked=settings.mask == "band")
    for path in (files.rgb_path, files.uv_path):
        if not path.is_file():
            reason = "both photographs of the pair must be there, this one is not; check specimens.root"
            raise rejected(path, CaptureCode.MISSING_PAIR, reason)
    rgb = _read_side(files.rgb_path, layout, "rgb", settings.limits)
    uv = _read_side(files.uv_path, layout, "uv", settings.limits)
    if rgb.bands.shape[1:] != uv.bands.shape[1:] and settings.shares_grid:
        reason = (
            f"both photographs of the pair must have one size, got {_size(rgb)} and {_size(uv)} pixels; "
            "resize them, or set specimens.registration to off where they are separate views"
        )
        raise rejected(files.rgb_path, CaptureCode.SHAPE_MISMATCH, reason)
    held_alike = rgb.orientation == uv.orientation or not settings.shares_grid
    flags = () if held_alike else (CaptureCode.EXIF_MISMATCH,)
    return RawCapture(
        rgb.bands,
        uv.bands,
        rgb_alpha=rgb.alpha,
        uv_alpha=uv.alpha,
        flags=flags,
        orientation=rgb.orientation,
    )


def read_colour_bands(
    path: Path, modality: Modality | None, settings: SpecimensParams
) -> dict[str, NDArray[Any]]:
    """The colour bands of one file, by name, without scaling them.

    Args:
        path: a stack, or one photograph of a pair.
        modality: which photograph of a pair it is; None for a stack.
        settings: the layout in force.

    Returns:
        (height, width) of each band, all finite, in the layout's order, RGB first.

    Raises:
        CaptureRejected: UNREADABLE, TOO_LARGE, BAND_COUNT, BAND_LABELS, NOT_FINITE.
    """
    layout = settings.band_layout
    if modality is None:
        # Standards may lie outside the mask.
        stack = _read_stack(path, layout, settings.limits, is_masked=False)
        return dict(zip((*layout.rgb, *layout.uv), (*stack.rgb, *stack.uv), strict=True))
    names = layout.rgb if modality == "rgb" else layout.uv
    return dict(zip(names, _read_side(path, layout, modality, settings.limits).bands, strict=False))


def _read_stack(path: Path, layout: BandLayout, limits: LimitParams, *, is_masked: bool) -> RawCapture:
    kind = photograph_format(path)
    if kind is not None:
        n_bands = count_bands(path, (len(layout.order),), limits=limits)
        reason = (
            f"the file must be a TIFF of {len(layout.order)} bands (layout {layout.name}), got a {kind} of "
            f"{n_bands}; where captures are pairs of photographs, set specimens.rgb_suffix and uv_suffix"
        )
        raise rejected(path, CaptureCode.BAND_COUNT, reason)
    stack = read_stack(path, (len(layout.order),), limits=limits)
    at = dict(zip(layout.order, _order(path, stack.labels, layout.order), strict=True))
    mask_band = stack.bands[at[layout.mask]] if layout.mask else None
    if mask_band is not None and can_lack_values(stack.bands, stack.nodata):
        mask_band = np.where(lacks_value(mask_band, stack.nodata), mask_band.dtype.type(0), mask_band)
    colours = [at[band] for band in (*layout.rgb, *layout.uv)]
    bands = _with_background(path, stack, colours, mask_band if is_masked else None)
    return RawCapture(
        rgb=_pick(bands, colours[: len(layout.rgb)]),
        uv=_pick(bands, colours[len(layout.rgb) :]),
        mask_band=mask_band,
        orientation=stack.orientation,
    )


def _with_background(
    path: Path, stack: Stack, colours: list[int], mask_band: NDArray[Any] | None
) -> NDArray[Any]:
    """The bands, 0 where a colour lacks a value outside the mask; refused where one does inside.

    Args:
        path: for the message.
        stack: as read.
        colours: positions of the colour bands.
        mask_band: (height, width), 0 outside; None refuses every pixel without a value.
    """
    if not can_lack_values(stack.bands, stack.nodata):
        return stack.bands
    lacking = np.zeros(stack.bands.shape[1:], dtype=np.bool_)
    for at in colours:
        lacking |= lacks_value(stack.bands[at], stack.nodata)
    if not lacking.any():
        return stack.bands
    _check_values(path, lacking if mask_band is None else lacking & (mask_band != 0), stack.nodata)
    return np.where(lacking, stack.bands.dtype.type(0), stack.bands)


def _read_side(path: Path, layout: BandLayout, modality: Modality, limits: LimitParams) -> Photograph:
    bands = layout.rgb if modality == "rgb" else layout.uv
    is_open = modality == "uv" and layout.name == PAIR
    side = read_photograph(path, range(1, len(bands) + 1) if is_open else (len(bands),), limits=limits)
    if can_lack_values(side.bands, side.nodata):
        _check_values(path, lacks_value(side.bands, side.nodata), side.nodata)
    order = _order(path, side.labels, bands[: len(side.bands)])
    return side._replace(bands=_pick(side.bands, order))


def _order(path: Path, labels: tuple[str, ...] | None, bands: Sequence[str]) -> list[int]:
    try:
        return band_order(labels, bands)
    except ValueError as error:
        reason = f"{error}; correct the labels or specimens.layout"
        raise rejected(path, CaptureCode.BAND_LABELS, reason) from error


def _pick(bands: NDArray[Any], order: list[int]) -> NDArray[Any]:
    # Neighbours in order are a view, which saves a copy of every ordinary file.
    if order == list(range(order[0], order[0] + len(order))):
        return bands[order[0] : order[0] + len(order)]
    return bands[order]


def _check_values(path: Path, is_lacking: NDArray[np.bool_], nodata: float | None) -> None:
    n = int(np.count_nonzero(is_lacking))
    if n:
        declared = "" if nodata is None else f" or the file's no-data value {nodata:g}"
        reason = (
            f"every pixel inside the mask must be finite, got {n} NaN, infinite{declared}; export the file "
            "again, or a mask that leaves them out"
        )
        raise rejected(path, CaptureCode.NOT_FINITE, reason)


def _size(photograph: Photograph) -> str:
    return "×".join(str(n) for n in photograph.bands.shape[:0:-1])
