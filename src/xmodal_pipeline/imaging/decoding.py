"""Damaged files: whatever a decoder makes of them becomes one rejection with the file's name."""

import logging
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from xmodal_pipeline.errors import CaptureCode, CaptureRejected

DECODE_ERRORS: tuple[type[Exception], ...] = (
    OSError,  # Pillow on truncated files; missing and unreadable files
    ValueError,  # tifffile.TiffFileError; strips that do not fill the declared shape
    RuntimeError,  # imagecodecs: every codec's own error
    SyntaxError,  # Pillow on broken PNG chunks; ElementTree on broken OME-XML
    struct.error,  # tags that point beyond the end
    LookupError,  # pages or codecs that do not exist
    TypeError,  # tags of the wrong type in tifffile's arithmetic
    ArithmeticError,  # sizes of zero, sizes beyond 64 bits
    AssertionError,  # tifffile checks its own segment tables with assert
    MemoryError,  # sizes that no machine has
    Image.DecompressionBombError,
)
"""What tifffile, imagecodecs and Pillow raise on truncated files and flipped bytes; found by trying."""


def rejected(path: Path, code: CaptureCode, reason: str) -> CaptureRejected:
    """The rejection of one file, by its name."""
    return CaptureRejected(path.name, code, reason)


@contextmanager
def damage_rejected(path: Path) -> Iterator[None]:
    """Turn every decoder's error on a damaged file into `CaptureRejected` with `UNREADABLE`.

    Args:
        path: the file that is read inside the block.

    Raises:
        CaptureRejected: UNREADABLE, with what the decoder said; other rejections pass unchanged.
    """
    try:
        yield
    except CaptureRejected:
        raise
    except DECODE_ERRORS as error:
        said = " ".join(str(error).split())[:160]
        reason = (
            f"file must be a whole image, decoding stopped with {type(error).__name__}: {said}; copy it again"
        )
        raise rejected(path, CaptureCode.UNREADABLE, reason) from error


def open_image(file: Path | BinaryIO, kind: Literal["JPEG", "PNG"]) -> Image.Image:
    """The header of an image. Not `Image.open`, which has a limit of its own, too low for some cameras."""
    return JpegImageFile(file) if kind == "JPEG" else PngImageFile(file)


@contextmanager
def complaints(logger: str) -> Iterator[list[str]]:
    """Collect what a library logs as a warning or worse in this thread, instead of printing it.

    tifffile reports a broken chain of pages through its log and returns the pages that are left.
    """
    heard: list[str] = []
    thread = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        mine = record.thread == thread and record.levelno >= logging.WARNING
        if mine:
            heard.append(record.getMessage())
        return not mine

    target = logging.getLogger(logger)
    target.addFilter(keep)
    try:
        yield heard
    finally:
        target.removeFilter(keep)
