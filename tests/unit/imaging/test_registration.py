import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import mutual_info_score

from xmodal_pipeline.imaging.registration import (
    Registration,
    apply_registration,
    estimate_registration,
    lay_mask,
    registration_matrix,
    verdict,
)
from xmodal_pipeline.imaging.registration.geometry import fit_similarity, similarity, warp
from xmodal_pipeline.imaging.registration.matching import find_shift, normalised_mutual_information
from xmodal_pipeline.imaging.registration.turn import find_similarity, is_similarity_available
from xmodal_pipeline.imaging.registration.views import hann_window, make_scene, overview
from xmodal_pipeline.imaging.structure import (
    block_mean,
    brightness,
    edge_strength,
    eroded,
    noise_sd,
    stabilised_brightness,
)
from xmodal_pipeline.params.ingest import RegistrationParams

PARAMS = RegistrationParams()
SIZE = 192


def smooth_noise(rng, size, sigma):
    field = ndimage.gaussian_filter(rng.standard_normal((size, size)), sigma)
    return field / field.std()


def simulated_pair(
    seed=0,
    *,
    relation="inverted",
    matrix=None,
    background="card",
    uv_noise=0.005,
    size=SIZE,
):
    """RGB, UV and mask of a patterned disc; UV is seen through `matrix` (RGB pixel to UV pixel)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    radius = np.hypot(x, y * 0.85)
    mask = radius < size * (0.36 + 0.03 * np.cos(5 * np.arctan2(y, x)))
    patch = np.digitize(smooth_noise(rng, size, size / 22), [-0.8, 0.0, 0.8])
    visible = rng.permutation([0.08, 0.25, 0.45, 0.65])[patch]
    relations = {
        "concordant": 0.05 + 0.7 * visible,
        "inverted": 0.6 - 0.7 * visible,
        "unrelated": rng.permutation([0.1, 0.3, 0.45, 0.2])[patch],
    }
    texture = 1 + 0.12 * smooth_noise(rng, size, 1.6)
    rgb = ndimage.gaussian_filter(np.where(mask, visible * texture, 0.04), 0.5)
    uv = ndimage.gaussian_filter(np.where(mask, relations[relation] * texture, 0.03), 0.9)
    uv = warp(uv, np.linalg.inv(np.eye(3) if matrix is None else matrix), order=3)
    bands = [rgb * gain + 0.003 * rng.standard_normal(rgb.shape) for gain in (1.0, 0.9, 0.8)]
    bands += [uv * gain + uv_noise * rng.standard_normal(uv.shape) for gain in (1.0, 0.9, 0.8)]
    stack = np.stack(bands).astype(np.float32)
    if background == "cut out":
        stack *= mask
    return stack[:3], stack[3:], mask


def moved_by(dx=0.0, dy=0.0, rotation_deg=0.0, scale=1.0, size=SIZE):
    middle = (size - 1) / 2
    return similarity(
        angle_rad=np.deg2rad(rotation_deg), scale=scale, shift=(dx, dy), centre=(middle, middle)
    )


@pytest.fixture
def without_simpleitk(monkeypatch):
    monkeypatch.setattr(verdict, "is_similarity_available", lambda: False)


def test_find_shift_recovers_a_fourier_shift():
    rng = np.random.default_rng(1)
    plane = np.fft.irfft2(np.fft.rfft2(smooth_noise(rng, 120, 2.0)))
    moved = np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(plane), (-2.81, 3.37))).real
    window = hann_window(plane.shape)

    shift = find_shift(plane.astype(np.float32), moved.astype(np.float32), window, limit_px=20)

    assert shift.dx_px == pytest.approx(3.37, abs=0.04)
    assert shift.dy_px == pytest.approx(-2.81, abs=0.04)


def test_find_shift_does_not_look_beyond_the_limit():
    rng = np.random.default_rng(2)
    plane = smooth_noise(rng, 96, 2.0).astype(np.float32)

    shift = find_shift(plane, np.roll(plane, 12, axis=1), hann_window(plane.shape), limit_px=5)

    assert abs(shift.dx_px) <= 6


@pytest.mark.parametrize("relation", ["concordant", "inverted", "unrelated"])
@pytest.mark.parametrize("background", ["card", "cut out"])
def test_shift_is_uv_relative_to_rgb(relation, background):
    rgb, uv, mask = simulated_pair(3, relation=relation, background=background, matrix=moved_by(3.3, -5.6))

    found = estimate_registration(rgb, uv, mask, PARAMS, correct=True)

    # Where the background was cut away with RGB's mask, the outline says "no shift" and must not be heard.
    assert (found.dx_px, found.dy_px) == pytest.approx((3.3, -5.6), abs=0.2)
    assert found.status == "corrected"
    assert (found.rotation_deg, found.scale) == (0.0, 1.0)
    assert found.score_after > found.score_before
    assert found.residual_px < 0.3


def test_swapping_the_modalities_turns_the_sign():
    rgb, uv, mask = simulated_pair(3, matrix=moved_by(3.3, -5.6))

    found = estimate_registration(uv, rgb, mask, PARAMS, correct=True)

    assert (found.dx_px, found.dy_px) == pytest.approx((-3.3, 5.6), abs=0.2)


def test_a_large_shift_and_a_large_image_go_through_overview_and_detail():
    matrix = moved_by(41.3, -27.8, size=480)
    rgb, uv, mask = simulated_pair(4, matrix=matrix, size=480)

    found = estimate_registration(rgb, uv, mask, PARAMS, correct=True)

    assert found.status == "corrected"
    assert (found.dx_px, found.dy_px) == pytest.approx((41.3, -27.8), abs=0.2)


@pytest.mark.parametrize("correct", [True, False])
@pytest.mark.parametrize("background", ["card", "cut out"])
def test_an_aligned_capture_is_ok(correct, background):
    rgb, uv, mask = simulated_pair(5, background=background)

    found = estimate_registration(rgb, uv, mask, PARAMS, correct=correct)

    assert found.status == "ok"
    assert found.margin > PARAMS.min_margin
    assert found.score_before == found.score_after


@pytest.mark.parametrize("angle", np.deg2rad([20.0, 110.0, 200.0, 290.0]))
def test_checking_fails_a_shift_of_two_pixels_and_measures_it(angle):
    dx, dy = 2 * np.cos(angle), 2 * np.sin(angle)
    rgb, uv, mask = simulated_pair(6, matrix=moved_by(dx, dy))

    found = estimate_registration(rgb, uv, mask, PARAMS, correct=False)

    assert found.status == "failed"
    assert found.margin < 0
    assert (found.dx_px, found.dy_px) == pytest.approx((dx, dy), abs=0.2)
    assert found.residual_px == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(("rotation_deg", "scale"), [(1.0, 1.0), (-1.0, 1.0), (0.0, 1.01), (0.0, 0.99)])
def test_rotation_and_scale_are_never_ok(without_simpleitk, rotation_deg, scale):
    matrix = moved_by(1.0, -0.5, rotation_deg, scale, size=288)
    rgb, uv, mask = simulated_pair(7, matrix=matrix, size=288)

    for correct in (True, False):
        assert estimate_registration(rgb, uv, mask, PARAMS, correct=correct).status == "failed"


def test_a_large_rotation_is_not_taken_for_a_shift(without_simpleitk):
    rgb, uv, mask = simulated_pair(7, matrix=moved_by(1.0, -0.5, 8.0, size=288), size=288)

    assert estimate_registration(rgb, uv, mask, PARAMS, correct=True).status in {"failed", "abstained"}


def test_the_measured_rotation_has_the_sign_of_the_planted_one(without_simpleitk):
    matrix = moved_by(rotation_deg=1.5, scale=1.015, size=288)
    rgb, uv, mask = simulated_pair(8, matrix=matrix, size=288)

    found = estimate_registration(rgb, uv, mask, PARAMS, correct=False)

    assert found.rotation_deg == pytest.approx(1.5, abs=0.5)
    assert found.scale == pytest.approx(1.015, abs=0.006)


@pytest.mark.skipif(not is_similarity_available(), reason="the extra [registration] is not installed")
@pytest.mark.parametrize(
    ("dx", "dy", "rotation_deg", "scale"), [(2.0, -3.0, 1.5, 1.02), (-4.0, 1.0, -7.0, 0.96)]
)
def test_simpleitk_corrects_rotation_and_scale(dx, dy, rotation_deg, scale):
    rgb, uv, mask = simulated_pair(9, matrix=moved_by(dx, dy, rotation_deg, scale))

    found = estimate_registration(rgb, uv, mask, PARAMS, correct=True)

    assert found.status == "corrected"
    assert found.rotation_deg == pytest.approx(rotation_deg, abs=0.4)
    assert found.scale == pytest.approx(scale, abs=0.006)
    assert (found.dx_px, found.dy_px) == pytest.approx((dx, dy), abs=0.4)


@pytest.mark.skipif(not is_similarity_available(), reason="the extra [registration] is not installed")
def test_simpleitk_finds_the_same_bits_again():
    rgb, uv, mask = simulated_pair(9, matrix=moved_by(2.0, -3.0, 1.5, 1.02), size=384)
    view = overview(make_scene(rgb.mean(0), uv.mean(0), mask, working_size_px=384))
    first = find_similarity(view, limit_px=40)
    for _ in range(3):
        np.testing.assert_array_equal(find_similarity(view, limit_px=40), first)


def test_noise_without_structure_abstains():
    rgb, uv, mask = simulated_pair(10)
    noise = (0.1 + 0.02 * np.random.default_rng(0).standard_normal(uv.shape)).astype(np.float32)

    for correct in (True, False):
        assert estimate_registration(rgb, noise, mask, PARAMS, correct=correct).status == "abstained"
        assert estimate_registration(noise, uv, mask, PARAMS, correct=correct).status == "abstained"
        cut = estimate_registration(rgb * mask, noise * mask, mask, PARAMS, correct=correct)
        assert cut.status == "abstained"


def test_constant_uv_abstains():
    rgb, uv, mask = simulated_pair(11)

    assert estimate_registration(rgb, np.full_like(uv, 0.3), mask, PARAMS, correct=True).status == "abstained"


def test_unrelated_pictures_are_not_registered(without_simpleitk):
    rgb, _, mask = simulated_pair(12)
    _, uv, _ = simulated_pair(13)
    cut_out = [bands * mask for bands in (rgb, uv)]

    assert estimate_registration(*cut_out, mask, PARAMS, correct=True).status in {"failed", "abstained"}


def test_stabilised_brightness_is_the_root_of_light_above_a_floor():
    bands = np.stack([np.full((8, 8), 0.5), np.full((8, 8), 0.1)]).astype(np.float32)
    bands[:, 1, 1], bands[:, 2, 1], bands[:, 3, 1] = 0.0, -1.0, [0.06, 0.0]

    plane = stabilised_brightness(bands)

    assert plane[0, 0] == pytest.approx(np.sqrt(0.3 + 0.009))
    assert plane[1, 1] == plane[2, 1] == pytest.approx(np.sqrt(0.009))
    assert plane[3, 1] == pytest.approx(np.sqrt(0.03 + 0.009))
    assert bands[0, 0, 0] == np.float32(0.5), "what was given stays"


@pytest.mark.parametrize("seed", range(3))
def test_what_lies_in_shade_has_its_part_where_light_differs_between_the_modalities(without_simpleitk, seed):
    rng = np.random.default_rng(seed)
    common, own, other = (smooth_noise(rng, 128, 2) for _ in range(3))
    lit = np.arange(128) < 32
    rgb, uv = (np.where(lit, 5 * (1 + 0.3 * bright), 1 + 0.3 * common) for bright in (own, other))
    uv = np.roll(uv, (-2, 3), (0, 1))
    pair = (np.clip(plane / 12, 0, 1)[None].astype(np.float32) for plane in (rgb, uv))

    found = estimate_registration(*pair, np.ones((128, 128), bool), PARAMS, correct=True)

    assert found.status == "corrected"
    assert (found.dx_px, found.dy_px) == pytest.approx((3, -2), abs=0.2)


def test_a_place_that_brightness_finds_is_believed(without_simpleitk, monkeypatch):
    """Also where a rotation is found there: no second chance."""
    monkeypatch.setattr(verdict, "stabilised_brightness", lambda bands: pytest.fail("looked again"))
    shifted = simulated_pair(15, matrix=moved_by(3.0, -1.0))
    turned = simulated_pair(15, matrix=moved_by(rotation_deg=1.5))

    found = [estimate_registration(*one, PARAMS, correct=True).status for one in (shifted, turned)]

    assert found == ["corrected", "failed"]


def test_where_neither_look_finds_a_place_the_first_is_told(without_simpleitk, monkeypatch):
    rgb, _, mask = simulated_pair(12)
    _, uv, _ = simulated_pair(13)
    pair = [bands * mask for bands in (rgb, uv)]

    told = estimate_registration(*pair, mask, PARAMS, correct=True)
    with monkeypatch.context() as patch:
        patch.setattr(verdict, "stabilised_brightness", brightness)
        first = estimate_registration(*pair, mask, PARAMS, correct=True)
    with monkeypatch.context() as patch:
        patch.setattr(verdict, "brightness", stabilised_brightness)
        second = estimate_registration(*pair, mask, PARAMS, correct=True)

    assert not told.is_placed
    assert told.margin == first.margin != second.margin


def test_one_band_of_uv_is_enough():
    rgb, uv, mask = simulated_pair(14, matrix=moved_by(-2.5, 4.0))

    found = estimate_registration(rgb, uv[:1], mask, PARAMS, correct=True)

    assert (found.dx_px, found.dy_px) == pytest.approx((-2.5, 4.0), abs=0.2)


def test_different_shapes_and_an_empty_mask_are_errors():
    rgb, uv, mask = simulated_pair(0, size=64)

    with pytest.raises(ValueError, match=r"must have one height and width, got \(64, 64\), \(64, 63\)"):
        estimate_registration(rgb, uv[:, :, 1:], mask, PARAMS, correct=True)
    with pytest.raises(ValueError, match="mask must select a pixel, got none"):
        estimate_registration(rgb, uv, np.zeros_like(mask), PARAMS, correct=True)


def measured(status="corrected", **transform):
    values = {"dx_px": 0.0, "dy_px": 0.0, "rotation_deg": 0.0, "scale": 1.0} | transform
    return Registration(
        **values, score_before=0.0, score_after=1.0, margin=0.1, residual_px=0.0, status=status
    )


def test_matrix_of_a_shift():
    matrix = registration_matrix(measured(dx_px=2.0, dy_px=-3.0), (10, 20))

    np.testing.assert_allclose(matrix, [[1, 0, 2], [0, 1, -3], [0, 0, 1]], atol=1e-12)


def test_matrix_turns_clockwise_about_the_centre():
    matrix = registration_matrix(measured(rotation_deg=90.0, scale=2.0, dx_px=1.0), (5, 7))

    # Centre (3, 2). One pixel to its right lies, turned clockwise and doubled, two below; then 1 right.
    np.testing.assert_allclose(matrix @ [4, 2, 1], [4, 4, 1], atol=1e-12)
    np.testing.assert_allclose(matrix @ [3, 2, 1], [4, 2, 1], atol=1e-12)


@pytest.mark.parametrize("status", ["ok", "failed", "abstained"])
def test_only_corrected_moves_uv(status):
    uv = np.random.default_rng(0).random((2, 6, 7), dtype=np.float32)
    registration = measured(status, dx_px=3.0, rotation_deg=5.0)

    np.testing.assert_array_equal(registration_matrix(registration, (6, 7)), np.eye(3))
    assert apply_registration(uv, registration) is uv


def test_apply_samples_uv_at_x_plus_dx_and_y_plus_dy():
    uv = np.arange(30, dtype=np.float32).reshape(1, 5, 6)

    moved = apply_registration(uv, measured(dx_px=2.0, dy_px=1.0))

    np.testing.assert_allclose(moved[0, :4, :4], uv[0, 1:, 2:], atol=1e-5)


def test_apply_half_a_pixel_is_the_mean_of_neighbours():
    uv = np.array([[[1.0, 3.0, 7.0]] * 3], dtype=np.float32)

    np.testing.assert_allclose(apply_registration(uv, measured(dx_px=0.5))[0, 1, :2], [2.0, 5.0], atol=1e-6)


def test_correction_brings_uv_back():
    rgb, uv, mask = simulated_pair(15, matrix=moved_by(3.4, -2.7), uv_noise=0.0)
    _, aligned, _ = simulated_pair(15, uv_noise=0.0)
    found = estimate_registration(rgb, uv, mask, PARAMS, correct=True)
    core = eroded(mask, 6)

    error = np.abs(apply_registration(uv, found, order=3) - aligned)[:, core].mean()

    assert error < 0.1 * np.abs(uv - aligned)[:, core].mean()


def test_fit_similarity_recovers_what_made_the_points():
    points = np.random.default_rng(0).random((6, 2)) * 100
    truth = similarity(angle_rad=0.3, scale=1.2, shift=(4.0, -7.0), centre=(50.0, 30.0))
    images = points @ truth[:2, :2].T + truth[:2, 2]

    matrix, residual = fit_similarity(points, images)

    np.testing.assert_allclose(matrix, truth, atol=1e-9)
    assert residual < 1e-9


@pytest.mark.skipif(not is_similarity_available(), reason="the extra [registration] is not installed")
def test_mutual_information_finds_the_similarity_of_an_overview():
    truth = moved_by(5.0, 3.0, 6.0, 1.05)
    rgb, uv, mask = simulated_pair(16, relation="inverted", matrix=truth)
    scene = make_scene(rgb.mean(0), uv.mean(0), mask, working_size_px=256)
    box = scene.box

    found = find_similarity(overview(scene), limit_px=20)

    middle = np.array([SIZE / 2, SIZE / 2, 1])
    there = found @ (middle - [box.left, box.top, 0]) + [box.left, box.top, 0]
    np.testing.assert_allclose(there, truth @ middle, atol=0.5)
    np.testing.assert_allclose(found[:2, :2], truth[:2, :2], atol=0.01)


def test_normalised_mutual_information_of_known_pairs():
    first = np.repeat(np.arange(4), 24)
    independent = np.tile(np.arange(4), 24)
    other = np.random.default_rng(0).integers(0, 4, 96)
    entropy = np.log(4)
    information = mutual_info_score(first, other)
    other_entropy = mutual_info_score(other, other)

    assert normalised_mutual_information(first, first, 4) == pytest.approx(2)
    assert normalised_mutual_information(first, independent, 4) == pytest.approx(1)
    assert normalised_mutual_information(first, other, 4) == pytest.approx(
        (entropy + other_entropy) / (entropy + other_entropy - information)
    )


def test_block_mean_is_the_mean_of_each_block():
    plane = np.random.default_rng(0).random((7, 10))
    naive = plane[:6, :9].reshape(2, 3, 3, 3).mean((1, 3))

    np.testing.assert_allclose(block_mean(plane, 3), naive, atol=1e-6)


def test_edge_strength_of_a_ramp_is_its_slope_and_blind_to_sign():
    y, x = np.mgrid[:20, :30].astype(np.float32)
    ramp = 0.3 * x - 0.4 * y

    np.testing.assert_allclose(edge_strength(ramp)[4:-4, 4:-4], 0.5, atol=1e-5)
    np.testing.assert_allclose(edge_strength(-ramp), edge_strength(ramp))


def test_noise_is_measured_and_planes_are_not_noise():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:200, :200]
    bands = np.stack([0.05 * rng.standard_normal((200, 200)), 0.001 * x + 0.002 * y]).astype(np.float32)

    noise = noise_sd(bands, np.ones((200, 200), dtype=bool))

    assert noise[0] == pytest.approx(0.05, rel=0.03)
    assert noise[1] == pytest.approx(0, abs=1e-6)


def test_a_mask_follows_a_turned_and_larger_uv_without_holes():
    """Against the place of every pixel, and with the whole frame left as it is."""
    y, x = np.mgrid[:60, :80]
    mask = (x - 30) ** 2 + (y - 28) ** 2 < 15**2
    found = Registration(4.0, -3.0, 8.0, 1.2, status="corrected")
    matrix = registration_matrix(found, mask.shape)

    laid = lay_mask(mask, matrix)

    centre = matrix @ [30, 28, 1]
    distance = np.hypot(x - centre[0], y - centre[1])
    assert laid[distance < 15 * 1.2 - 1].all()
    assert not laid[distance > 15 * 1.2 + 1].any()
    assert lay_mask(np.ones_like(mask), matrix).all()
    assert lay_mask(mask, np.eye(3)) is mask
