"""Whole views: what is shared, what is independent, what is reproducible."""

import math

import pytest
import torch
from torch.nn import functional

from xmodal_pipeline.augmentation import Batch, ViewMaker, warp_batch
from xmodal_pipeline.params.train import (
    AugmentationParams,
    GeometryParams,
    ReflectancePhotometryParams,
    UVPhotometryParams,
)

PLAIN = {"mean": [0.0] * 3, "sd": [1.0] * 3}
SIDE = 24
EVERY_WARP = GeometryParams(
    crop_scale=(0.3, 0.9), crop_ratio=(0.7, 1.4), vertical_flip=0.5, rotation_deg=90, perspective=0.3
)
STILL = GeometryParams(crop_scale=(1, 1), crop_ratio=(1, 1), horizontal_flip=0, rotation_deg=0)
PRESETS = ["reflectance", "uncalibrated"]


def captures(count: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIDE), torch.linspace(-1, 1, SIDE), indexing="ij")
    mask = ((x / 0.6) ** 2 + (y / 0.8) ** 2 < 1).to(torch.uint8).expand(count, 2, SIDE, SIDE)
    image = torch.rand(count, 3, SIDE, SIDE, generator=generator) * mask[:, :1]
    other = torch.rand(count, 3, SIDE, SIDE, generator=generator) * mask[:, :1]
    return Batch(image.half(), other.half(), mask, torch.arange(100, 100 + count))


def maker(photometry: str = "uncalibrated", **changes: object) -> ViewMaker:
    params = AugmentationParams(**{"geometry": EVERY_WARP, **changes})
    return ViewMaker(params, photometry, {"rgb": PLAIN, "uv": PLAIN}, SIDE)


def test_the_same_image_in_both_modalities_stays_the_same_under_every_warp():
    batch = captures(32)
    same = batch._replace(uv=batch.rgb)
    view = maker().warped_view(same, seed=7)
    assert float((view.rgb - view.uv).abs().max()) <= 1e-6
    assert float((view.rgb - same.rgb.float()).abs().max()) > 0.1
    torch.testing.assert_close(view.mask[:, 0], view.mask[:, 1], atol=0, rtol=0)


def test_a_view_is_resampled_once(monkeypatch):
    calls = []
    resample = functional.grid_sample
    monkeypatch.setattr(functional, "grid_sample", lambda *a, **k: calls.append(1) or resample(*a, **k))
    maker().training_views(captures(4), seed=0, epoch=0)
    assert len(calls) == 2


@pytest.mark.parametrize("photometry", PRESETS)
def test_the_background_is_exactly_zero(photometry):
    statistics = {m: {"mean": [0.4] * 3, "sd": [0.2] * 3} for m in ("rgb", "uv")}
    views = ViewMaker(AugmentationParams(geometry=EVERY_WARP), photometry, statistics, SIDE)
    batch = captures(16)
    made = [
        *views.training_views(batch, seed=1, epoch=2),
        views.warped_view(batch, 1),
        views.evaluation_view(batch),
    ]
    for view in made:
        assert float((view.rgb * (1 - view.mask[:, :1])).abs().max()) == 0
        assert float((view.uv * (1 - view.mask[:, 1:])).abs().max()) == 0
        assert float(view.rgb.abs().max()) > 0.5


def test_evaluation_only_standardises():
    statistics = {
        "rgb": {"mean": [0.1, 0.2, 0.3], "sd": [0.5, 1, 2]},
        "uv": {"mean": [0.4] * 3, "sd": [0.1] * 3},
    }
    batch = captures(2)
    view = ViewMaker(AugmentationParams(), "reflectance", statistics, SIDE).evaluation_view(batch)
    middle = SIDE // 2
    rgb, uv = batch.rgb[0, :, middle, middle].float(), batch.uv[0, :, middle, middle].float()
    expected = (rgb - torch.tensor([0.1, 0.2, 0.3])) / torch.tensor([0.5, 1, 2])
    torch.testing.assert_close(view.rgb[0, :, middle, middle], expected)
    torch.testing.assert_close(view.uv[0, :, middle, middle], (uv - 0.4) / 0.1)


@pytest.mark.parametrize("photometry", PRESETS)
def test_a_capture_has_the_same_views_in_any_batch(photometry):
    batch = captures(12)
    views = maker(photometry)
    whole = views.training_views(batch, seed=3, epoch=4)
    order = torch.tensor([7, 2, 11])
    part = views.training_views(Batch(*(field[order] for field in batch)), seed=3, epoch=4)
    for one, other in zip(whole, part, strict=True):
        for field, expected in zip(other, one, strict=True):
            assert torch.equal(field, expected[order])


def test_views_differ_between_each_other_epochs_seeds_and_captures():
    batch = captures(1)
    views = maker()
    twin = batch._replace(rows=batch.rows + 1)
    made = [
        *views.training_views(batch, seed=0, epoch=0),
        *views.training_views(batch, seed=0, epoch=1),
        *views.training_views(batch, seed=1, epoch=0),
        *views.training_views(twin, seed=0, epoch=0),
        views.warped_view(batch, seed=0),
        views.warped_view(batch, seed=1),
    ]
    for i, one in enumerate(made):
        for other in made[:i]:
            assert not torch.equal(one.rgb, other.rgb)


