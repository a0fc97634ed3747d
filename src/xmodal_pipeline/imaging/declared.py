"""What headers declare, against what a file may hold: checked before memory is taken for pixels."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tifffile import COMPRESSION, TiffFile, TiffPage, TiffPageSeries

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging.decoding import open_image, rejected
from xmodal_pipeline.params.ingest import LimitParams

LIMITS: Final = LimitParams()
"""The limits where no study sets others."""
_FREE_BYTES = 256 * 2**20
_MAX_EXPANSION = 3000
"""Above what deflate (1,032 : 1) and TIFF's LZW (about 2,700 : 1) can reach."""


_BOUNDED: set[int] = {
    *(COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE),
    *(COMPRESSION.PACKBITS, COMPRESSION.LZMA, COMPRESSION.ZSTD),
}
"""Codecs of bytes: tifffile unpacks no more than a strip or tile declares."""


class DeclaredSize(NamedTuple):
    """What a header says of an image, or of one strip or tile of it."""

    height_px: int
    width_px: int
    n_bands: int
    itemsize: int
    """Bytes per pixel and band."""

    @property
    def n_bytes(self) -> int:
        """Size of the decoded array."""
        return self.height_px * self.width_px * self.n_bands * self.itemsize


def check_declared_size(path: Path, declared: DeclaredSize, n_stored: int, limits: LimitParams) -> None:
    """Refuse a header that declares nothing, more than the file can hold, or more than a file may hold.

    It is called before memory is taken for the pixels.

    Args:
        path: the file.
        declared: by its header.
        n_stored: size of the file.
        limits: of the study.

    Raises:
        CaptureRejected: UNREADABLE or TOO_LARGE.
    """
    height, width, n_bands, _ = declared
    if min(height, width, n_bands) < 1:
        reason = (
            f"image must have pixels, its header declares {width}×{height} of {n_bands} bands; copy it again"
        )
        raise rejected(path, CaptureCode.UNREADABLE, reason)
    n_bytes = declared.n_bytes
    if n_bytes > _FREE_BYTES and n_bytes > _MAX_EXPANSION * n_stored:
        reason = f"header must fit the file of {n_stored} bytes, it declares {n_bytes}; copy it again"
        raise rejected(path, CaptureCode.UNREADABLE, reason)
    found = {
        "max_megapixels": (height * width / 1e6, limits.max_megapixels),
        "max_bands": (n_bands, limits.max_bands),
        "max_gigabytes": (n_bytes / 1e9, limits.max_gigabytes),
    }
    for name, (value, most) in found.items():
        if value > most:
            raise too_large(path, name, value, most)


def too_large(path: Path, name: str, value: float, most: float) -> CaptureRejected:
    """The rejection of a file whose header declares more than one of the limits."""
    reason = f"header must stay within specimens.limits.{name}, {most:g}, got {value:g}; raise it if so meant"
    return rejected(path, CaptureCode.TOO_LARGE, reason)


def check_segments(path: Path, tiff: TiffFile, images: Sequence[TiffPageSeries], limits: LimitParams) -> None:
    """Refuse missing strips, which tifffile would fill with zeros, and strips or tiles that unpack too large.

    Raises:
        CaptureRejected: UNREADABLE or TOO_LARGE.
    """
    size = tiff.filehandle.size
    for one in images:
        _check_segment_size(path, tiff, one.keyframe, limits)
        is_bounded = one.keyframe.compression in _BOUNDED
        for page in one.pages:
            if page is None:
                reason = "every page must be in the file, one is missing; copy it again"
                raise rejected(path, CaptureCode.UNREADABLE, reason)
            segments = list(zip(page.dataoffsets, page.databytecounts, strict=False))
            if any(offset <= 0 or count <= 0 or offset + count > size for offset, count in segments):
                reason = f"every strip must lie within the file of {size} bytes, one does not; copy it again"
                raise rejected(path, CaptureCode.UNREADABLE, reason)
            if not is_bounded:
                _check_embedded(path, tiff, one.keyframe, segments, limits)


def _check_segment_size(path: Path, tiff: TiffFile, page: TiffPage, limits: LimitParams) -> None:
    """A tile may be larger than its image; a strip is cut to it."""
    if page.is_tiled and page.dtype is not None:
        samples = page.samplesperpixel if page.planarconfig == 1 else 1
        depth = page.tiledepth * page.tilelength
        tile = DeclaredSize(depth, page.tilewidth, samples, page.dtype.itemsize)
        check_declared_size(path, tile, tiff.filehandle.size, limits)


def _check_embedded(
    path: Path,
    tiff: TiffFile,
    page: TiffPage,
    segments: Sequence[tuple[int, int]],
    limits: LimitParams,
) -> None:
    """An image inside the TIFF has a header of its own, which its decoder believes."""
    if page.compression != COMPRESSION.JPEG:
        name = getattr(page.compression, "name", page.compression)
        reason = (
            f"compression must be none, LZW, deflate, PackBits, LZMA, Zstandard or JPEG, got {name}; save "
            "the file with one of these"
        )
        raise rejected(path, CaptureCode.UNREADABLE, reason)
    for offset, count in segments:
        tiff.filehandle.seek(offset)
        with open_image(io.BytesIO(tiff.filehandle.read(count)), "JPEG") as image:
            declared = DeclaredSize(image.height, image.width, len(image.getbands()), 1)
        check_declared_size(path, declared, count, limits)
