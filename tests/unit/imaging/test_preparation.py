import numpy as np
import pytest
from scipy import ndimage

from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.imaging.preparation import frame_square, prepare_capture, resample, specimen_square
from xmodal_pipeline.imaging.registration import Registration


def disc(size=64, radius=20, centre=(32, 32)):
    y, x = np.mgrid[:size, :size]
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2


def registration(dx, dy, status="corrected"):
    return Registration(
        dx_px=dx, dy_px=dy, rotation_deg=0.0, scale=1.0, score_before=0.0, score_after=0.0,
        margin=0.1, residual_px=0.0, status=status,
    )  # fmt: skip


def test_a_flat_specimen_keeps_its_level_up_to_the_edge_and_background_is_zero():
    mask = disc()
    bands = np.where(mask, 0.7, 0.2)[None].astype(np.float32)
    resized, inside = resample(bands, mask, specimen_square(mask), 24)
    assert resized[0][inside.astype(bool)] == pytest.approx(0.7, abs=1e-6)
    assert np.all(resized[0][~inside.astype(bool)] == 0)
    # The box is the disc's bounding square (41 px) and 5 % more on each side.
    assert inside.mean() == pytest.approx(mask.sum() / (41 * 1.1) ** 2, abs=0.02)


def test_whole_frames_are_padded_to_a_square_and_shrunk_by_area():
    mask = np.ones((40, 80), bool)
    bands = np.arange(80, dtype=np.float32)[None, None, :].repeat(40, 1)
    resized, inside = resample(bands, mask, frame_square(mask), 40)
    assert inside.sum(0).tolist() == [20] * 40
    # Two columns become one: away from the border the mean of columns 2k and 2k+1.
    assert resized[0, 20, 2:-2] == pytest.approx(np.arange(40)[2:-2] * 2 + 0.5, abs=1e-4)


def test_the_specimen_may_touch_the_border():
    mask = disc(centre=(5, 32))
    _, inside = resample(mask[None].astype(np.float32), mask, specimen_square(mask), 32)
    assert inside.any()


@pytest.mark.parametrize("shift", [(3.0, -2.0), (1.5, 0.25), (-4.3, 2.6)])
def test_a_correction_brings_uv_onto_rgb(shift):
    rng = np.random.default_rng(0)
    scene = ndimage.gaussian_filter(rng.random((1, 64, 64)), (0, 3, 3)).astype(np.float32)
    # UV shows at (x + dx, y + dy) what RGB shows at (x, y).
    moved = ndimage.shift(scene, (0, shift[1], shift[0]), order=3, mode="reflect").astype(np.float32)
    mask = disc()
    capture = Capture(rgb=scene, uv=moved, rgb_mask=mask, uv_mask=mask)
    fixed = prepare_capture(capture, registration(*shift), size=64, crop="frame", share_mask=True)
    left = prepare_capture(capture, None, size=64, crop="frame", share_mask=True)
    inner = disc(radius=16)
    error = np.abs(fixed.uv.astype(float) - fixed.rgb.astype(float))[0][inner].mean()
    before = np.abs(left.uv.astype(float) - left.rgb.astype(float))[0][inner].mean()
    assert error < 0.1 * before


def test_only_corrected_captures_are_moved():
    scene = np.random.default_rng(0).random((1, 64, 64)).astype(np.float32)
    capture = Capture(rgb=scene, uv=scene, rgb_mask=disc(), uv_mask=disc())
    checked = prepare_capture(
        capture, registration(5, 5, "failed"), size=32, crop="specimen", share_mask=True
    )
    assert np.array_equal(checked.uv, checked.rgb)


def test_separate_photographs_are_each_cut_by_their_own_mask():
    small, large = disc(radius=10, centre=(15, 40)), disc(radius=25)
    capture = Capture(
        rgb=np.where(small, 0.5, 0)[None].astype(np.float32),
        uv=np.where(large, 0.25, 0)[None].astype(np.float32),
        rgb_mask=small,
        uv_mask=large,
    )
    prepared = prepare_capture(capture, None, size=32, crop="specimen", share_mask=False)
    assert prepared.masks[0].mean() == pytest.approx(prepared.masks[1].mean(), abs=0.06)
    assert prepared.uv[0][prepared.masks[1].astype(bool)] == pytest.approx(0.25, abs=1e-3)
