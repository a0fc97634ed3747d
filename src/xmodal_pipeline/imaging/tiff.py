"""TIFF stacks: every layout in, one canonical layout out."""

import contextlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple
from xml.sax.saxutils import escape

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC, TiffFile, TiffPageSeries

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.imaging.declared import (
    LIMITS,
    DeclaredSize,
    check_declared_size,
    check_segments,
    too_large,
)
from xmodal_pipeline.imaging.decoding import (
    complaints,
    damage_rejected,
    rejected,
)
from xmodal_pipeline.imaging.labels import read_labels
from xmodal_pipeline.params.ingest import LimitParams

_READABLE = {PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR}
_GUESSED_SAMPLES = (3, 4)
"""Sizes of the last axis that writers take for colour samples, whatever they are (tifffile does)."""
_ORIENTATION_TAG = 274
_MOST_FLOAT32 = np.finfo(np.float32).max
_GDAL_METADATA_TAG = 42112
_GDAL_NODATA_TAG = 42113
_ALPHA_SAMPLES = (1, 2)
"""ExtraSamples values of associated and unassociated alpha (TIFF 6.0, page 31)."""

_IMAGEJ_TYPES = ("uint8", "uint16", "float32")


class Stack(NamedTuple):
    """The bands of one TIFF as they are stored."""

    bands: NDArray[Any]
    """(bands, height, width), the file's own data type."""
    labels: tuple[str, ...] | None
    """One label per band in the same order, or None where the file has none for each."""
    alpha: int | None = None
    """Position of the band that the file declares as alpha, if it does."""
    orientation: int = 1
    """As the file declares it, 1 to 8; already undone."""
    nodata: float | None = None
    """What stands for no data in it (GDAL's tag), if it declares that."""


class ImageHeader(NamedTuple):
    """What the header of an image file declares; no pixel was read."""

    kind: Literal["TIFF", "JPEG", "PNG"]
    n_bands: int
    """Without alpha."""
    height_px: int
    width_px: int
    """As stored, before the orientation is undone."""
    dtype: str
    has_alpha: bool = False
    orientation: int = 1
    """As the file declares it, 1 to 8."""
    labels: tuple[str, ...] | None = None
    """One per band, alpha included, or None where the file has none for each."""


class MultispectralImage(NamedTuple):
    """Bands by name: what a canonical TIFF holds."""

    bands: NDArray[Any]
    """(bands, height, width), any data type."""
    names: tuple[str, ...]
    """One per band."""


def read_stack(
    path: Path,
    band_counts: Collection[int] = (5, 6, 7),
    *,
    limits: LimitParams = LIMITS,
    file: BinaryIO | None = None,
) -> Stack:
    """Read every band of a TIFF: pages, samples, planes, hyperstacks, tiles, lossless or JPEG compression.

    The band axis is the file's channel or sample axis where it declares one of a fitting length, else
    the one axis whose length is in `band_counts`. Bands come in the order of the file.

    Args:
        path: the file.
        band_counts: how many bands the file may have.
        limits: the most that the header may declare.
        file: the open file, where it lies on another machine and `path` only names it.

    Returns:
        The bands in their own data type, and their labels.

    Raises:
        CaptureRejected: UNREADABLE if the file is damaged or holds no intensities, TOO_LARGE beyond the
            limits, BAND_COUNT if no axis or more than one fits.
    """
    with (
        damage_rejected(path),
        complaints("tifffile") as heard,
        TiffFile(file or path, _multifile=False) as tiff,
    ):
        series = _list_series(path, tiff, limits)
        pages, axes, shape, axis = _lay_out(path, series, band_counts, heard)
        check_segments(path, tiff, pages or series[:1], limits)
        _check_size(path, tiff, series[0], _image_size(axes, shape, axis), limits)
        if pages:
            stored = np.stack([one.asarray(maxworkers=1) for one in pages])
        else:
            stored = series[0].asarray(maxworkers=1)
        bands = _bands_first(stored.reshape(shape), axes, axis)
        labels = read_labels(tiff)
        if labels is not None and len(labels) != len(bands):
            labels = None
        orientation = known_orientation(series[0].keyframe.tags.valueof(_ORIENTATION_TAG, default=1))
        alpha = _alpha_position(series[0], len(bands))
        nodata = _declared_nodata(series[0].keyframe.tags.valueof(_GDAL_NODATA_TAG))
        return Stack(orient(bands, orientation), labels, alpha, orientation, nodata)


def read_stack_header(
    path: Path, band_counts: Collection[int], *, limits: LimitParams = LIMITS
) -> ImageHeader:
    """What `read_stack` would find, by the file's header alone.

    Raises:
        CaptureRejected: as `read_stack`.
    """
    with damage_rejected(path), complaints("tifffile") as heard, TiffFile(path, _multifile=False) as tiff:
        series = _list_series(path, tiff, limits)
        _, axes, shape, axis = _lay_out(path, series, band_counts, heard)
        n_bands, height, width = size = _image_size(axes, shape, axis)
        _check_size(path, tiff, series[0], size, limits)
        alpha = _alpha_position(series[0], n_bands)
        labels = read_labels(tiff)
        return ImageHeader(
            kind="TIFF",
            n_bands=n_bands - (alpha is not None),
            height_px=height,
            width_px=width,
            dtype=str(series[0].dtype),
            has_alpha=alpha is not None,
            orientation=known_orientation(series[0].keyframe.tags.valueof(_ORIENTATION_TAG, default=1)),
            labels=labels if labels is not None and len(labels) == n_bands else None,
        )


