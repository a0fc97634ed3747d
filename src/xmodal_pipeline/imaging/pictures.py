"""Photographs as a screen shows them: RGB, UV as grey, and both in one picture."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion, maximum_filter, minimum_filter

from xmodal_pipeline.imaging.capture import Bands, Capture, Mask

Picture = NDArray[np.uint8]
"""(height, width, 3), sRGB."""

# ITU-R BT.709 luminance of linear R, G, B.
_LUMINANCE: Final = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
_OUTLINE: Final = np.array([86, 180, 233], dtype=np.uint8)
_REGION: Final = np.array([230, 159, 0], dtype=np.uint8)
_MARGIN: Final = 0.06
_HEADROOM: Final = 1.2
"""Left above the brightest part of a capture for views that are brighter still."""
_NEUTRAL: Final = 200
_LIGHT: Final = 225
_DIM: Final = 0.35
"""Brightness left to the background of the overlay, where a bright one would outshine the fringes."""
_PERCENTILES: Final = (1.0, 99.0)


def make_thumbnail(
    capture: Capture, size: int, *, is_linear: bool = True, regions: NDArray[np.int32] | None = None
) -> Picture:
    """RGB, UV and their overlay, cropped to the specimen, with the outline of each mask.

    RGB shares one stretch over its bands, so that its hue is kept; UV is the mean of its bands. The overlay
    has RGB luminance in green and UV in magenta: grey where the two agree, coloured fringes where they do
    not lie on one another. Stretches run up to the 99th percentile inside the mask, for display only. Regions
    are outlined in orange on RGB.

    Args:
        capture: one capture in unit scale.
        size: side of each square panel, in pixels.
        is_linear: whether the bands are proportional to light; photographs stored with an sRGB curve are not.
        regions: (height, width), the number of the region that each pixel belongs to, 0 for none.

    Returns:
        (3, size, size, 3): RGB with the outline of the RGB mask, UV with that of the UV
        mask, overlay with that of the RGB mask.

    Raises:
        ValueError: if size < 8.
    """
    if size < 8:
        raise ValueError(
            f"make_thumbnail: size must be at least 8 pixels, got {size}; use 96 for a contact sheet"
        )
    rgb, rgb_mask = _fit(capture.rgb, capture.rgb_mask, size)
    uv, uv_mask = _fit(capture.uv, capture.uv_mask, size)
    overlay = overlay_picture(rgb, uv, rgb_mask & uv_mask, is_linear=is_linear)
    panels = (
        draw_outline(rgb_picture(rgb, rgb_mask, is_linear=is_linear), rgb_mask),
        draw_outline(uv_picture(uv, uv_mask, is_linear=is_linear), uv_mask),
        draw_outline(_dim_background(overlay, rgb_mask | uv_mask), rgb_mask),
    )
    if regions is not None:
        box = _square_around(capture.rgb_mask)
        fitted = Image.fromarray(regions).crop(box).resize((size, size), Image.Resampling.NEAREST)
        panels[0][_region_edges(np.asarray(fitted))] = _REGION
    return np.stack(panels)


def _region_edges(regions: NDArray[np.int32]) -> Mask:
    """The pixels of a region that touch another region or none."""
    edges: Mask = (regions > 0) & (minimum_filter(regions, 3) != maximum_filter(regions, 3))
    return edges


def rgb_picture(rgb: Bands, mask: Mask, *, is_linear: bool = True) -> Picture:
    """(bands, H, W) in unit scale as sRGB; fewer than three bands are shown as grey.

    Args:
        rgb: (bands, height, width), unit scale.
        mask: (height, width).
        is_linear: whether the sRGB curve is still to be applied.
    """
    shown = stretch(rgb, mask)
    if len(shown) < 3:
        shown = np.repeat(shown.mean(axis=0, keepdims=True), 3, axis=0)
    return _to_bytes(_encode(shown[:3], is_linear=is_linear).transpose(1, 2, 0))


def uv_picture(uv: Bands, mask: Mask, *, is_linear: bool = True) -> Picture:
    """The mean of the UV bands as grey.

    Args:
        uv: (bands, height, width), unit scale.
        mask: (height, width).
        is_linear: as for `rgb_picture`.
    """
    grey = _encode(stretch(uv.mean(axis=0, keepdims=True), mask), is_linear=is_linear)
    return _to_bytes(np.repeat(grey.transpose(1, 2, 0), 3, axis=2))


def false_colour_picture(rgb: Bands, uv: Bands, mask: Mask, *, is_linear: bool = True) -> Picture:
    """UV as blue, blue as green, green as red: what a bee sees, moved to where people see it.

    After Verhoeven, Ren and Lunau 2018 (Journal of Pollination Ecology 23: 102). The visible bands share one
    stretch, UV has its own: hues are for looking, not for comparing. Fewer than three visible bands give
    their mean to red and green.

    Args:
        rgb: (bands, height, width), unit scale.
        uv: the same of UV, same height and width.
        mask: (height, width).
        is_linear: as for `rgb_picture`.
    """
    visible = stretch(rgb, mask)
    green, blue = visible[1:3] if len(visible) == 3 else (visible.mean(axis=0),) * 2
    ultraviolet = stretch(uv.mean(axis=0, keepdims=True), mask)[0]
    return _to_bytes(_encode(np.stack([green, blue, ultraviolet], axis=-1), is_linear=is_linear))


def overlay_picture(rgb: Bands, uv: Bands, mask: Mask, *, is_linear: bool = True) -> Picture:
    """RGB luminance in green, UV in red and blue (magenta).

    Args:
        rgb: (bands, height, width), unit scale.
        uv: the same of UV, same height and width.
        mask: (height, width).
        is_linear: as for `rgb_picture`.
    """
    weights = _LUMINANCE if len(rgb) == 3 else np.full(len(rgb), 1 / len(rgb), dtype=np.float32)
    luminance = _encode(stretch(np.tensordot(weights, rgb, axes=1)[None], mask), is_linear=is_linear)[0]
    ultraviolet = _encode(stretch(uv.mean(axis=0, keepdims=True), mask), is_linear=is_linear)[0]
    return _to_bytes(np.stack([ultraviolet, luminance, ultraviolet], axis=-1))


def cutout_picture(bands: Bands, draw: Callable[..., Picture], *, is_linear: bool = True) -> Picture:
    """A specimen on light grey, where a dark one shows too.

    Args:
        bands: (bands, height, width), cut out: 0 in all bands outside the specimen.
        draw: `rgb_picture` or `uv_picture`.
        is_linear: as for `rgb_picture`.
    """
    mask = (bands != 0).any(axis=0)
    picture = draw(bands, mask, is_linear=is_linear)
    picture[~mask] = _LIGHT
    return picture


def stretch(bands: Bands, mask: Mask) -> Bands:
    """Bands between their 1st (several bands: 0) and 99th percentile inside the mask, as 0 to 1.

    An empty mask stands for the whole frame.

    Args:
        bands: (bands, height, width).
        mask: (height, width), the pixels that set both ends.
    """
    inside = bands[:, mask] if mask.any() else bands.reshape(len(bands), -1)
    low, high = np.percentile(inside.astype(np.float32), _PERCENTILES)
    if len(bands) > 1:
        low = 0.0  # black stays black: a common offset would shift the hue
    unit: Bands = np.clip((bands.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1)
    return unit


def picture_views(bands: NDArray[np.float32], masks: NDArray[np.bool_], *, is_linear: bool) -> Picture:
    """Views of one capture, all under the stretch of the first, so that changes of level show.

    Args:
        bands: (views, bands, side, side), unit scale.
        masks: (views, side, side); what lies outside becomes neutral grey.
        is_linear: whether the bands are proportional to light.

    Returns:
        (views, side, side, 3).
    """
    first = bands[0][:, masks[0]] if masks[0].any() else bands[0].reshape(len(bands[0]), -1)
    top = max(float(np.percentile(first.astype(np.float32), _PERCENTILES[1])), 1e-6) * _HEADROOM
    unit = _encode(np.clip(bands.astype(np.float32) / top, 0, 1), is_linear=is_linear)
    if unit.shape[1] < 3:
        unit = np.repeat(unit.mean(axis=1, keepdims=True), 3, axis=1)
    pictures = _to_bytes(unit[:, :3].transpose(0, 2, 3, 1))
    pictures[~masks] = _NEUTRAL
    return pictures


def _dim_background(picture: Picture, mask: Mask) -> Picture:
    """A copy that is darker away from the specimen; a rim stays bright, so that a shift still shows."""
    near = binary_dilation(mask, iterations=max(len(mask) // 24, 1)) if mask.any() else ~mask
    return np.where(near[..., None], picture, np.rint(picture * _DIM)).astype(np.uint8)


def draw_outline(picture: Picture, mask: Mask) -> Picture:
    """A copy with the mask's boundary drawn in, one pixel wide and inside the mask.

    Args:
        picture: (height, width, 3), uint8.
        mask: (height, width).
    """
    outlined = picture.copy()
    outlined[mask & ~binary_erosion(mask, border_value=0)] = _OUTLINE
    return outlined


def _encode(linear: Bands, *, is_linear: bool) -> Bands:
    """The sRGB transfer curve, IEC 61966-2-1, unless the bands already carry it."""
    if not is_linear:
        return linear
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)


def _to_bytes(unit: Bands) -> Picture:
    return np.rint(unit * 255).astype(np.uint8)


def _fit(bands: Bands, mask: Mask, size: int) -> tuple[Bands, Mask]:
    """The square around the mask, resized to `size` with its proportions kept; outside the frame is 0."""
    box = _square_around(mask)
    resample = Image.Resampling.BOX if box[2] - box[0] > size else Image.Resampling.BILINEAR
    left, top, right, bottom = box
    rows, columns = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
    inner = (left - columns.start, top - rows.start, right - columns.start, bottom - rows.start)
    # Cut before it is copied: of a large frame the specimen may be a small part.
    layers = [np.ascontiguousarray(band[rows, columns], dtype=np.float32) for band in (*bands, mask)]
    resized = [Image.fromarray(layer).crop(inner).resize((size, size), resample) for layer in layers]
    stacked = np.stack([np.asarray(image) for image in resized])
    return stacked[:-1], stacked[-1] > 0.5


def _square_around(mask: Mask) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the square around a mask with a margin; an empty mask is the frame."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        rows, columns = np.arange(mask.shape[0]), np.arange(mask.shape[1])
    side = round(max(np.ptp(rows), np.ptp(columns)) * (1 + 2 * _MARGIN)) + 1
    top = int(rows[0] + rows[-1] + 1 - side) // 2
    left = int(columns[0] + columns[-1] + 1 - side) // 2
    return left, top, left + side, top + side
