"""What `embed` writes: the vectors of its checkpoint, each under its own name."""

import numpy as np
import pytest
import torch

from xmodal_pipeline.augmentation import Batch, ViewMaker
from xmodal_pipeline.params.train import AugmentationParams, GeometryParams
from xmodal_pipeline.pipelines.embed import nodes
from xmodal_pipeline.training import Checkpoint


@pytest.fixture
def prepared(make_prepared):
    return make_prepared(["train", "train", "test"])


@pytest.fixture
def checkpoint(prepared, make_checkpoint):
    return make_checkpoint(prepared)


def vectors(table, modality):
    rows = table[table["modality"] == modality]
    return rows.filter(regex=r"^x\d+$").to_numpy()


def test_embeddings_are_features_and_projections_are_what_the_heads_make_of_them(checkpoint, prepared):
    embeddings, projections, opposite = nodes.embed_variant(checkpoint, prepared)
    config = checkpoint.config
    views = ViewMaker(config.augmentation, config.photometry, config.channel_statistics(), 32)
    arrays = (torch.from_numpy(array) for array in (prepared.rgb, prepared.uv, prepared.masks))
    plain = views.evaluation_view(Batch(*arrays, torch.arange(3)).as_float())
    model = checkpoint.model()
    with torch.no_grad():
        output = model(plain.rgb, plain.uv)
    for modality in ("rgb", "uv", "joint"):
        np.testing.assert_allclose(
            vectors(embeddings, modality), output.features[modality], rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            vectors(projections, modality), output.projections[modality], rtol=1e-4, atol=1e-5
        )
    assert opposite.shape == projections.shape
    assert np.abs(vectors(opposite, "rgb") - vectors(projections, "rgb")).max() > 1e-3
    rows = embeddings[embeddings["modality"] == "uv"]
    assert rows["capture_id"].tolist() == list(prepared.capture_ids)
    assert rows["specimen_id"].tolist() == list(prepared.specimen_ids)
    assert rows["partition"].tolist() == ["train", "train", "test"]


def test_unlearnt_encoders_are_those_of_the_seed_whatever_was_learnt(checkpoint, prepared):
    embeddings, views = nodes.embed_unlearnt(checkpoint, prepared, None)
    assert set(embeddings["encoder"]) == set(views["encoder"]) == {"untrained_encoder"}
    checkpoint.tensors[next(iter(checkpoint.tensors))].add_(1)
    again, _ = nodes.embed_unlearnt(checkpoint, prepared, None)
    np.testing.assert_array_equal(vectors(again, "uv"), vectors(embeddings, "uv"))
    assert vectors(embeddings, "uv").shape == vectors(views, "uv").shape


@pytest.mark.parametrize(
    ("is_pretrained", "encoders"),
    [
        (False, {"untrained_encoder": False}),
        (True, {"untrained_encoder": False, "pretrained_encoder": True}),
    ],
)
def test_what_training_started_from_is_embedded_beside_what_the_seed_drew(
    checkpoint, prepared, monkeypatch, is_pretrained, encoders
):
    """Pretrained weights would be fetched: the checkpoint is asked for them and gives others."""
    asked = []

    def unlearnt(self, *, pretrained=False, weights=None):
        asked.append(pretrained)
        return checkpoint

    monkeypatch.setattr(type(checkpoint), "unlearnt", unlearnt)
    training = checkpoint.config.training.model_copy(update={"pretrained": is_pretrained})
    started = Checkpoint({}, checkpoint.config.model_copy(update={"training": training}))
    tables = nodes.embed_unlearnt(started, prepared, None)
    assert [table["encoder"].unique().tolist() for table in tables] == [list(encoders)] * 2
    assert asked == list(encoders.values())


def test_baselines_under_no_warp_are_those_of_the_captures(prepared):
    still = GeometryParams(crop_scale=(1, 1), crop_ratio=(1, 1), horizontal_flip=0, rotation_deg=0)
    outlines, colours, pixels = nodes.warp_baselines(prepared, AugmentationParams(geometry=still))
    means = prepared.masks.astype(float).reshape(3, 2, 16, 2, 16, 2).mean((3, 5))
    np.testing.assert_allclose(vectors(outlines, "uv"), means[:, 1].reshape(3, -1), atol=1e-5)
    inside = prepared.masks[0, 1].astype(bool)
    expected = prepared.uv.astype(np.float64)[:, :, inside]
    found = vectors(colours, "uv")
    np.testing.assert_allclose(found[:, :2], expected.mean(2), atol=1e-3)
    np.testing.assert_allclose(found[:, 2:4], expected.std(2), atol=1e-3)
    standard = (prepared.rgb.astype(np.float64) - 0.5) / 0.2 * prepared.masks[:, :1]
    reduced = standard.reshape(3, 3, 16, 2, 16, 2).mean((3, 5)).reshape(3, -1)
    np.testing.assert_allclose(vectors(pixels, "rgb"), reduced, atol=1e-3)