def _list_series(path: Path, tiff: TiffFile, limits: LimitParams) -> list[TiffPageSeries]:
    """The images of a file; refused where a chain of more pages than bands are allowed would be followed."""
    with contextlib.suppress(IndexError):
        tiff.pages[limits.max_bands]
        raise too_large(path, "max_bands", limits.max_bands + 1, limits.max_bands)
    return list(tiff.series)


def _image_size(axes: str, shape: tuple[int, ...], axis: int | None) -> tuple[int, int, int]:
    """Bands, height and width as they are stored."""
    sides = [shape[at] for at in range(len(shape)) if at != axis and (shape[at] > 1 or axes[at] in "YX")]
    return (1 if axis is None else shape[axis]), sides[0], sides[1]


def _check_size(
    path: Path, tiff: TiffFile, series: TiffPageSeries, size: tuple[int, int, int], limits: LimitParams
) -> None:
    n_bands, height, width = size
    declared = DeclaredSize(height, width, n_bands, series.dtype.itemsize)
    check_declared_size(path, declared, tiff.filehandle.size, limits)


def _lay_out(
    path: Path, series: Sequence[TiffPageSeries], band_counts: Collection[int], heard: Sequence[str]
) -> tuple[list[TiffPageSeries], str, tuple[int, ...], int | None]:
    """Pages that are a band each, axes and shape of the whole, and which axis the bands are."""
    _check_page(path, series[0])
    pages = _single_pages(series)
    axes = "Q" + series[0].axes if pages else series[0].axes
    shape = (len(pages), *series[0].shape) if pages else series[0].shape
    return pages, axes, shape, _band_axis(path, axes, shape, band_counts, heard)


def _single_pages(series: Sequence[TiffPageSeries]) -> list[TiffPageSeries]:
    """Bands that were written one page at a time and became a series each."""
    alike = [one for one in series if (one.shape, one.dtype) == (series[0].shape, series[0].dtype)]
    return alike if len(alike) > 1 and series[0].axes == "YX" else []


def _check_page(path: Path, series: TiffPageSeries) -> None:
    page = series.keyframe
    if page.photometric not in _READABLE:
        name = getattr(page.photometric, "name", page.photometric)
        reason = f"photometric interpretation must be MINISBLACK or RGB, got {name}; export intensities"
        raise rejected(path, CaptureCode.UNREADABLE, reason)
    if series.dtype is None or series.dtype.kind not in "buif":
        reason = f"data type must be integer or float, got {series.dtype}; export intensities"
        raise rejected(path, CaptureCode.UNREADABLE, reason)


def _band_axis(
    path: Path, axes: str, shape: tuple[int, ...], counts: Collection[int], heard: Sequence[str]
) -> int | None:
    """Position of the band axis; None where the file is a single band."""
    longer = [at for at in range(len(shape)) if shape[at] > 1 or axes[at] in "YX"]
    if len(longer) == 2 and 1 in counts:
        return None
    fitting = [at for at in longer if shape[at] in counts] if len(longer) == 3 else []
    declared = [
        at for at in fitting if axes[at] == "C" or (axes[at] == "S" and shape[at] not in _GUESSED_SAMPLES)
    ]
    if len(fitting) == 1 or len(declared) == 1:
        return (declared or fitting)[0]
    listed = sorted(counts)
    is_range = len(listed) > 3 and listed == list(range(listed[0], listed[-1] + 1))
    wanted = f"{listed[0]} to {listed[-1]}" if is_range else " or ".join(map(str, listed))
    found = f"axes {axes} of shape {'×'.join(str(n) for n in shape)}"
    if heard and not fitting:
        reason = f"pages must be readable to their end, tifffile reports: {heard[0][:160]}; copy it again"
        raise rejected(path, CaptureCode.UNREADABLE, reason)
    if fitting:
        rule = f"exactly one axis must be the bands ({wanted}), got {found}"
    elif len(longer) <= 3:
        n_bands = shape[next(at for at in longer if axes[at] not in "YX")] if len(longer) == 3 else 1
        rule = f"the file must have {wanted} bands, got {n_bands} ({found})"
    else:
        rule = f"the file must be one plane per band ({wanted}), got {found}; export one slice and time"
    reason = f"{rule}; check specimens.layout"
    raise rejected(path, CaptureCode.BAND_COUNT, reason)


