"""One photograph of a pair: JPEG, PNG or TIFF, upright, with its alpha apart."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.imaging.declared import LIMITS, DeclaredSize, check_declared_size
from xmodal_pipeline.imaging.decoding import damage_rejected, open_image, rejected
from xmodal_pipeline.imaging.tiff import ImageHeader, known_orientation, orient, read_stack, read_stack_header
from xmodal_pipeline.params.ingest import LimitParams

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_DEPTH_AT = 24
"""Where a PNG keeps its bits per sample: the ninth byte of IHDR."""
_MODES = {"L": "L", "1": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "P": "RGB"}
"""Pillow's mode in the file → the mode that keeps every sample. CMYK and the like are no intensities."""


class Photograph(NamedTuple):
    """One photograph as it is stored, turned upright."""

    bands: NDArray[Any]
    """(bands, height, width), the file's own data type."""
    alpha: NDArray[Any] | None
    """(height, width), or None."""
    labels: tuple[str, ...] | None
    """Band labels, from TIFF only."""
    orientation: int = 1
    """As EXIF or TIFF declares it, 1 to 8; already undone."""
    nodata: float | None = None
    """What stands for no data, in a TIFF that declares it."""


def read_photograph(path: Path, band_counts: Collection[int], *, limits: LimitParams = LIMITS) -> Photograph:
    """Read a JPEG, PNG or TIFF photograph, told apart by content, not by name.

    EXIF and TIFF orientation are honoured, so that two cameras held differently agree. 16-bit PNG keeps
    its 16 bits.

    Args:
        path: the file.
        band_counts: how many bands the photograph may have, alpha not counted.
        limits: the most that the header may declare.

    Returns:
        Bands and alpha.

    Raises:
        CaptureRejected: UNREADABLE if the file is damaged or no image, TOO_LARGE beyond the limits,
            BAND_COUNT if it has another number of bands.
    """
    with damage_rejected(path):
        with path.open("rb") as file:
            head = file.read(_PNG_DEPTH_AT + 1)
        if head.startswith(_TIFF):
            photograph = _from_tiff(path, band_counts, limits)
        elif _is_deep(head):
            photograph = _from_deep_png(path, limits)
        elif head.startswith((_PNG, _JPEG)):
            photograph = _from_pillow(path, limits)
        else:
            found = repr(head[:8]) if head else "an empty file"
            reason = f"file must be a TIFF, JPEG or PNG, got {found}; copy it again"
            raise rejected(path, CaptureCode.UNREADABLE, reason)
    if len(photograph.bands) not in band_counts:
        wanted = " or ".join(str(count) for count in sorted(band_counts))
        got = f"{wanted}, got {len(photograph.bands)}"
        reason = f"band count of {path.name} must be {got}; check layout and suffixes"
        raise rejected(path, CaptureCode.BAND_COUNT, reason)
    return photograph


def photograph_format(path: Path) -> str | None:
    """JPEG or PNG, by the file's content; None for any other file."""
    with damage_rejected(path), path.open("rb") as file:
        head = file.read(len(_PNG))
    return "JPEG" if head.startswith(_JPEG) else "PNG" if head == _PNG else None


def count_bands(path: Path, band_counts: Collection[int], *, limits: LimitParams = LIMITS) -> int:
    """How many bands `read_photograph` would find, alpha not counted, by the file's header alone.

    Args:
        path: the file.
        band_counts: how many bands the photograph may have.
        limits: the most that the header may declare.

    Raises:
        CaptureRejected: UNREADABLE, TOO_LARGE or BAND_COUNT, as far as the header shows it.
    """
    with_alpha = {*band_counts, *(count + 1 for count in band_counts)}
    return read_header(path, with_alpha, limits=limits).n_bands


def read_header(path: Path, band_counts: Collection[int], *, limits: LimitParams = LIMITS) -> ImageHeader:
    """What the header of a TIFF, JPEG or PNG declares.

    Args:
        path: the file.
        band_counts: how many bands a TIFF may have, alpha counted.
        limits: the most that the header may declare.

    Raises:
        CaptureRejected: UNREADABLE, TOO_LARGE or BAND_COUNT, as far as the header shows it.
    """
    with damage_rejected(path):
        with path.open("rb") as file:
            head = file.read(_PNG_DEPTH_AT + 1)
        if head.startswith(_TIFF):
            return read_stack_header(path, band_counts, limits=limits)
        with _open(path, limits, itemsize=1 + _is_deep(head)) as image:
            bands = image.getbands()
            return ImageHeader(
                kind="JPEG" if head.startswith(_JPEG) else "PNG",
                n_bands=3 if image.mode == "P" else sum(band != "A" for band in bands),
                height_px=image.height,
                width_px=image.width,
                dtype="uint16" if _is_deep(head) else "uint8",
                has_alpha="A" in bands or (image.mode == "P" and "transparency" in image.info),
                orientation=_orientation(image),
            )


def _from_tiff(path: Path, band_counts: Collection[int], limits: LimitParams) -> Photograph:
    stack = read_stack(path, {*band_counts, *(count + 1 for count in band_counts)}, limits=limits)
    if stack.alpha is None:
        return Photograph(stack.bands, None, stack.labels, stack.orientation, stack.nodata)
    colours = [at for at in range(len(stack.bands)) if at != stack.alpha]
    labels = tuple(stack.labels[at] for at in colours) if stack.labels else None
    alpha = stack.bands[stack.alpha]
    return Photograph(stack.bands[colours], alpha, labels, stack.orientation, stack.nodata)


def _from_deep_png(path: Path, limits: LimitParams) -> Photograph:
    # Pillow opens 16-bit colour as 8-bit; it is asked for size and orientation only.
    with _open(path, limits, itemsize=2) as image:
        orientation = _orientation(image)
    return _photograph(imagecodecs.png_decode(path.read_bytes()), orientation)


def _from_pillow(path: Path, limits: LimitParams) -> Photograph:
    with _open(path, limits) as image:
        if image.mode not in _MODES:
            reason = f"colour mode must be greyscale or RGB, got {image.mode}; export intensities"
            raise rejected(path, CaptureCode.UNREADABLE, reason)
        has_palette_alpha = image.mode == "P" and "transparency" in image.info
        mode = "RGBA" if has_palette_alpha else _MODES[image.mode]
        samples = np.asarray(image.convert(mode) if image.mode != mode else image)
        return _photograph(samples, _orientation(image))


def _is_deep(head: bytes) -> bool:
    return head.startswith(_PNG) and head[_PNG_DEPTH_AT:] == b"\x10"


@contextmanager
def _open(path: Path, limits: LimitParams, *, itemsize: int = 1) -> Iterator[Image.Image]:
    with path.open("rb") as file:
        kind: Literal["JPEG", "PNG"] = "JPEG" if file.read(len(_JPEG)) == _JPEG else "PNG"
    with open_image(path, kind) as image:
        n_bands = 3 if image.mode == "P" else len(image.getbands())
        declared = DeclaredSize(image.height, image.width, n_bands, itemsize)
        check_declared_size(path, declared, path.stat().st_size, limits)
        yield image


def _orientation(image: Image.Image) -> int:
    return known_orientation(image.getexif().get(ExifTags.Base.Orientation, 1))


def _photograph(samples: NDArray[Any], orientation: int) -> Photograph:
    planes = samples[..., None] if samples.ndim == 2 else samples
    planes = orient(np.moveaxis(planes, -1, 0), orientation)
    if len(planes) in (2, 4):
        return Photograph(planes[:-1], planes[-1], None, orientation)
    return Photograph(planes, None, None, orientation)
