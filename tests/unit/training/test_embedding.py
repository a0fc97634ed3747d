"""Tables of vectors: right capture, right modality, right vectors."""

import numpy as np
import pandas as pd
import pytest
import torch

from xmodal_pipeline.augmentation import ViewMaker
from xmodal_pipeline.evaluation.baselines import band_means
from xmodal_pipeline.params.train import GeometryParams
from xmodal_pipeline.specimens.stores import ArrayStore
from xmodal_pipeline.training import Checkpoint, TrainingStores, baseline_views, embed


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


def test_rows_hold_the_models_own_vectors(untrained, make_stores):
    checkpoint, stores = untrained(), make_stores(train=5, validation=1, test=2)
    tables = embed(checkpoint, stores, batch_size=3)
    config = checkpoint.config
    views = ViewMaker(config.augmentation, config.photometry, config.channel_statistics(), config.image_size)
    batch, model = stores.batch(np.arange(8)), checkpoint.model()
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
        assert table["capture_id"].tolist() == 3 * list(stores.capture_ids)
        assert table["partition"].tolist() == 3 * (["train"] * 5 + ["validation"] + ["test"] * 2)
        assert table["x1"].dtype == np.float32


@pytest.mark.parametrize(("name", "modality"), [("rgb_only", "rgb"), ("uv_only", "uv")])
def test_a_baseline_has_its_one_modality(untrained, make_stores, name, modality):
    tables = embed(untrained(name), make_stores(train=4))
    assert set(tables.embeddings["modality"]) == {modality}


def test_changing_uv_changes_only_what_sees_uv(untrained, make_stores):
    checkpoint, stores = untrained(), make_stores(train=4)
    brighter = TrainingStores(
        stores.rgb,
        ArrayStore(stores.capture_ids, stores.uv.array * np.float16(0.5)),
        stores.masks,
        stores.specimen_ids,
        stores.partitions,
    )
    one, other = (embed(checkpoint, each).embeddings for each in (stores, brighter))
    np.testing.assert_array_equal(vectors(one, "rgb"), vectors(other, "rgb"))
    for name in ("uv", "joint"):
        assert np.abs(vectors(one, name) - vectors(other, name)).max() > 1e-3


def test_other_captures_are_refused(untrained, make_stores):
    stores = make_stores(train=3)
    one_band = TrainingStores(
        stores.rgb,
        ArrayStore(stores.capture_ids, stores.uv.array[:, :1]),
        stores.masks,
        stores.specimen_ids,
        stores.partitions,
    )
    with pytest.raises(
        ValueError, match=r"embed: uv images must have bands, height and width \(2, 32, 32\), got \(1,"
    ):
        embed(untrained(), one_band)


def test_silhouettes_are_area_means_of_the_warped_masks(make_stores):
    still = GeometryParams(crop_scale=(1, 1), crop_ratio=(1, 1), horizontal_flip=0, rotation_deg=0)
    stores = make_stores(train=3, test=0)
    table = baseline_views(stores, still, side=8).silhouettes
    blocks = np.asarray(stores.masks)[:, 0].reshape(3, 8, 4, 8, 4).mean(axis=(2, 4)).reshape(3, 64)
    np.testing.assert_allclose(vectors(table, "rgb"), blocks, atol=1e-6)
    np.testing.assert_allclose(vectors(table, "uv"), blocks, atol=1e-6)
    warped = baseline_views(stores, GeometryParams(), side=8).silhouettes
    assert np.abs(vectors(warped, "rgb") - vectors(warped, "uv")).max() > 0.1


def test_colours_and_pixels_of_unwarped_views_are_those_of_the_captures(make_stores):
    still = GeometryParams(crop_scale=(1, 1), crop_ratio=(1, 1), horizontal_flip=0, rotation_deg=0)
    stores = make_stores(train=3, test=0)
    found = baseline_views(stores, still, side=8)
    masks = np.asarray(stores.masks).astype(float)
    for channel, (name, store) in enumerate((("rgb", stores.rgb), ("uv", stores.uv))):
        images = np.asarray(store).astype(float) * masks[:, channel : channel + 1]
        expected = band_means(images, masks[:, channel])
        columns = vectors(found.colours, name)[:, : expected.shape[1]]
        np.testing.assert_allclose(columns, expected, atol=1e-3)
        n, bands = images.shape[:2]
        blocks = images.reshape(n, bands, 8, 4, 8, 4).mean(axis=(3, 5)).reshape(n, -1)
        np.testing.assert_allclose(vectors(found.pixels, name)[:, : blocks.shape[1]], blocks, atol=1e-3)


def test_views_of_an_unlearnt_model_are_features(untrained, make_stores):
    stores = make_stores(train=3)
    projected, features = (
        embed(untrained(), stores, features_of_views=chosen).opposite_views for chosen in (False, True)
    )
    whole = embed(untrained(), stores).embeddings
    assert vectors(features, "rgb").shape == vectors(whole, "rgb").shape
    assert vectors(features, "rgb").shape != vectors(projected, "rgb").shape


def test_stores_join_their_tables_by_capture_and_specimen(make_stores):
    stores = make_stores(train=2, validation=1, test=0, views=2)
    index = pd.DataFrame({"capture_id": stores.capture_ids, "specimen_id": stores.specimen_ids})
    shares = pd.DataFrame(
        {
            "specimen_id": ["specimen2", "specimen0", "specimen1"],
            "partition": ["validation", "train", "train"],
        }
    )
    joined = TrainingStores.from_tables(stores.rgb, stores.uv, stores.masks, index, shares)
    assert joined.partitions == stores.partitions
    assert joined.rows_of("validation").tolist() == [4, 5]
    with pytest.raises(ValueError, match=r"every specimen must have a partition, got none for 'specimen2'"):
        TrainingStores.from_tables(stores.rgb, stores.uv, stores.masks, index, shares.iloc[1:])
    with pytest.raises(
        ValueError, match=r"specimen_index must list the captures of the stores in their order"
    ):
        TrainingStores.from_tables(stores.rgb, stores.uv, stores.masks, index.iloc[::-1], shares)
    with pytest.raises(ValueError, match=r"rows must be the same captures in all stores"):
        TrainingStores(stores.rgb, stores.uv, stores.masks, stores.specimen_ids[1:], stores.partitions)
