"""A learnt feature over several trainings, by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation.uv_value.seeds import take_median
from xmodal_pipeline.evaluation.uv_value.verdict import COLUMNS


def make_rows(features, p, low, family="primary"):
    """Two species, the second of which shows nothing."""
    rows = pd.DataFrame({"species": ["a", "b"], "p": [p, 0.9], "low": [low, 0.0]})
    rows = rows.assign(
        label="sex", view="", patch="", features=features, family=family, scope="species", is_eligible=True
    )
    rows = rows.assign(
        n_1=9, n_2=8, uv_adds=rows["low"] + 1, high=rows["low"] + 3, p_rgb=0.5, auc_rgb_upper=0.9
    )
    rows = rows.assign(uv_adds_upper=9.0, uv_adds_unbiased=rows["low"] + 1, noise_tip=np.nan, tip=0.8)
    return rows.reindex(columns=list(COLUMNS))


@pytest.fixture
def study():
    return pd.concat([make_rows("colour", 0.4, 0.0), make_rows("separate", 0.001, 9.0)], ignore_index=True)


def test_the_claim_is_of_the_median_training_and_says_in_how_many_it_held(study):
    trainings = [make_rows("separate", p, low) for p, low in ((0.5, 0.0), (0.001, 2.0), (0.004, 1.0))]
    table = take_median(study, trainings, margin=1.0)
    learnt = table[table["features"] == "separate"].set_index("species")
    assert learnt.loc["a", ["p", "low", "uv_adds", "n_seeds", "n_held"]].tolist() == [0.004, 1.0, 2.0, 3, 2]
    # Of four tests the smallest p counts four times.
    assert learnt.loc["a", "q"] == pytest.approx(0.016)
    assert learnt["verdict"].tolist() == ["uv_adds", "unresolved"]
    assert learnt["tip"].isna().tolist() == [False, True]
    colour = table[table["features"] == "colour"].set_index("species")
    assert colour.loc["a", "p"] == 0.4
    assert colour["n_seeds"].isna().all()
    assert len(table) == 4


def test_a_claim_of_fewer_than_half_of_the_trainings_is_none(study):
    trainings = [make_rows("separate", p, low) for p, low in ((0.5, 0.0), (0.001, 2.0), (0.3, 0.0))]
    row = take_median(study, trainings, margin=1.0).query("features == 'separate' and species == 'a'").iloc[0]
    assert (row["verdict"], row["n_held"], row["n_seeds"]) == ("unresolved", 1, 3)


def test_exploratory_rows_do_not_count_among_the_tests(study):
    more = pd.concat([study, make_rows("concat", 0.2, 0.0, family="exploratory")], ignore_index=True)
    trainings = [make_rows("separate", 0.004, 1.0)] * 2
    table = take_median(more, trainings, margin=1.0)
    assert set(table["features"]) == {"colour", "separate"}
    assert table.set_index(["features", "species"]).loc[("separate", "a"), "q"] == pytest.approx(0.016)


def test_rows_may_come_from_json_and_one_training_has_no_median(study):
    stored = pd.DataFrame(json.loads(make_rows("separate", 0.004, 1.0).to_json(orient="records")))
    assert take_median(study, [stored], margin=1.0).empty
    table = take_median(study, [stored, stored], margin=1.0)
    assert sorted(table["p"]) == pytest.approx([0.004, 0.4, 0.9, 0.9])
    assert table.loc[table["features"] == "separate", "low"].max() == 1.0