def test_photometry_of_one_modality_leaves_the_other_alone():
    batch = captures(6)
    quiet = UVPhotometryParams(gain=0, gamma=(1, 1), noise_sd=0, blur=0)
    first, _ = maker().training_views(batch, seed=0, epoch=0)
    still, _ = maker(uv=quiet).training_views(batch, seed=0, epoch=0)
    warped = maker(uv=quiet, geometry=STILL).training_views(batch, seed=0, epoch=0)[0]
    assert torch.equal(first.rgb, still.rgb)
    assert not torch.equal(first.uv, still.uv)
    torch.testing.assert_close(warped.uv, batch.uv.float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("photometry", PRESETS)
def test_photometry_of_the_modalities_is_drawn_independently(photometry):
    count = 400
    flat = torch.full((count, 3, 4, 4), 0.5)
    batch = Batch(flat, flat, torch.ones(count, 2, 4, 4), torch.arange(count))
    params = AugmentationParams(
        geometry=STILL,
        reflectance=ReflectancePhotometryParams(noise_sd=0),
        uv=UVPhotometryParams(noise_sd=0),
    )
    views = ViewMaker(params, photometry, {"rgb": PLAIN, "uv": PLAIN}, 4)
    first, second = views.training_views(batch, seed=0, epoch=0)
    levels = [v[:, 0, 0, 0] for v in (first.rgb, first.uv, second.rgb, second.uv)]
    correlations = torch.corrcoef(torch.stack(levels)) - torch.eye(4)
    # Under independence a correlation of 400 pairs has a standard error of 0.05.
    assert float(correlations.abs().max()) < 0.2
    assert all(float(level.std()) > 0.005 for level in levels)


@pytest.mark.parametrize("photometry", PRESETS)
def test_uv_bands_share_every_draw(photometry):
    batch = captures(8)
    equal_bands = batch._replace(uv=batch.uv[:, :1].expand(-1, 3, -1, -1))
    view, _ = maker(photometry).training_views(equal_bands, seed=0, epoch=0)
    torch.testing.assert_close(view.uv[:, 0], view.uv[:, 2], atol=1e-6, rtol=0)
    assert not torch.allclose(view.uv, maker(photometry).warped_view(equal_bands, 0).uv)


def test_calibrated_levels_stay_within_three_per_cent():
    count = 200
    flat = torch.full((count, 3, 8, 8), 0.5)
    batch = Batch(flat, flat, torch.ones(count, 2, 8, 8), torch.arange(count))
    params = AugmentationParams(geometry=STILL)
    view, _ = ViewMaker(params, "reflectance", {"rgb": PLAIN, "uv": PLAIN}, 8).training_views(
        batch, seed=0, epoch=0
    )
    for levels in (view.rgb.mean(dim=(2, 3)), view.uv.mean(dim=(2, 3))):
        # Noise of 0.01 leaves at most four standard errors, 0.01 / 8 each, on a mean of 64 pixels.
        assert float((levels / 0.5 - 1).abs().max()) <= 0.03 + 4 * 0.01 / 8 / 0.5
    assert float(view.rgb.mean(dim=(2, 3)).std()) == pytest.approx(0.5 * 0.03 / math.sqrt(3), rel=0.15)


def test_one_uv_band_is_enough():
    batch = captures(4)
    statistics = {"rgb": PLAIN, "uv": {"mean": [0.0], "sd": [1.0]}}
    single = batch._replace(uv=batch.uv[:, :1])
    view = ViewMaker(AugmentationParams(geometry=EVERY_WARP), "uncalibrated", statistics, SIDE).warped_view(
        single, 5
    )
    three = maker().warped_view(batch, 5)
    torch.testing.assert_close(view.uv, three.uv[:, :1])


def test_a_warped_batch_is_the_warped_view_in_unit_scale():
    batch = captures(9)
    view = maker().warped_view(batch, seed=2)
    plain = warp_batch(batch.as_float(), EVERY_WARP, seed=2)
    assert torch.equal(plain.mask, view.mask)
    mean, sd = (torch.tensor(PLAIN[name])[:, None, None] for name in ("mean", "sd"))
    torch.testing.assert_close((plain.rgb - mean) / sd * plain.mask[:, :1], view.rgb)
    assert not torch.equal(plain.mask, warp_batch(batch.as_float(), EVERY_WARP, seed=1).mask)


def test_a_constant_band_is_refused():
    statistics = {"rgb": PLAIN, "uv": {"mean": [0.1], "sd": [0.0]}}
    with pytest.raises(ValueError, match=r"ViewMaker: sd of every uv band must be > 0, got \[0.0\]"):
        ViewMaker(AugmentationParams(), "reflectance", statistics, SIDE)
