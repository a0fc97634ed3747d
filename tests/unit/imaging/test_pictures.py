import numpy as np
import pytest

from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.imaging.pictures import (
    cutout_picture,
    draw_outline,
    false_colour_picture,
    make_thumbnail,
    overlay_picture,
    picture_views,
    rgb_picture,
    uv_picture,
)


def make_capture(seed: int = 0, size: int = 60, shift: int = 0) -> Capture:
    """An orange ellipse on black with a bright UV patch; `shift` moves UV to the right."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size - 0.5
    mask = (x / 0.42) ** 2 + (y / 0.25) ** 2 < 1
    texture = 0.1 * np.sin(40 * x + seed) + generator.normal(0, 0.01, (size, size))
    rgb = np.stack([0.7 + texture, 0.4 + texture, 0.1 + texture]) * mask
    patch = ((x - 0.2) ** 2 + y**2 < 0.02) * 0.5
    uv = np.roll(np.stack([0.15 + patch + texture, 0.1 + patch + texture]) * mask, shift, axis=2)
    return Capture(rgb.astype(np.float32), uv.astype(np.float32), mask, np.roll(mask, shift, axis=1))


def two_halves():
    """Left half bright in R only, right half bright in UV only."""
    rgb, uv = np.zeros((3, 40, 40), np.float32), np.zeros((2, 40, 40), np.float32)
    rgb[0, :, :20] = 0.8
    uv[:, :, 20:] = 0.8
    mask = np.ones((40, 40), bool)
    return rgb, uv, mask


def test_rgb_keeps_its_hue():
    rgb, _, mask = two_halves()
    rgb[1, :, :20] = 0.2
    picture = rgb_picture(rgb, mask)
    red, green, blue = picture[20, 5].astype(int)
    # sRGB of linear 1 and 0.25: 255 and 137 (IEC 61966-2-1)
    assert (red, green, blue) == (255, 137, 0)
    assert picture[20, 30].tolist() == [0, 0, 0]


def test_stored_curve_is_not_applied_twice():
    rgb, _, mask = two_halves()
    rgb[1, :, :20] = 0.2
    assert rgb_picture(rgb, mask, is_linear=False)[20, 5].tolist() == [255, 64, 0]


def test_regions_are_outlined_where_they_lie_and_the_specimen_is_left_as_it_was():
    capture = make_capture(size=64)
    regions = np.zeros((64, 64), np.int32)
    regions[28:36, 20:30] = 1
    regions[28:36, 30:44] = 2
    plain, drawn = make_thumbnail(capture, 64), make_thumbnail(capture, 64, regions=regions)
    np.testing.assert_array_equal(plain[1:], drawn[1:])
    changed = (plain[0] != drawn[0]).any(axis=-1)
    assert (drawn[0][changed] == (230, 159, 0)).all()
    rows, columns = np.nonzero(changed)
    # The square around the ellipse is 54 pixels and a margin, shown on 64.
    assert rows.min() == pytest.approx(28, abs=2)
    assert columns.min() == pytest.approx(19, abs=2)
    assert columns.max() == pytest.approx(44, abs=2)
    assert changed[32].sum() == pytest.approx(4, abs=1)  # both sides of each region, seen across the middle


def test_uv_is_grey():
    _, uv, mask = two_halves()
    assert uv_picture(uv, mask)[20, [5, 30]].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_overlay_has_rgb_in_green_and_uv_in_magenta():
    overlay = overlay_picture(*two_halves())
    assert overlay[20, 5].tolist() == [0, 255, 0]
    assert overlay[20, 30].tolist() == [255, 0, 255]


def test_overlay_is_grey_where_the_modalities_agree():
    rgb, _, mask = two_halves()
    overlay = overlay_picture(rgb, rgb[:1], mask)
    assert (overlay == overlay[..., :1]).all()


def test_outline_lies_on_the_boundary_inside_the_mask():
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    drawn = (draw_outline(np.zeros((9, 9, 3), np.uint8), mask) != 0).any(axis=2)
    expected = mask.copy()
    expected[3:6, 3:6] = False
    assert (drawn == expected).all()


def test_thumbnail_is_cropped_to_the_specimen_and_centred():
    mask = np.zeros((200, 300), bool)
    mask[20:60, 200:280] = True
    bands = np.where(mask, 0.5, 0).astype(np.float32)
    thumbnail = make_thumbnail(Capture(bands[None].repeat(3, 0), bands[None], mask, mask), 90)
    rows, columns = np.nonzero(thumbnail[1].any(axis=2))
    assert thumbnail.shape == (3, 90, 90, 3)
    # 80 px of width and a margin of 6 % on either side fill 90 px: 80 px, half as high
    assert np.ptp(columns) + 1 == pytest.approx(80, abs=2)
    assert np.ptp(rows) + 1 == pytest.approx(40, abs=2)
    assert columns.mean() == pytest.approx(44.5, abs=1)
    assert rows.mean() == pytest.approx(44.5, abs=1)


def test_panels_come_as_rgb_uv_overlay():
    rgb, uv, _overlay = make_thumbnail(make_capture(), 60)
    inside = np.s_[28:32, 20:30]
    assert rgb[inside][..., 0].mean() > rgb[inside][..., 2].mean() + 50
    assert (uv[inside][..., 0] == uv[inside][..., 2]).all()


def test_empty_mask_shows_the_whole_frame():
    rgb, uv, mask = two_halves()
    thumbnail = make_thumbnail(Capture(rgb, uv, ~mask, ~mask), 40)
    assert thumbnail[1, 20, 30].tolist() == [255, 255, 255]


def test_tiny_thumbnails_are_refused():
    with pytest.raises(ValueError, match="size must be at least 8 pixels, got 4"):
        make_thumbnail(make_capture(), 4)


def test_background_of_the_overlay_is_dimmed_but_for_a_rim():
    mask = np.zeros((96, 96), bool)
    mask[30:60, 30:60] = True
    uv = np.where(mask, np.linspace(0.2, 0.6, 96), 0.6)[None].astype(np.float32)
    overlay = make_thumbnail(Capture(np.where(mask, 0.5, 0)[None].repeat(3, 0), uv, mask, mask), 96)[2]
    assert overlay[2, 2].tolist() == [89, 0, 89]
    rows = np.flatnonzero((overlay[:, 48] == [255, 0, 255]).all(axis=1))
    assert 0 < len(rows) <= 10


def test_views_of_a_capture_share_one_stretch_on_a_neutral_ground():
    first = np.full((3, 8, 8), 0.4, np.float32)
    masks = np.zeros((3, 8, 8), bool)
    masks[:, 2:6, 2:6] = True
    views = np.stack([first, first * 0.5, first * 3])
    pictures = picture_views(views, masks, is_linear=False)
    assert pictures[:, 3, 3, 0].tolist() == [212, 106, 255]
    assert (pictures[~masks] == 200).all()
    grey = picture_views(views[:, :1], masks, is_linear=False)
    assert grey[0, 3, 3].tolist() == [212, 212, 212]


def test_false_colour_moves_every_band_to_the_next_longer_one():
    """R is not shown; G is red, B is green, UV is blue."""
    rgb, uv = np.zeros((3, 20, 40), np.float32), np.zeros((2, 20, 40), np.float32)
    rgb[0, :, :10] = rgb[1, :, 10:20] = rgb[2, :, 20:30] = 0.8
    uv[:, :, 30:] = 0.1  # its own stretch
    picture = false_colour_picture(rgb, uv, np.ones((20, 40), bool))
    shown = [picture[5, column].tolist() for column in (5, 15, 25, 35)]
    assert shown == [[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_false_colour_of_one_visible_band_is_yellow_and_blue():
    rgb, uv, mask = two_halves()
    picture = false_colour_picture(rgb[:1], uv, mask)
    assert picture[5, 5].tolist() == [255, 255, 0]
    assert picture[5, 30].tolist() == [0, 0, 255]


def test_a_cut_out_lies_on_light_grey_and_keeps_its_dark_pixels():
    bands = np.zeros((3, 8, 8), np.float32)
    bands[:, 2:6, 2:6] = 0.5
    bands[:, 3, 3] = 0.001
    picture = cutout_picture(bands, rgb_picture)
    assert picture[0, 0].tolist() == [225, 225, 225]
    assert picture[3, 3].max() < 20
    np.testing.assert_array_equal(picture[2:6, 2:6], rgb_picture(bands, bands[0] > 0)[2:6, 2:6])
