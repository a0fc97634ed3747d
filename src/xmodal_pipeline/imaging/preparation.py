"""A capture as the models see it: registered, cut out, masked and resized."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xmodal_pipeline.imaging.capture import Bands, Capture, Mask
from xmodal_pipeline.imaging.registration import Registration, apply_registration

Box = tuple[float, float, float, float]

_MIN_WEIGHT = 1e-3
_MARGIN = 0.05
"""Background left around the specimen, as a share of its longer side."""


class PreparedCapture(NamedTuple):
    """One row of each array store."""

    rgb: NDArray[np.float16]
    """(3, size, size), unit scale, background 0."""
    uv: NDArray[np.float16]
    """(uv bands, size, size), unit scale, background 0."""
    masks: NDArray[np.uint8]
    """(2, size, size), 0 or 1: RGB's mask, then UV's."""


def specimen_box(mask: Mask) -> Box:
    """The square around the specimen, with a small margin: left, top, right, bottom in pixels.

    The square may reach beyond the image; what lies outside counts as background.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    half = max(bottom - top, right - left) * (0.5 + _MARGIN)
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - half, y - half, x + half, y + half


def frame_box(mask: Mask) -> Box:
    """The square around the whole frame, centred."""
    height, width = mask.shape
    half = max(height, width) / 2
    return width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half


def resample(
    bands: Bands, mask: Mask, box: Box, size: int, *, shift: tuple[float, float] = (0.0, 0.0)
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Cut `box` out of masked bands and resize it to `size` × `size`, in one antialiased resampling.

    Each output pixel is the weighted mean of the specimen's pixels under it; background enters neither
    sum nor weight, so edges are not darkened. Background is exactly 0.

    Args:
        bands: (bands, height, width).
        mask: (height, width), on the grid of RGB.
        box: left, top, right, bottom in pixels of RGB.
        size: side of the result in pixels.
        shift: (dx, dy) of these bands relative to RGB in pixels; they are sampled at (x + dx, y + dy).

    Returns:
        Resized bands (bands, size, size), and the resized mask (size, size), 0 or 1.
    """
    dx, dy = shift
    moved_box = (box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy)
    # The weights may move by whole pixels: they only say which pixels count.
    moved_mask = _shift_whole(mask, round(dx), round(dy)).astype(np.float32)
    weight = _resize(moved_mask, moved_box, size)
    inside = _resize(mask.astype(np.float32), box, size) > 0.5
    total = np.stack([_resize(band * moved_mask, moved_box, size) for band in bands])
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


def _resize(plane: NDArray[np.float32], box: Box, size: int) -> NDArray[np.float32]:
    height, width = plane.shape
    left, top, right, bottom = box
    # Pillow refuses boxes beyond the image: zeros are added where the box reaches out.
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
    box_of = specimen_box if crop == "specimen" else frame_box
    rgb, rgb_mask = resample(capture.rgb, capture.rgb_mask, box_of(capture.rgb_mask), size)
    uv, shift = _registered(capture.uv, registration)
    mask = capture.rgb_mask if share_mask else capture.uv_mask
    uv, uv_mask = resample(uv, mask, box_of(mask), size, shift=shift)
    masks = np.stack([rgb_mask, uv_mask])
    return PreparedCapture(rgb.astype(np.float16), uv.astype(np.float16), masks)


def _registered(uv: Bands, registration: Registration | None) -> tuple[Bands, tuple[float, float]]:
    if registration is None or registration.status != "corrected":
        return uv, (0.0, 0.0)
    if registration.rotation_deg == 0 and registration.scale == 1:
        # A shift folds into the one resampling.
        return uv, (registration.dx_px, registration.dy_px)
    return apply_registration(uv, registration), (0.0, 0.0)
