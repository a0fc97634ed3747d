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
from xmodal_pipeline.imaging.tiff import read_stack
from xmodal_pipeline.params.ingest import PAIR, BandLayout, SpecimensParams

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


def read_raw(files: CaptureFiles, settings: SpecimensParams) -> RawCapture:
    """Read the bands of one capture without scaling them.

    Args:
        files: a stack, or the two photographs of a pair.
        settings: the layout in force, and whether the photographs of a pair may differ in size.

    Returns:
        The bands by modality, all finite.

    Raises:
        CaptureRejected: UNREADABLE, BAND_COUNT, BAND_LABELS, NOT_FINITE, MISSING_PAIR, SHAPE_MISMATCH.
    """
    layout = settings.band_layout
    if files.uv_path is None:
        return _read_stack(files.rgb_path, layout)
    for path in (files.rgb_path, files.uv_path):
        if not path.is_file():
            reason = "both photographs of the pair must be there, this one is not; check specimens.root"
            raise rejected(path, CaptureCode.MISSING_PAIR, reason)
    rgb = _read_side(files.rgb_path, layout, "rgb")
    uv = _read_side(files.uv_path, layout, "uv")
    if rgb.bands.shape[1:] != uv.bands.shape[1:] and settings.shares_grid:
        reason = (
            f"both photographs of the pair must have one size, got {_size(rgb)} and {_size(uv)} pixels; "
            "resize them, or set specimens.registration to off where they are separate views"
        )
        raise rejected(files.rgb_path, CaptureCode.SHAPE_MISMATCH, reason)
    held_alike = rgb.orientation == uv.orientation or not settings.shares_grid
    flags = () if held_alike else (CaptureCode.EXIF_MISMATCH,)
    return RawCapture(rgb.bands, uv.bands, rgb_alpha=rgb.alpha, uv_alpha=uv.alpha, flags=flags)


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
        CaptureRejected: UNREADABLE, BAND_COUNT, BAND_LABELS, NOT_FINITE.
    """
    layout = settings.band_layout
    if modality is None:
        stack = _read_stack(path, layout)
        return dict(zip((*layout.rgb, *layout.uv), (*stack.rgb, *stack.uv), strict=True))
    names = layout.rgb if modality == "rgb" else layout.uv
    return dict(zip(names, _read_side(path, layout, modality).bands, strict=False))


def _read_stack(path: Path, layout: BandLayout) -> RawCapture:
    kind = photograph_format(path)
    if kind is not None:
        n_bands = count_bands(path, (len(layout.order),))
        reason = (
            f"the file must be a TIFF of {len(layout.order)} bands (layout {layout.name}), got a {kind} of "
            f"{n_bands}; where captures are pairs of photographs, set specimens.rgb_suffix and uv_suffix"
        )
        raise rejected(path, CaptureCode.BAND_COUNT, reason)
    stack = read_stack(path, (len(layout.order),))
    _check_finite(path, stack.bands)
    at = dict(zip(layout.order, _order(path, stack.labels, layout.order), strict=True))
    return RawCapture(
        rgb=_pick(stack.bands, [at[band] for band in layout.rgb]),
        uv=_pick(stack.bands, [at[band] for band in layout.uv]),
        mask_band=stack.bands[at[layout.mask]] if layout.mask else None,
    )


def _read_side(path: Path, layout: BandLayout, modality: Modality) -> Photograph:
    bands = layout.rgb if modality == "rgb" else layout.uv
    is_open = modality == "uv" and layout.name == PAIR
    side = read_photograph(path, range(1, len(bands) + 1) if is_open else (len(bands),))
    _check_finite(path, side.bands)
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


def _check_finite(path: Path, bands: NDArray[Any]) -> None:
    if bands.dtype.kind == "f":
        bad = int(bands.size - np.count_nonzero(np.isfinite(bands)))
        if bad:
            reason = f"every pixel must be finite, got {bad} NaN or infinite values; export the file again"
            raise rejected(path, CaptureCode.NOT_FINITE, reason)


def _size(photograph: Photograph) -> str:
    return "×".join(str(n) for n in photograph.bands.shape[:0:-1])
