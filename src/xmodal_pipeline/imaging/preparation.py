"""A capture as the models see it: registered, cut out, masked and resized."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xmodal_pipeline.imaging.capture import Bands, Capture, Mask
from xmodal_pipeline.imaging.registration import Registration, apply_registration
from xmodal_pipeline.imaging.structure import mask_box

_MIN_WEIGHT = 1e-3
_MARGIN = 0.05
"""Background left around the specimen, as a share of its longer side."""


class Square(NamedTuple):
    """What is cut out, in pixels of the image and parts of them; it may reach beyond the image."""

    top: float
    left: float
    bottom: float
    right: float

    def moved(self, shift: tuple[float, float]) -> "Square":
        """The same square elsewhere, (dx, dy) to the right and down."""
        dx, dy = shift
        return Square(self.top + dy, self.left + dx, self.bottom + dy, self.right + dx)


class PreparedCapture(NamedTuple):
    """One row of `Prepared`."""

    rgb: NDArray[np.float16]
    """(3, size, size), unit scale, background 0."""
    uv: NDArray[np.float16]
    """(uv bands, size, size), unit scale, background 0."""
    masks: NDArray[np.uint8]
    """(2, size, size), 0 or 1: RGB's mask, then UV's."""


def specimen_square(mask: Mask) -> Square:
    """The square around the specimen, with a small margin.

    What lies outside the image counts as background.

    Args:
        mask: (height, width).
    """
    tight = mask_box(mask, 0)
    half = max(tight.shape) * (0.5 + _MARGIN)
    x, y = (tight.left + tight.right) / 2, (tight.top + tight.bottom) / 2
    return Square(y - half, x - half, y + half, x + half)


def frame_square(mask: Mask) -> Square:
    """The square around the whole frame, centred.

    Args:
        mask: (height, width).
    """
    height, width = mask.shape
    half = max(height, width) / 2
    return Square(height / 2 - half, width / 2 - half, height / 2 + half, width / 2 + half)


def resample(
    bands: Bands, mask: Mask, square: Square, size: int, *, shift: tuple[float, float] = (0.0, 0.0)
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Cut `square` out of masked bands and resize it to `size` × `size`, in one antialiased resampling.

    Each output pixel is the weighted mean of the specimen's pixels under it; background enters neither
    sum nor weight, so edges are not darkened. Background is exactly 0.

    Args:
        bands: (bands, height, width).
        mask: (height, width), on the grid of RGB.
        square: in pixels of RGB.
        size: side of the result in pixels.
        shift: (dx, dy) of these bands relative to RGB in pixels; they are sampled at (x + dx, y + dy).

    Returns:
        Resized bands (bands, size, size), and the resized mask (size, size), 0 or 1.
    """
    moved = square.moved(shift)
    # The weights may move by whole pixels: they only say which pixels count.
    moved_mask = _shift_whole(mask, round(shift[0]), round(shift[1])).astype(np.float32)
    weight = _resize(moved_mask, moved, size)
    inside = _resize(mask.astype(np.float32), square, size) > 0.5
    total = np.stack([_resize(band * moved_mask, moved, size) for band in bands])
    resized = np.where(inside, total / np.maximum(weight, _MIN_WEIGHT), 0)
    return resized.astype(np.float32), inside.astype(np.uint8)


def _shift_whole(mask: Mask, dx: int, dy: int) -> Mask:
    out = np.zeros_like(mask)
    height, width = mask.shape
    rows = slice(max(0, dy), min(height, height + dy))
    columns = slice(max(0, dx), min(width, width + dx))
    source_rows = slice(max(0, -dy), min(height, height - dy))
    source_columns = slice(max(0, -dx), min(width, width - dx))
    out[rows, columns] = mask[source_rows, source_columns]
    return out


def _resize(plane: NDArray[np.float32], square: Square, size: int) -> NDArray[np.float32]:
    height, width = plane.shape
    top, left, bottom, right = square
    # Pillow refuses boxes beyond the image: zeros are added where the square reaches out.
    pad = int(np.ceil(max(0.0, -left, -top, right - width, bottom - height)))
    padded = np.pad(plane, pad) if pad else plane
    inner = (left + pad, top + pad, right + pad, bottom + pad)
    image = Image.fromarray(np.ascontiguousarray(padded, dtype=np.float32))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=inner))


def prepare_capture(
    capture: Capture, registration: Registration | None, *, size: int, crop: str, share_mask: bool
) -> PreparedCapture:
    """Register, cut out, mask and resize one capture.

    Args:
        capture: as read.
        registration: applied to UV where its status is `corrected`; None leaves UV where it is.
        size: side of the result in pixels.
        crop: `specimen` cuts around the mask, `frame` keeps the whole frame.
        share_mask: whether RGB's mask and crop hold for UV too: they do wherever the two are meant to
            lie on one another. Two separate photographs are each cut by their own mask.
    """
    square_of = specimen_square if crop == "specimen" else frame_square
    rgb, rgb_mask = resample(capture.rgb, capture.rgb_mask, square_of(capture.rgb_mask), size)
    uv, shift = _registered(capture.uv, registration)
    mask = capture.rgb_mask if share_mask else capture.uv_mask
    uv, uv_mask = resample(uv, mask, square_of(mask), size, shift=shift)
    masks = np.stack([rgb_mask, uv_mask])
    return PreparedCapture(rgb.astype(np.float16), uv.astype(np.float16), masks)


def _registered(uv: Bands, registration: Registration | None) -> tuple[Bands, tuple[float, float]]:
    if registration is None or registration.status != "corrected":
        return uv, (0.0, 0.0)
    if not registration.is_turned:
        # A shift folds into the one resampling.
        return uv, (registration.dx_px, registration.dy_px)
    return apply_registration(uv, registration), (0.0, 0.0)
