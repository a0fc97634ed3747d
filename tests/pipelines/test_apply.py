"""What `apply` asks of a checkpoint, and what it takes from it."""

import dataclasses

import pandas as pd
import pytest

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.imaging.recipe import Recipe
from xmodal_pipeline.params.apply import ApplyParams
from xmodal_pipeline.params.ingest import QualityParams
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.pipelines.apply import nodes

SUMMARY = {"n_accepted": 2}


@pytest.fixture
def study(make_stacks):
    """Two captures of three UV bands, of which the checkpoint knows two."""
    return make_stacks((20000, 40000))


@pytest.fixture
def saved(study, make_prepared, make_checkpoint, tmp_path):
    def save(*, is_calibrated=False):
        known = study[0].model_copy(update={"colour_units": "relative" if is_calibrated else "uncalibrated"})
        prepared = make_prepared(["train"] * 3, is_calibrated=is_calibrated)
        recipe = Recipe.of_study(known, "specimen")
        checkpoint = make_checkpoint(dataclasses.replace(prepared, recipe=recipe))
        checkpoint.to_file(tmp_path / "checkpoint.safetensors")
        return ApplyParams(checkpoint=tmp_path / "checkpoint.safetensors")

    return save


def test_bands_must_be_those_of_the_checkpoint(study, saved):
    two = study[0].model_copy(update={"uv_bands": ("UV1", "UV2")})
    taken = nodes.take_checkpoint(saved(), two, SUMMARY)
    assert taken.config.uv_bands == ("UV1", "UV2")
    message = (
        r"apply: uv bands must be those of the checkpoint, \['UV1', 'UV2'\], got \['UV1', 'UV2', 'UV3'\]"
    )
    with pytest.raises(ParametersError, match=message):
        nodes.take_checkpoint(saved(), study[0], SUMMARY)
    renamed = two.model_copy(update={"rgb_bands": ("vR", "vG", "vB")})
    with pytest.raises(ParametersError, match=r"apply: rgb bands must be those of the checkpoint, \['R', "):
        nodes.take_checkpoint(saved(), renamed, SUMMARY)


@pytest.mark.parametrize(
    ("is_calibrated", "units", "is_warned"),
    [
        (True, "uncalibrated", True),
        (True, "relative", False),
        (False, "uncalibrated", False),
    ],
)
def test_uncalibrated_captures_are_warned_of_where_the_checkpoint_knows_only_calibrated_ones(
    study, saved, caplog, is_calibrated, units, is_warned
):
    captures = study[0].model_copy(update={"uv_bands": ("UV1", "UV2"), "colour_units": units})
    nodes.take_checkpoint(saved(is_calibrated=is_calibrated), captures, SUMMARY)
    assert ("these captures are uncalibrated" in caplog.text) is is_warned


def test_captures_take_size_and_statistics_of_the_checkpoint_and_no_part_in_a_split(
    study, make_prepared, make_checkpoint
):
    known, index, qa = study
    checkpoint = make_checkpoint(make_prepared(["train"] * 3))
    (block,) = nodes.prepare_for_checkpoint(
        checkpoint, known, index, qa, pd.DataFrame(), SplitParams(image_size=64), QualityParams(n_jobs=1)
    )
    assert block.rgb.shape == (2, 3, 32, 32)
    assert block.manifest.partitions == ("applied", "applied")
    assert list(block.manifest.statistics["uv"]["mean"]) == [0.25, 0.25]
    assert block.manifest.capture_ids == ("c00", "c01")


@pytest.mark.parametrize(
    ("of_checkpoint", "now", "made"),
    [
        ("frame", "specimen", "frame"),
        ("specimen", "frame", "specimen"),
        (None, "frame", "frame"),
    ],
)
def test_captures_are_cut_as_those_of_the_checkpoint_were(
    study, make_prepared, make_checkpoint, caplog, of_checkpoint, now, made
):
    known, index, qa = study
    recipe = of_checkpoint and Recipe.of_study(known, of_checkpoint)
    prepared = dataclasses.replace(make_prepared(["train"] * 3), recipe=recipe)
    (block,) = nodes.prepare_for_checkpoint(
        make_checkpoint(prepared),
        known,
        index,
        qa,
        pd.DataFrame(),
        SplitParams(crop=now),
        QualityParams(n_jobs=1),
    )
    assert block.manifest.recipe.crop == made
    # The mask leaves 2 of 16 px on every side: an eighth of the frame, and next to nothing of the specimen's.
    assert bool(block.masks[:, 0, :, 3].any()) is (made == "specimen")
    assert ("does not say what was cut out" in caplog.text) is (of_checkpoint is None)


def test_every_capture_is_embedded_under_its_name(make_prepared, make_checkpoint):
    prepared = make_prepared(["applied"] * 3)
    embeddings, projections = nodes.embed_captures(make_checkpoint(prepared), prepared)
    for table in (embeddings, projections):
        assert table["capture_id"].tolist() == [*prepared.capture_ids] * 3
        assert set(table["partition"]) == {"applied"}
    assert (embeddings.filter(regex=r"^x\d+$").shape[1]) != projections.filter(regex=r"^x\d+$").shape[1]
