"""Masks from a band, from alpha, and from a white background."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging.mask import alpha_mask, band_mask, white_background_mask

DISC = (np.indices((60, 80)) - np.array([28, 40])[:, None, None]).astype(float)
DISC_MASK = np.hypot(*DISC) < 20


@pytest.mark.parametrize(
    ("dtype", "level"),
    [("uint8", 1), ("uint8", 255), ("uint16", 65535), ("uint16", 255), ("bool", True), ("float32", 1.0)],
)
def test_every_spelling_of_a_mask_is_the_same_mask(dtype: str, level: float) -> None:
    band = (DISC_MASK * np.asarray(level)).astype(dtype)
    mask = band_mask(band, filename="a.tif")
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, DISC_MASK)


@pytest.mark.parametrize(
    ("band", "code", "message"),
    [
        (np.zeros((4, 4)), CaptureCode.EMPTY_MASK, "mask must select the specimen, got no pixel"),
        (
            np.full((4, 4), 255, np.uint8),
            CaptureCode.FULL_MASK,
            "mask must leave background, got every pixel",
        ),
        (np.array([[0, 1], [255, 255]]), CaptureCode.BAD_MASK, r"one positive level, got \[0, 1, 255\]"),
        (np.array([[1, 2], [2, 2]]), CaptureCode.BAD_MASK, r"one positive level, got \[1, 2\]"),
        (np.array([[0.0, -1.0]]), CaptureCode.BAD_MASK, r"one positive level, got \[-1.0, 0.0\]"),
    ],
)
def test_bands_that_are_no_mask(band: np.ndarray, code: CaptureCode, message: str) -> None:
    with pytest.raises(CaptureRejected, match=message) as caught:
        band_mask(band, filename="a.tif")
    assert caught.value.code is code


@pytest.mark.parametrize(("dtype", "opaque"), [("uint8", 255), ("uint16", 65535), ("float32", 1.0)])
def test_alpha_is_cut_at_half(dtype: str, opaque: float) -> None:
    alpha = (np.array([[0, 0.45, 0.55, 1]]) * opaque).astype(dtype)
    np.testing.assert_array_equal(alpha_mask(alpha, filename="a.png"), [[False, False, True, True]])


def test_missing_and_plain_alpha_are_rejected() -> None:
    with pytest.raises(CaptureRejected, match="must come from an alpha channel, the file has none"):
        alpha_mask(None, filename="a.png")
    with pytest.raises(CaptureRejected, match="got every pixel"):
        alpha_mask(np.full((3, 3), 255, np.uint8), filename="a.png")


def photograph(inside: np.ndarray, colour: tuple[int, int, int], quality: int = 75) -> np.ndarray:
    """A specimen with soft edges on white, through JPEG."""
    cover = ndimage.gaussian_filter(inside.astype(float), 0.7)[..., None]
    scene = (255 * (1 - cover) + np.array(colour) * cover).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(scene).save(buffer, "JPEG", quality=quality)
    return (np.asarray(Image.open(buffer)).transpose(2, 0, 1) / np.float32(255)).astype(np.float32)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


@pytest.mark.parametrize("colour", [(20, 15, 10), (230, 225, 220), (250, 250, 120), (120, 255, 255)])
def test_a_specimen_on_white_is_found(colour: tuple[int, int, int]) -> None:
    mask = white_background_mask(photograph(DISC_MASK, colour), filename="a.jpg")
    assert overlap(mask, DISC_MASK) > 0.93
    # Half height: the soft rim is not counted, the specimen's own edge is not lost. JPEG stores hue at half
    # resolution, so pure hues are smeared by up to one pixel, 10 % of this area.
    assert np.count_nonzero(mask) == pytest.approx(np.count_nonzero(DISC_MASK), rel=0.08)


def test_pale_patches_inside_belong_to_the_specimen() -> None:
    bands = photograph(DISC_MASK & (np.hypot(*DISC) > 8), (40, 30, 20))
    mask = white_background_mask(bands, filename="a.jpg")
    assert mask[28, 40]
    assert overlap(mask, DISC_MASK) > 0.93


def test_separate_wings_stay_and_dust_goes() -> None:
    wings = np.zeros((60, 100), bool)
    wings[15:45, 10:40] = wings[20:40, 55:80] = True
    dust = wings.copy()
    dust[52:54, 90:92] = True
    mask = white_background_mask(photograph(dust, (30, 30, 30)), filename="a.jpg")
    assert mask[30, 25]
    assert mask[30, 65]
    assert not mask[50:56, 88:94].any()
    assert overlap(mask, wings) > 0.93


def test_a_grey_white_background_works_too() -> None:
    mask = white_background_mask(photograph(DISC_MASK, (90, 80, 70)) * np.float32(0.8), filename="a.jpg")
    assert overlap(mask, DISC_MASK) > 0.93


def test_a_dark_background_is_refused() -> None:
    bands = 1 - photograph(DISC_MASK, (20, 15, 10))
    with pytest.raises(CaptureRejected, match="background must be white at the border") as caught:
        white_background_mask(bands, filename="a.jpg")
    assert caught.value.code is CaptureCode.FULL_MASK


def test_a_blank_photograph_has_an_empty_mask() -> None:
    with pytest.raises(CaptureRejected, match="got no pixel") as caught:
        white_background_mask(np.ones((3, 20, 20), np.float32), filename="a.jpg")
    assert caught.value.code is CaptureCode.EMPTY_MASK


def lit(light: np.ndarray, colour: float = 0.7) -> np.ndarray:
    """A grey disc on white under uneven light, with 1 % noise."""
    cover = ndimage.gaussian_filter(DISC_MASK.astype(float), 0.7)
    bands = np.stack([light * (1 - cover * (1 - colour))] * 3)
    return (bands * (1 + np.random.default_rng(0).normal(0, 0.01, bands.shape))).astype(np.float32)


@pytest.mark.parametrize(
    "light",
    [
        lambda x, y: 1 - 0.2 * (x + 1),  # a lamp at one side: 1 to .6
        lambda x, y: 1 - 0.1 * (x + 1) - 0.05 * (y + 1),
        lambda x, y: 1 - 0.15 * (x**2 + y**2),  # a lens that darkens towards its corners
    ],
)
def test_a_background_may_be_lit_unevenly(light: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    y, x = (2 * at / (n - 1) - 1 for at, n in zip(np.indices(DISC_MASK.shape), DISC_MASK.shape, strict=True))
    mask = white_background_mask(lit(light(x, y)), filename="a.jpg")
    assert overlap(mask, DISC_MASK) > 0.93


def test_a_pale_specimen_may_reach_the_border_of_even_light() -> None:
    wing = np.zeros(DISC_MASK.shape, bool)
    wing[20:40, :40] = True
    mask = white_background_mask(photograph(wing, (205, 205, 205)), filename="a.jpg")
    assert overlap(mask, wing) > 0.93


def test_light_too_uneven_to_tell_a_specimen_is_named() -> None:
    rows, columns = np.indices(DISC_MASK.shape)
    light = 1 - 0.1 * np.sin(rows) - 0.1 * np.cos(columns)
    with pytest.raises(
        CaptureRejected, match=r"the border itself departs from an even light by \d+%"
    ) as caught:
        white_background_mask(lit(light, colour=0.8), filename="a.jpg")
    assert caught.value.code is CaptureCode.EMPTY_MASK
