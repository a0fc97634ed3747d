"""The nodes of `compare` on small tables: what runs are read as, and what they are compared with."""

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.evaluation.results import Contribution, tabulate_contributions
from xmodal_pipeline.params.compare import CompareParams
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.pipelines.compare import nodes

PARAMS = EvaluationParams(folds=2, inner_folds=2, c_values=(1.0,), bootstraps=20, permutations=19, n_jobs=1)
N = 24
IDS = np.array([f"s{i:02}" for i in range(N)], dtype=object)
INDEX = pd.DataFrame({"capture_id": IDS, "specimen_id": IDS, "sex": np.resize(["f", "m"], N)})
PARTITIONS = pd.DataFrame({"specimen_id": IDS, "partition": np.repeat(["train", "test"], N // 2)})


def make_table(shift=0.0):
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(N, 3))
    keys = INDEX[["capture_id", "specimen_id"]].assign(partition=PARTITIONS["partition"])
    sides = [("rgb", shared), ("uv", shared + shift * rng.normal(size=(N, 3)))]
    parts = [
        pd.concat([keys.assign(modality=name), pd.DataFrame(values, columns=["x1", "x2", "x3"])], axis=1)
        for name, values in sides
    ]
    return pd.concat(parts, ignore_index=True)


def contribute(correct, name=""):
    """One number: the share of specimens that are right."""
    found = Contribution(
        task="classification",
        label="sex",
        metric="accuracy",
        source="joint",
        specimens=IDS,
        values=np.asarray(correct, float) / N,
        strata=np.zeros(N, np.int64),
    )
    return tabulate_contributions([found], IDS, name=name)


def right(count):
    return contribute(np.arange(N) < count)


def test_a_run_is_read_with_the_tables_beside_it(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    make_table(5.0).to_parquet(run / "embeddings.parquet")
    make_table().to_parquet(run / "projections.parquet")
    make_table(5.0).to_parquet(run / "opposite_views.parquet")
    make_table(5.0).to_parquet(tmp_path / "elsewhere.parquet")
    runs = {"whole": [run / "embeddings.parquet"], "alone": [tmp_path / "elsewhere.parquet"] * 2}
    found = nodes.measure_runs(CompareParams(runs=runs), INDEX, PARTITIONS, None, PARAMS)
    assert {name: len(seeds) for name, seeds in found.items()} == {"whole": 1, "alone": 2}
    sums = found["whole"][0].groupby(["task", "label", "metric"], observed=True)["value"].sum()
    assert sums["retrieval", "rgb_to_uv", "recall@1"] == pytest.approx(1)
    assert sums["retrieval_opposite_views", "rgb_to_uv", "recall@1"] < 0.9
    assert set(found["alone"][0]["task"]) == {"classification"}


def test_a_run_that_is_not_there_or_of_others_is_named(tmp_path):
    with pytest.raises(
        ParametersError, match=r"compare.runs.lost: must be an existing file, got .*no.parquet"
    ):
        nodes.measure_runs(
            CompareParams(runs={"lost": [tmp_path / "no.parquet"]}), INDEX, PARTITIONS, None, PARAMS
        )
    table = make_table()
    table[table["capture_id"] != "s00"].to_parquet(tmp_path / "part.parquet")
    with pytest.raises(ParametersError, match=r"compare.runs.part: .* the first 's00'"):
        nodes.measure_runs(
            CompareParams(runs={"part": [tmp_path / "part.parquet"]}), INDEX, PARTITIONS, None, PARAMS
        )


def test_a_run_of_a_variant_s_name_is_another_seed_of_it():
    rows = nodes.compare_models(
        {"separate": [right(12)], "stored": [right(6), right(6)]},
        contribute(np.arange(N) < 3, "band_means"),
        INDEX,
        PARAMS,
        separate=right(18),
    )
    rows = rows.set_index(["a", "b"])
    pair = rows.loc[("separate", "stored")]
    assert (pair["value_a"], pair["value_b"]) == (pytest.approx((0.75 + 0.5) / 2), pytest.approx(0.25))
    assert (pair["n_seeds"], pair["family"]) == (2, "models")
    assert pair["seed_sd_a"] == pytest.approx(np.std([0.75, 0.5], ddof=1))
    assert rows.loc[("stored", "band_means"), "difference"] == pytest.approx(3 / N)
    assert len(rows) == 3
