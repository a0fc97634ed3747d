"""Paired comparisons: exact where a hand can count, calibrated where models are exchangeable."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xmodal_pipeline.evaluation.measurement import (
    all_specimens,
    measure_baselines,
    measure_contributions,
    measure_variant,
)
from xmodal_pipeline.evaluation.model_tables import ModelTables, check_table
from xmodal_pipeline.evaluation.paired import Measure, compare_models, sign_flip_p
from xmodal_pipeline.evaluation.pairing import compare_contributions, pair_contributions
from xmodal_pipeline.evaluation.results import stack_contributions
from xmodal_pipeline.evaluation.schema import DIFFERENCE_COLUMNS
from xmodal_pipeline.params.evaluate import EvaluationParams

PARAMS = EvaluationParams(folds=3, inner_folds=2, c_values=(1.0,), bootstraps=50, permutations=99, n_jobs=1)


def measure(correct, widening=1.0, task="t", metric="m"):
    """Per model (seeds, specimens) of 0 and 1; the value is the share of ones."""
    seeds = {name: np.atleast_2d(np.asarray(rows, float)) for name, rows in correct.items()}
    n = next(iter(seeds.values())).shape[1]
    return Measure(
        task,
        "",
        metric,
        {name: rows / n for name, rows in seeds.items()},
        np.zeros(n, int),
        dict.fromkeys(seeds, "joint"),
        widening,
    )


def compare(*measures, permutations=1999, bootstraps=400, seed=0):
    return compare_models(measures, bootstraps=bootstraps, permutations=permutations, seed=seed)


def test_one_comparison_is_the_exact_test_of_mcnemar():
    a, b = np.zeros(40), np.zeros(40)
    a[:11], b[11:13] = 1, 1  # 11 against 2 discordant specimens
    row = compare(measure({"a": a, "b": b}), permutations=9999).iloc[0]
    assert row["difference"] == pytest.approx(9 / 40)
    assert row["p"] == pytest.approx(stats.binomtest(2, 13).pvalue, abs=0.006)
    assert row["p_adjusted"] == row["p"]
    assert row["low"] < 9 / 40 < row["high"]
    assert row["low"] > 0


def test_adjusted_p_are_the_enumerated_step_down_maxima():
    rng = np.random.default_rng(0)
    differences = rng.choice([-1.0, 0.0, 1.0], (3, 9))
    unit = differences / np.sqrt((differences**2).sum(1, keepdims=True))
    observed = unit.sum(1)
    null = np.abs(np.array(list(product([-1, 1], repeat=9))) @ unit.T)
    order = np.argsort(-np.abs(observed))
    expected, largest = np.empty(3), 0.0
    for position, row in enumerate(order):
        share = (null[:, order[position:]].max(1) >= abs(observed[row]) - 1e-9).mean()
        largest = max(largest, share)
        expected[row] = largest
    p, adjusted = sign_flip_p(differences, observed, 20_000, seed=0)
    assert adjusted == pytest.approx(expected, abs=0.015)
    assert p == pytest.approx((null >= np.abs(observed) - 1e-9).mean(0), abs=0.015)


def test_repeating_a_comparison_costs_nothing():
    rng = np.random.default_rng(1)
    a, b = rng.random(60) < 0.8, rng.random(60) < 0.55
    once = compare(measure({"a": a, "b": b}))
    often = compare(*(measure({"a": a, "b": b}, metric=f"m{i}") for i in range(8)))
    assert often["p_adjusted"].tolist() == [once["p"].iloc[0]] * 8


def test_identical_models_do_not_differ_and_tasks_are_families_of_their_own():
    rng = np.random.default_rng(2)
    a, b = rng.random(50) < 0.9, rng.random(50) < 0.5
    table = compare(measure({"a": a, "b": a}, task="one"), measure({"a": a, "b": b}, task="two"))
    assert table[["difference", "low", "high", "p"]].iloc[0].tolist() == [0, 0, 0, 1]
    assert table["p_adjusted"].iloc[1] == table["p"].iloc[1] < 0.01


def test_seeds_that_differ_widen_the_interval_and_raise_p():
    rng = np.random.default_rng(3)
    strong, weak = (rng.random((1, 200)) < share for share in (0.7, 0.5))
    spread = np.concatenate([rng.random((1, 200)) < share for share in (0.95, 0.7, 0.45)])
    one = compare(measure({"a": strong, "b": weak})).iloc[0]
    several = compare(measure({"a": spread, "b": weak})).iloc[0]
    steady = compare(measure({"a": np.repeat(strong, 3, 0), "b": np.repeat(weak, 3, 0)})).iloc[0]
    assert one["p"] < 0.01 < several["p"]
    assert several["high"] - several["low"] > 2 * (one["high"] - one["low"])
    assert several["seed_sd_a"] == pytest.approx(spread.mean(1).std(ddof=1))
    assert (several["n_seeds"], steady["n_seeds"]) == (1, 3)
    assert steady[["low", "high", "p"]].tolist() == pytest.approx(one[["low", "high", "p"]].tolist())


def test_widening_divides_the_statistic():
    rng = np.random.default_rng(4)
    a, b = rng.random(100) < 0.7, rng.random(100) < 0.5
    plain, wide = (compare(measure({"a": a, "b": b}, w)).iloc[0] for w in (1.0, 2.0))
    assert wide["high"] - wide["low"] == pytest.approx(2 * (plain["high"] - plain["low"]))
    assert wide["p"] > plain["p"]


def test_exchangeable_models_are_told_apart_in_one_comparison_of_twelve_as_seldom_as_stated():
    rng = np.random.default_rng(5)
    false = 0
    for _ in range(200):
        difficulty = rng.random(40)
        models = {f"m{i}": rng.random((1, 40)) < difficulty for i in range(4)}
        same_specimens = {name: rng.random((1, 40)) < difficulty for name in models}
        table = compare(measure(models), measure(same_specimens, metric="n"), permutations=99, bootstraps=20)
        false += (table["p_adjusted"] <= 0.05).any()
    assert false / 200 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_models_do_not_pay_for_comparisons_with_baselines():
    rng = np.random.default_rng(1)
    models = {name: rng.random((1, 40)) < share for name, share in (("a", 0.9), ("b", 0.7))}
    baselines = {f"baseline {i}": rng.random((1, 40)) < 0.8 for i in range(12)}
    pooled = compare(measure(models | baselines))
    table = compare_models(
        [measure(models | baselines)], bootstraps=20, permutations=1999, seed=0, baselines=set(baselines)
    )
    (alone,) = table[table["family"] == "models"].to_dict("records")
    assert alone["p_adjusted"] == alone["p"] < 0.2
    among_all = pooled[(pooled["a"] == "a") & (pooled["b"] == "b")].iloc[0]
    assert among_all["p_adjusted"] > alone["p_adjusted"]
    against = table[table["family"] == "baselines"]
    assert len(against) == 24
    assert (against["p_adjusted"] >= against["p"]).all()
    assert against["p_adjusted"].min() > against["p"].min()


def study(n=48, seed=0):
    """Specimens of two species and two sexes, and a maker of tables whose columns tell the sex so well."""
    rng = np.random.default_rng(seed)
    ids = [f"c{i:02d}" for i in range(n)]
    index = pd.DataFrame(
        {
            "capture_id": ids,
            "specimen_id": [f"s{i:02d}" for i in range(n)],
            "species": np.tile(["p", "q"], n // 2),
            "sex": np.repeat(["f", "m"], n // 2),
        }
    )
    parts = np.resize(["train", "test", "validation"], n)
    partitions = pd.DataFrame({"specimen_id": index["specimen_id"], "partition": parts})

    def table(effect, noise, modalities=("rgb", "uv", "joint"), seed=0):
        draw = np.random.default_rng(seed)
        shared = rng.normal(size=(n, 6))
        keys = index[["capture_id", "specimen_id"]].assign(partition=parts)
        sides = []
        for modality in modalities:
            values = shared + noise * draw.normal(size=(n, 6))
            values[:, 0] += effect * np.repeat([0, 1], n // 2)
            vectors = pd.DataFrame(values, columns=[f"x{i + 1}" for i in range(6)])
            sides.append(pd.concat([keys.assign(modality=modality), vectors], axis=1))
        return pd.concat(sides, ignore_index=True)

    return index, partitions, table


def contribute(index, tables):
    """Per model the contributions of its only seed."""
    return {name: [measure_contributions(one, index, PARAMS)] for name, one in tables.items()}


def test_models_are_measured_on_the_same_specimens_and_folds():
    index, _, table = study()
    good, bad, alone = table(4, 0.05), table(0, 3.0), table(4, 0.05, ("rgb",))
    models = {
        "good": ModelTables(good, good, good),
        "bad": ModelTables(bad, bad, bad),
        "rgb_only": ModelTables(alone, alone, alone),
    }
    measures = list(pair_contributions(contribute(index, models), all_specimens(index)))
    found = (
        compare_models(measures, bootstraps=50, permutations=199, seed=0)
        .set_index(["task", "label", "metric", "a", "b"])
        .sort_index()
    )
    retrieval = found.loc["retrieval", "rgb_to_uv", "recall@1"]
    assert retrieval.index.tolist() == [("good", "bad")]  # one modality finds nothing
    assert retrieval["n"].item() == 16
    assert retrieval["value_a"].item() == 1.0
    sex = found.loc["classification", "sex", "accuracy"]
    assert sex.index.tolist() == [("bad", "rgb_only"), ("good", "bad"), ("good", "rgb_only")]
    assert sex.loc[("good", "rgb_only"), ["features_a", "features_b"]].tolist() == ["joint", "rgb"]
    assert sex.loc[("good", "bad"), "p_adjusted"] < 0.05
    assert ("classification", "sex", "uv_accuracy", "good", "rgb_only") not in found.index


def test_baselines_are_a_family_of_their_own_and_not_compared_with_one_another():
    index, _, table = study()
    good, plain, poor = table(4, 0.05), table(2, 1.0), table(0, 3.0)
    half = plain[plain["specimen_id"] != "s00"]
    known = table(0, 0.1, ("joint",))
    models = {"rgb_only": ModelTables(table(4, 0.05, ("rgb",))), "good": ModelTables(good, good)}
    models = contribute(index, models)
    tables = {
        "plain": ModelTables(plain, plain),
        "poor": ModelTables(poor, poor),
        "incomplete": ModelTables(half, half),
        "species_only": ModelTables(known),
    }
    baselines = measure_baselines(tables, index, PARAMS).contributions
    rows = compare_contributions(models, baselines, index, PARAMS)

    assert tuple(rows.columns) == DIFFERENCE_COLUMNS
    assert set(rows["protocol"]) == {PARAMS.protocol}
    assert not set(rows["a"]) & set(tables)
    assert set(rows.loc[rows["family"] == "models", "b"]) == {"rgb_only"}
    accuracy = rows[rows["metric"] == "accuracy"].set_index(["label", "a", "b"])["family"]
    assert ("species", "good", "species_only") not in accuracy.index
    assert accuracy["sex", "good", "species_only"] == "baselines"
    assert "incomplete" not in accuracy.index.get_level_values("b")  # it lacks a specimen
    assert accuracy["sex", "good", "rgb_only"] == "models"  # models of one modality come last
    with pytest.raises(ValueError, match=r"compare.runs.good: name must not be that of a baseline"):
        compare_contributions(models, models["good"][0].assign(name="good"), index, PARAMS)


def test_values_are_those_of_the_evaluation():
    from xmodal_pipeline.evaluation import classification, retrieval
    from xmodal_pipeline.evaluation.specimen_tables import pair_captures, specimen_features

    index, _, table = study()
    one, other = table(1, 0.5), table(1, 0.5, seed=1)
    models = contribute(index, {"one": ModelTables(one, one), "other": ModelTables(other, other)})
    measures = list(pair_contributions(models, all_specimens(index)))
    found = compare_models(measures, bootstraps=20, permutations=19, seed=0)
    values = found.set_index(["task", "label", "metric"])["value_a"]
    pairs = pair_captures(one, index, partition="test")
    assert values["retrieval", "uv_to_rgb", "mrr"] == pytest.approx(
        retrieval(pairs.rgb, pairs.uv)["uv_to_rgb"]["mrr"]
    )
    features = {name: rows.to_numpy() for name, rows in specimen_features(one).items()}
    expected = classification(
        features["rgb"],
        features["uv"],
        index["sex"].to_numpy(),
        joint=features["joint"],
        folds=3,
        inner_folds=2,
        c_values=(1.0,),
        reference_permutations=1,
    )
    assert values["classification", "sex", "accuracy"] == pytest.approx(expected["joint_accuracy"])
    assert values["classification", "sex", "uv_accuracy"] == pytest.approx(expected["uv_accuracy"])


def test_what_a_variant_contributes_is_what_a_run_of_the_same_tables_does():
    index, _, table = study()
    one = table(1, 0.5)
    whole = measure_variant(one, one, one, index, PARAMS, label="sex").contributions
    alone = measure_contributions(ModelTables(one, one, one), index, PARAMS)
    pd.testing.assert_frame_equal(whole, alone)
    assert all(isinstance(whole[name].dtype, pd.CategoricalDtype) for name in ("task", "specimen_id"))


def test_contributions_add_up_to_the_numbers():
    index, _, table = study()
    one = table(1, 0.5)
    found = measure_variant(one, one, one, index, PARAMS, label="sex")
    sums = found.contributions.groupby(["task", "label", "metric"], observed=True)["value"].sum()
    numbers = found.numbers.set_index(["task", "label", "metric"])["value"]
    shown = sums.drop(index="accuracy", level="metric")
    assert len(shown) == 2 * 2 * 3 + 2 * 2
    assert shown.to_numpy() == pytest.approx(numbers[shown.index].to_numpy())
    assert sums["classification", "sex", "accuracy"] == pytest.approx(
        numbers["classification", "sex", "joint_accuracy"]
    )


def test_seeds_of_one_model_are_paired_as_one():
    index, _, table = study()
    first, second, other = (table(1, 0.5, seed=seed) for seed in range(3))
    seeds = [measure_contributions(ModelTables(one), index, PARAMS) for one in (first, second)]
    models = {"several": seeds, "other": [measure_contributions(ModelTables(other), index, PARAMS)]}
    measures = {(m.label, m.metric): m for m in pair_contributions(models, all_specimens(index))}
    values = measures["sex", "accuracy"].contributions
    assert {name: rows.shape for name, rows in values.items()} == {"several": (2, 48), "other": (1, 48)}
    assert values["several"][1].sum() == pytest.approx(
        seeds[1].query("label == 'sex' and metric == 'accuracy'")["value"].sum()
    )
    assert measures["sex", "accuracy"].widening == pytest.approx(np.sqrt(1 + 3 / 2))


def test_stacked_contributions_keep_their_words():
    index, _, table = study()
    one = measure_contributions(ModelTables(table(1, 0.5, ("rgb",))), index, PARAMS)
    both = measure_contributions(ModelTables(table(1, 0.5)), index, PARAMS)
    stacked = stack_contributions([one.assign(name="a"), both.assign(name="b")])
    rows = stacked[stacked["name"] == "b"].reset_index(drop=True).drop(columns="name")
    pd.testing.assert_frame_equal(rows, both.drop(columns="name"), check_categorical=False)
    assert isinstance(stacked["specimen_id"].dtype, pd.CategoricalDtype)


def test_a_table_of_other_captures_or_partitions_is_refused_by_name():
    index, partitions, table = study()
    good = table(1, 1)
    check_table("other", good, index, partitions)
    with pytest.raises(ValueError, match=r"compare.runs.other: \w+ rows .* the first 'c00'"):
        check_table("other", good[good["capture_id"] != "c00"], index, partitions)
    with pytest.raises(ValueError, match=r"compare.runs.other: specimens must be in the partitions.*'s01'"):
        check_table("other", good.replace({"partition": {"test": "train"}}), index, partitions)
    with pytest.raises(ValueError, match=r"compare.runs.other: .*columns.*\['modality'\]"):
        check_table("other", good.drop(columns="modality"), index, partitions)
    with pytest.raises(ValueError, match=r"compare.runs.other: .*one row per modality"):
        check_table("other", pd.concat([good, good]), index, partitions)
