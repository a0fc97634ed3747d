from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.imaging.calibration import BandCalibration
from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.imaging.quality import capture_quality, focus
from xmodal_pipeline.imaging.registration import lay_mask
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import QualityParams, SpecimensParams

STUDY = open_study(Path(), SpecimensParams(scale="unit"), [])
PARAMS = QualityParams()
SIZE = 96


def structure(seed):
    return ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((SIZE, SIZE)), 2.5) * 8


def simulated_capture(seed=0, noise=0.004):
    """Six related bands of an off-centre blot, away from the border."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    mask = (np.hypot(x - 44, (y - 52) * 0.8) < 32) & ~((x < 40) & (y < 45))
    pattern = np.clip(0.35 + 0.12 * structure(seed), 0.05, 0.9)
    bands = np.stack([np.where(mask, pattern * gain, 0.05) for gain in (1, 0.9, 0.8, 0.6, 0.5, 0.4)])
    bands += noise * rng.standard_normal(bands.shape)
    bands = bands.astype(np.float32)
    return bands[:3], bands[3:], mask


def quality(rgb, uv, mask, uv_mask=None, ceiling=1.0, params=PARAMS, **options):
    capture = Capture(rgb=rgb, uv=uv, rgb_mask=mask, uv_mask=mask if uv_mask is None else uv_mask)
    bands = {"rgb_bands": STUDY.rgb_bands[: len(rgb)], "uv_bands": STUDY.uv_bands[: len(uv)]}
    study = STUDY.model_copy(update=bands)
    rows, codes = capture_quality(capture, study, params, ceiling=ceiling, **options)
    return {row["band"]: row for row in rows}, set(codes)


def test_a_good_capture_has_no_code_and_plain_statistics_inside_the_mask():
    rgb, uv, mask = simulated_capture()

    rows, codes = quality(rgb, uv, mask)

    assert codes == set()
    assert list(rows) == ["R", "G", "B", "UV1", "UV2", "UV3"]
    assert [row["modality"] for row in rows.values()] == ["rgb"] * 3 + ["uv"] * 3
    for name, band in zip(rows, [*rgb, *uv], strict=True):
        inside = band[mask].astype(np.float64)
        row = rows[name]
        expected = [inside.mean(), inside.std(), inside.min(), inside.max(), mask.mean()]
        found = [row[key] for key in ("mean", "sd", "min", "max", "mask_share")]
        assert found == pytest.approx(expected, rel=1e-5)
        assert row["saturated_share"] == row["above_one_share"] == row["below_zero_share"] == 0
        assert row["flags"] == ""


def test_snr_is_the_spread_over_the_noise_that_was_added():
    rgb, uv, mask = simulated_capture(noise=0.02)

    rows, _ = quality(rgb, uv, mask)

    assert rows["R"]["snr"] == pytest.approx(rows["R"]["sd"] / 0.02, rel=0.15)


def test_a_band_of_noise_is_dead_and_one_of_structure_is_not():
    rgb, uv, mask = simulated_capture()
    uv[1] = 0.02 + 0.005 * np.random.default_rng(9).standard_normal(mask.shape)

    rows, codes = quality(rgb, uv, mask)

    assert rows["UV2"]["flags"] == "DEAD_BAND"
    assert rows["UV2"]["snr"] == pytest.approx(1, abs=0.1)
    assert codes == {CaptureCode.DEAD_BAND}


def test_a_noisy_band_that_follows_the_others_is_alive():
    rgb, uv, mask = simulated_capture()
    uv[1] += 0.09 * np.random.default_rng(9).standard_normal(mask.shape).astype(np.float32)

    rows, codes = quality(rgb, uv, mask)

    assert rows["UV2"]["snr"] < PARAMS.min_band_snr
    assert CaptureCode.DEAD_BAND not in codes


def test_a_constant_band_is_dead_and_two_constant_bands_are_no_duplicates():
    rgb, uv, mask = simulated_capture()
    uv[1:] = 0.25

    rows, codes = quality(rgb, uv, mask)

    assert codes == {CaptureCode.DEAD_BAND}
    assert [rows[band]["flags"] for band in ("UV1", "UV2", "UV3")] == ["", "DEAD_BAND", "DEAD_BAND"]
    assert rows["UV2"]["snr"] == 0


def test_equal_bands_are_duplicates_across_modalities():
    rgb, uv, mask = simulated_capture()
    uv[2] = rgb[0]

    rows, codes = quality(rgb, uv, mask)

    assert codes == {CaptureCode.DUPLICATED_BAND}
    assert [name for name, row in rows.items() if row["flags"]] == ["R", "UV3"]


def test_saturation_counts_the_top_256th_inside_the_mask_only():
    rgb, uv, mask = simulated_capture()
    inside = np.argwhere(mask)
    share = 45 / len(inside)
    rgb[1][~mask] = 1.0
    rgb[1][tuple(inside[:45].T)] = 255 / 256
    rgb[2][tuple(inside[:45].T)] = 255 / 256 - 1e-4

    rows, codes = quality(rgb, uv, mask)

    assert share > PARAMS.max_saturated_share
    assert codes == {CaptureCode.SATURATED}
    assert rows["G"]["saturated_share"] == pytest.approx(share)
    assert rows["B"]["saturated_share"] == 0
    assert quality(rgb, uv, mask, ceiling=float("inf"))[1] == set()


def test_out_of_range_shares_below_zero_and_above_one():
    rgb, uv, mask = simulated_capture()
    inside = np.argwhere(mask)
    rgb[0][tuple(inside[:40].T)] = 1.2
    uv[0][tuple(inside[:50].T)] = -0.1

    rows, codes = quality(rgb, uv, mask, ceiling=float("inf"))

    assert codes == {CaptureCode.OUT_OF_RANGE}
    assert rows["R"]["above_one_share"] == pytest.approx(40 / len(inside))
    assert rows["UV1"]["below_zero_share"] == pytest.approx(50 / len(inside))
    assert rows["R"]["below_zero_share"] == 0


@pytest.mark.parametrize("edge", [np.s_[0, 30], np.s_[-1, 30], np.s_[30, 0], np.s_[30, -1]])
def test_a_mask_at_the_border_is_flagged_and_a_full_frame_is_not(edge):
    rgb, uv, mask = simulated_capture()
    touching = mask.copy()
    touching[edge] = True

    assert quality(rgb, uv, touching)[1] == {CaptureCode.MASK_TOUCHES_BORDER}
    assert CaptureCode.MASK_TOUCHES_BORDER not in quality(rgb, uv, np.ones_like(mask))[1]


def test_a_mask_that_covers_the_border_looks_inverted():
    rgb, uv, mask = simulated_capture()
    codes = quality(rgb, uv, ~mask)[1]
    assert CaptureCode.INVERTED_MASK in codes
    assert CaptureCode.MASK_TOUCHES_BORDER not in codes
    cut_off = ~mask
    cut_off[:12, :] = cut_off[-12:, 40:] = False
    assert CaptureCode.INVERTED_MASK not in quality(rgb, uv, cut_off)[1]
    assert CaptureCode.INVERTED_MASK not in quality(rgb, uv, np.ones_like(mask))[1]


def test_a_blurred_modality_is_a_focus_mismatch_whichever_it_is():
    rgb, uv, mask = simulated_capture(noise=0)
    fine = 0.1 * ndimage.gaussian_filter(np.random.default_rng(4).standard_normal(mask.shape), 1.2)
    rgb, uv = rgb + (fine * mask).astype(np.float32), uv + (fine * mask).astype(np.float32)
    blurred = ndimage.gaussian_filter(uv, (0, 3, 3))

    assert quality(rgb, uv, mask)[1] == set()
    assert quality(rgb, blurred, mask)[1] == {CaptureCode.FOCUS_MISMATCH}
    assert quality(blurred, rgb, mask)[1] == {CaptureCode.FOCUS_MISMATCH}


@pytest.mark.parametrize("wave", [0.2, 0.4])
def test_focus_of_a_wave_is_its_squared_frequency_at_any_exposure(wave):
    x = np.mgrid[:200, :200][1]
    plane = np.exp(0.1 * np.sin(wave * x)).astype(np.float32)
    mask = np.ones(plane.shape, dtype=bool)
    # Differences over whole pixels see 2 - 2 cos k for the Laplacian and sin k for the slope.
    expected = (2 - 2 * np.cos(wave)) ** 2 / np.sin(wave) ** 2

    assert focus(plane, mask) == pytest.approx(expected, rel=0.04)
    assert focus(0.25 * plane, mask) == pytest.approx(expected, rel=0.04)


def test_focus_does_not_take_noise_for_sharpness():
    x = np.mgrid[:300, :300][1]
    plane = np.exp(0.1 * np.sin(0.2 * x)).astype(np.float32)
    noisy = plane * np.exp(0.02 * np.random.default_rng(0).standard_normal(plane.shape)).astype(np.float32)
    mask = np.ones(plane.shape, dtype=bool)

    assert focus(noisy, mask) == pytest.approx(focus(plane, mask), rel=0.3)
    assert focus(noisy - plane + 1, mask) < 10


@pytest.mark.parametrize("turned", [np.s_[:, :, ::-1], np.s_[:, ::-1], np.s_[:, ::-1, ::-1]])
def test_mirrored_uv_is_found_unless_no_registration_is_meant(turned):
    rgb, uv, mask = simulated_capture(3)
    uv = np.ascontiguousarray(uv[turned])

    assert CaptureCode.MIRRORED in quality(rgb, uv, mask)[1]
    assert CaptureCode.MIRRORED not in quality(rgb, uv, mask, is_aligned=False)[1]


def test_a_shifted_uv_is_not_mirrored():
    rgb, uv, mask = simulated_capture(3)

    assert quality(rgb, np.roll(uv, (5, -8), axis=(1, 2)), mask)[1] == set()


def test_the_modalities_of_a_pair_may_differ_in_size_and_number_of_bands():
    rgb, uv, mask = simulated_capture()
    uv, uv_mask = uv[:1, 4:, 6:], mask[4:, 6:]

    rows, codes = quality(rgb, uv, mask, uv_mask)

    assert list(rows) == ["R", "G", "B", "UV1"]
    assert rows["UV1"]["mask_share"] == pytest.approx(uv_mask.mean())
    assert codes == set()


def shifted_capture(dx, dy):
    """A capture beside a bright background, and the same with UV (dx, dy) to the right and down."""
    rgb, uv, mask = simulated_capture()
    uv[:, ~mask] = 0.9
    return rgb, uv, np.roll(uv, (dy, dx), axis=(1, 2)), mask


def to_uv(dx, dy):
    return np.array([[1.0, 0, dx], [0, 1, dy], [0, 0, 1]])


def test_uv_is_judged_where_it_lies():
    rgb, uv, moved, mask = shifted_capture(6, -4)
    uv_mask = lay_mask(mask, to_uv(6, -4))
    np.testing.assert_array_equal(uv_mask, np.roll(mask, (-4, 6), axis=(0, 1)))

    expected, codes = quality(rgb, uv, mask)
    found, moved_codes = quality(rgb, moved, mask, uv_mask, to_uv=to_uv(6, -4))
    under_rgb, _ = quality(rgb, moved, mask)

    for band, row in expected.items():
        numbers = {name for name, value in row.items() if isinstance(value, float)}
        assert {name: found[band][name] for name in numbers} == pytest.approx(
            {name: row[name] for name in numbers}, rel=1e-4
        )
    assert moved_codes == codes
    assert under_rgb["UV1"]["mean"] > 1.1 * expected["UV1"]["mean"]


def test_a_noisy_band_that_follows_the_other_modality_is_alive_wherever_it_lies():
    rgb, uv, _, mask = shifted_capture(0, 0)
    noisy = uv[:1] + 0.12 * np.random.default_rng(9).standard_normal(mask.shape).astype(np.float32)
    moved = np.roll(noisy, (9, 12), axis=(1, 2))
    uv_mask = lay_mask(mask, to_uv(12, 9))

    rows, codes = quality(rgb, moved, mask, uv_mask, to_uv=to_uv(12, 9))
    _, apart = quality(rgb, moved, mask, uv_mask)

    assert rows["UV1"]["snr"] < PARAMS.min_band_snr
    assert CaptureCode.DEAD_BAND not in codes
    assert CaptureCode.DEAD_BAND in apart


def test_a_copied_band_is_found_although_uv_was_moved():
    rgb, _, moved, mask = shifted_capture(6, -4)
    moved[2] = rgb[0]

    _, codes = quality(rgb, moved, mask, lay_mask(mask, to_uv(6, -4)), to_uv=to_uv(6, -4))

    assert CaptureCode.DUPLICATED_BAND in codes


def test_saturation_of_a_calibrated_band_is_judged_on_its_counts():
    """Counts of 255/256 are reflectance -0.1 + 0.8 · 255/256 here, and those of G as they are."""
    rgb, uv, mask = simulated_capture()
    lines = {"R": (0.8, -0.1), "G": (1.0, 0.0), "B": (1.0, 0.0)} | dict.fromkeys(
        ("UV1", "UV2", "UV3"), (1.0, 0.0)
    )
    calibration = {
        band: BandCalibration(slope, intercept, 1.0, 2, 0, float("nan"), 0.0, flagged=False)
        for band, (slope, intercept) in lines.items()
    }
    chosen = tuple(np.argwhere(mask)[:45].T)
    top = -0.1 + 0.8 * 255 / 256
    rgb[0] = np.minimum(rgb[0], top - 1e-3)
    for band in rgb[:2]:
        band[chosen] = top + 1e-5

    rows, codes = quality(rgb, uv, mask, calibration=calibration)

    assert rows["R"]["saturated_share"] == pytest.approx(45 / mask.sum())
    assert rows["G"]["saturated_share"] == 0
    assert codes == {CaptureCode.SATURATED}
