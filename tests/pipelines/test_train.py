"""What `train` makes of prepared captures, and leaves of all its variants together."""

import pandas as pd
import pytest

from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.pipelines.train.nodes import stack_diagnostics, stack_histories, train_variant


def test_histories_are_stacked_under_the_names_of_their_variants():
    histories = {
        "separate": pd.DataFrame({"epoch": [0, 1], "loss": [3.0, 2.0], "cross_modal": [1.0, 0.5]}),
        "uv_only": pd.DataFrame({"epoch": [0], "loss": [4.0]}),
    }
    stacked = stack_histories(**histories)
    assert stacked["variant"].tolist() == ["separate", "separate", "uv_only"]
    assert stacked["loss"].tolist() == [3.0, 2.0, 4.0]
    assert stacked["cross_modal"].tolist()[:2] == [1.0, 0.5]
    assert stacked["cross_modal"].isna().tolist() == [False, False, True]


def test_leaks_come_first_among_the_diagnostics_and_only_where_there_are_any():
    found = [{"code": "COLLAPSE", "message": "hardly differ", "advice": "raise it"}]
    leaks = pd.DataFrame(
        [("LEAKAGE", "a", "test", "b", "train", 0.9991)],
        columns=["code", "capture_id", "partition", "other_capture_id", "other_partition", "correlation"],
    )
    table = stack_diagnostics(leaks, separate=[], concat=found)
    assert table.columns.tolist() == ["code", "variant", "finding", "advice"]
    assert table[["code", "variant"]].values.tolist() == [["LEAKAGE", "all"], ["COLLAPSE", "concat"]]
    assert "'a' (test) and 'b' (train), correlation 0.9991" in table["finding"][0]
    assert table.loc[1, ["finding", "advice"]].tolist() == ["hardly differ", "raise it"]

    assert stack_diagnostics(leaks[:0], separate=[], concat=found)["code"].tolist() == ["COLLAPSE"]


@pytest.mark.parametrize("variants", [{}, {"separate": [], "concat": []}])
def test_without_a_finding_the_table_keeps_its_columns(variants):
    table = stack_diagnostics(pd.DataFrame({"capture_id": []}), **variants)
    assert table.empty
    assert table.columns.tolist() == ["code", "variant", "finding", "advice"]


@pytest.mark.parametrize(
    ("is_calibrated", "wanted", "photometry"),
    [
        (True, None, "reflectance"),
        (False, None, "uncalibrated"),
        (True, "uncalibrated", "uncalibrated"),
        (False, "reflectance", "reflectance"),
    ],
)
def test_a_variant_is_trained_on_the_captures_as_they_are(
    make_prepared, tmp_path, is_calibrated, wanted, photometry
):
    prepared = make_prepared(["train"] * 4 + ["test"], is_calibrated=is_calibrated)
    checkpoint, history, diagnostics = train_variant(
        prepared,
        TrainingParams(backbone="test_resnet", projection_dim=8, hidden_dim=16, max_epochs=2, batch_size=4),
        LossParams(),
        AugmentationParams(photometry=wanted),
        {"fusion_type": "concat", "use_modality_specific": False, "modality_dropout": 0.2},
        tmp_path,
    )
    config = checkpoint.config
    assert (config.name, config.photometry, config.image_size) == ("concat_shared", photometry, 32)
    assert (config.rgb_bands, config.uv_bands) == (("R", "G", "B"), ("UV1", "UV2"))
    assert config.statistics["uv"].mean == (0.25, 0.25)
    assert config.statistics["rgb"].sd == (0.2, 0.2, 0.2)
    assert history["epoch"].tolist() == [0, 1]
    assert all({"code", "message", "advice"} <= set(one) for one in diagnostics)
