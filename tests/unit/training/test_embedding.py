"""Tables of vectors: right capture, right modality, right vectors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from xmodal_pipeline.augmentation import ViewMaker
from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.evaluation.baselines import band_means
from xmodal_pipeline.params.train import GeometryParams
from xmodal_pipeline.training import Checkpoint, baseline_views, embed
from xmodal_pipeline.training.batches import read_batch


@pytest.fixture
def untrained(make_config):
    def make(name: str = "separate") -> Checkpoint:
        torch.manual_seed(0)
        config = make_config(name)
        return Checkpoint.of_weights(config.initial_model().state_dict(), config)

    return make


def vectors(table: pd.DataFrame, modality: str) -> np.ndarray:
    chosen = table[table["modality"] == modality]
    return chosen[[name for name in table.columns if name.startswith("x")]].to_numpy()


def test_rows_hold_the_models_own_vectors(untrained, make_prepared):
    checkpoint, prepared = untrained(), make_prepared(train=5, validation=1, test=2)
    tables = embed(checkpoint, prepared, batch_size=3)
    config = checkpoint.config
    views = ViewMaker(config.augmentation, config.photometry, config.channel_statistics(), config.image_size)
    batch, model = read_batch(prepared, np.arange(8)), checkpoint.model()
    with torch.no_grad():
        plain = views.evaluation_view(batch)
        expected = model(plain.rgb, plain.uv)
        opposite = model(views.warped_view(batch, 1).rgb, views.warped_view(batch, 2).uv)
    for name in ("rgb", "uv", "joint"):
        np.testing.assert_allclose(vectors(tables.embeddings, name), expected.features[name], atol=1e-5)
        np.testing.assert_allclose(vectors(tables.projections, name), expected.projections[name], atol=1e-5)
        np.testing.assert_allclose(
            vectors(tables.opposite_views, name), opposite.projections[name], atol=1e-5
        )
    for table in (tables.embeddings, tables.projections, tables.opposite_views):
        assert list(table.columns[:5]) == ["capture_id", "specimen_id", "partition", "modality", "x1"]
        assert table["modality"].tolist() == ["rgb"] * 8 + ["uv"] * 8 + ["joint"] * 8
        assert table["capture_id"].tolist() == 3 * list(prepared.capture_ids)
        assert table["partition"].tolist() == 3 * (["train"] * 5 + ["validation"] + ["test"] * 2)
        assert table["x1"].dtype == np.float32


@pytest.mark.parametrize(("name", "modality"), [("rgb_only", "rgb"), ("uv_only", "uv")])
def test_a_baseline_has_its_one_modality(untrained, make_prepared, name, modality):
    tables = embed(untrained(name), make_prepared(train=4))
    assert set(tables.embeddings["modality"]) == {modality}


def test_changing_uv_changes_only_what_sees_uv(untrained, make_prepared):
    checkpoint, prepared = untrained(), make_prepared(train=4)
    brighter = replace(prepared, uv=prepared.uv * np.float16(0.5))
    one, other = (embed(checkpoint, each).embeddings for each in (prepared, brighter))
    np.testing.assert_array_equal(vectors(one, "rgb"), vectors(other, "rgb"))
    for name in ("uv", "joint"):
        assert np.abs(vectors(one, name) - vectors(other, name)).max() > 1e-3


def test_other_captures_are_refused(untrained, make_prepared):
    prepared = make_prepared(train=3)
    one_band = replace(prepared, uv=prepared.uv[:, :1], uv_bands=("long",))
    with pytest.raises(
        RunStoppedError,
        match=r"embed: uv images must have .*bands, height and width \(2, 32, 32\), got \(1,.*image_size 32",
    ):
        embed(untrained(), one_band)


def test_silhouettes_are_area_means_of_the_warped_masks(make_prepared):
    still = GeometryParams(crop_scale=(1, 1), crop_ratio=(1, 1), horizontal_flip=0, rotation_deg=0)
    prepared = make_prepared(train=3, test=0)
    table = baseline_views(prepared, still, side=8).silhouettes
    blocks = np.asarray(prepared.masks)[:, 0].reshape(3, 8, 4, 8, 4).mean(axis=(2, 4)).reshape(3, 64)
    np.testing.assert_allclose(vectors(table, "rgb"), blocks, atol=1e-6)
    np.testing.assert_allclose(vectors(table, "uv"), blocks, atol=1e-6)
    warped = baseline_views(prepared, GeometryParams(), side=8).silhouettes
    assert np.abs(vectors(warped, "rgb") - vectors(warped, "uv")).max() > 0.1


def test_colours_and_pixels_of_unwarped_views_are_those_of_the_captures(make_prepared):
    still = GeometryParams(crop_scale=(1, 1), crop_ratio=(1, 1), horizontal_flip=0, rotation_deg=0)
    prepared = make_prepared(train=3, test=0)
    found = baseline_views(prepared, still, side=8)
    masks = np.asarray(prepared.masks).astype(float)
    for channel, (name, store) in enumerate((("rgb", prepared.rgb), ("uv", prepared.uv))):
        images = np.asarray(store).astype(float) * masks[:, channel : channel + 1]
        expected = band_means(images, masks[:, channel])
        columns = vectors(found.colours, name)[:, : expected.shape[1]]
        np.testing.assert_allclose(columns, expected, atol=1e-3)
        n, bands = images.shape[:2]
        mean, sd = (np.array(prepared.statistics[name][m])[:, None, None] for m in ("mean", "sd"))
        images = (images - mean) / sd * masks[:, channel : channel + 1]
        blocks = images.reshape(n, bands, 8, 4, 8, 4).mean(axis=(3, 5)).reshape(n, -1)
        np.testing.assert_allclose(vectors(found.pixels, name)[:, : blocks.shape[1]], blocks, atol=1e-3)


def test_views_of_an_unlearnt_model_are_features(untrained, make_prepared):
    prepared = make_prepared(train=3)
    projected, features = (
        embed(untrained(), prepared, features_of_views=chosen).opposite_views for chosen in (False, True)
    )
    whole = embed(untrained(), prepared).embeddings
    assert vectors(features, "rgb").shape == vectors(whole, "rgb").shape
    assert vectors(features, "rgb").shape != vectors(projected, "rgb").shape