def _bands_first(stored: NDArray[Any], axes: str, axis: int | None) -> NDArray[Any]:
    if axis is None:
        return stored.reshape(
            1, *(n for n, letter in zip(stored.shape, axes, strict=True) if n > 1 or letter in "YX")
        )
    spatial = [at for at in range(stored.ndim) if at != axis and (stored.shape[at] > 1 or axes[at] in "YX")]
    if [axes[at] for at in spatial] == ["X", "Y"]:
        spatial.reverse()
    ordered = [axis, *spatial]
    rest = [at for at in range(stored.ndim) if at not in ordered]
    return stored.transpose(*ordered, *rest).reshape([stored.shape[at] for at in ordered])


def _alpha_position(series: TiffPageSeries, n_bands: int) -> int | None:
    page = series.keyframe
    if page.samplesperpixel != n_bands:
        return None
    first = n_bands - len(page.extrasamples)
    alphas = [first + at for at, kind in enumerate(page.extrasamples) if int(kind) in _ALPHA_SAMPLES]
    return alphas[-1] if alphas else None


def _declared_nodata(declared: Any) -> float | None:
    try:
        return float(str(declared).strip("\0 "))
    except ValueError:
        return None


def can_lack_values(bands: NDArray[Any], nodata: float | None) -> bool:
    """Whether there is a number for no value: integers have none but what the file declares.

    Args:
        bands: as stored.
        nodata: of the file.
    """
    return bands.dtype.kind == "f" or nodata is not None


def lacks_value(bands: NDArray[Any], nodata: float | None) -> NDArray[np.bool_]:
    """Pixels that are NaN, infinite, beyond float32, or what the file declares as no data; as the bands.

    Args:
        bands: (…, height, width), as stored.
        nodata: of the file.
    """
    is_float = bands.dtype.kind == "f"
    # Not `>`: a comparison with NaN is false.
    lacking = ~(np.abs(bands) <= _MOST_FLOAT32) if is_float else np.zeros(bands.shape, dtype=np.bool_)
    if nodata is not None and (is_float or nodata.is_integer()):
        lacking |= bands == (bands.dtype.type(nodata) if is_float else int(nodata))
    return lacking


def known_orientation(declared: Any) -> int:
    """EXIF or TIFF orientation, 1 to 8; others, such as the 0 that some cameras write, count as 1."""
    return int(declared) if declared in range(1, 9) else 1


def orient(bands: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn (…, height, width) upright from its EXIF or TIFF orientation, 1 to 8.

    Args:
        bands: (…, height, width).
        orientation: of the file, 1 to 8.
    """
    if orientation in (5, 6, 7, 8):
        bands = bands.swapaxes(-1, -2)
    if orientation in (3, 4, 7, 8):
        bands = bands[..., ::-1, :]
    if orientation in (2, 3, 6, 7):
        bands = bands[..., ::-1]
    return bands


def write_canonical(
    file: Path | BinaryIO,
    bands: NDArray[Any],
    names: Sequence[str],
    *,
    compression: str | None = "adobe_deflate",  # tag 8; "deflate" would write the obsolete 32946
) -> None:
    """Write bands as the samples of one page, with GDAL band descriptions (see docs/decisions/0009).

    tifffile, rasterio and Bio-Formats open this layout whole; `read_stack` finds the names again.

    Args:
        file: where to write.
        bands: (bands, height, width), at least two bands.
        names: one per band.
        compression: of tifffile; None for none.

    Raises:
        ValueError: if there is one band, or names and bands differ in number.
    """
    _check_named(bands, names)
    items = "".join(
        f'<Item name="DESCRIPTION" sample="{sample}" role="description">{escape(name)}</Item>'
        for sample, name in enumerate(names)
    )
    description = f"<GDALMetadata>{items}</GDALMetadata>"
    tifffile.imwrite(
        file,
        np.ascontiguousarray(np.moveaxis(bands, 0, -1)),
        photometric="minisblack",
        planarconfig="contig",
        compression=compression,
        metadata=None,
        extratags=[(_GDAL_METADATA_TAG, "s", 0, description, True)],
    )


def write_imagej(file: Path | BinaryIO, bands: NDArray[Any], names: Sequence[str]) -> None:
    """Write bands as the channels of an ImageJ hyperstack, which ImageJ and Fiji open by File > Open.

    Uncompressed, since ImageJ reads the names of channels from such files alone. GDAL (rasterio) sees the
    first band only: see docs/decisions/0009.

    Args:
        file: where to write.
        bands: (bands, height, width), at least two bands. ImageJ knows uint8, uint16 and float32; others
            become float32.
        names: one per band.

    Raises:
        ValueError: if there is one band, or names and bands differ in number.
    """
    _check_named(bands, names)
    tifffile.imwrite(
        file,
        bands if bands.dtype in _IMAGEJ_TYPES else bands.astype(np.float32),
        imagej=True,
        photometric="minisblack",
        metadata={"axes": "CYX", "Labels": list(names), "mode": "grayscale"},
    )


def _check_named(bands: NDArray[Any], names: Sequence[str]) -> None:
    if bands.ndim != 3 or len(bands) < 2:
        raise ValueError(
            f"TIFF: bands must be (bands, height, width) with two bands or more, got {bands.shape}"
        )
    if len(names) != len(bands):
        raise ValueError(f"TIFF: names must be one per band ({len(bands)}), got {len(names)}")
