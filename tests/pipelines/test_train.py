"""What `train` leaves of all its variants together."""

import pandas as pd
import pytest

from xmodal_pipeline.pipelines.train.nodes import stack_diagnostics, stack_histories


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
