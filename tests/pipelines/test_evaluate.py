"""The nodes of `evaluate` on small tables: which table goes where, and under which name it comes out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation.results import Contribution, tabulate_contributions
from xmodal_pipeline.evaluation.uv_value.features import embedding_features
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.pipelines.evaluate import nodes

PARAMS = EvaluationParams(
    folds=2,
    inner_folds=2,
    c_values=(1.0,),
    bootstraps=20,
    permutations=19,
    reference_permutations=2,
    n_jobs=1,
)
STUDY = Study(
    root=Path(),
    is_simulated=False,
    settings=SpecimensParams(label="sex", confounders=("session",)),
    scale="unit",
    colour_units="reflectance",
    rgb_bands=("R", "G", "B"),
    uv_bands=("U",),
)
N = 24
INDEX = pd.DataFrame(
    {
        "capture_id": [f"c{i:02}" for i in range(N)],
        "specimen_id": [f"s{i:02}" for i in range(N)],
        "sex": np.resize(["f", "m"], N),
        "session": np.resize(["a", "a", "b"], N),
        "flags": "",
    }
)
PARTITION = np.repeat(["train", "test"], N // 2)


def make_table(**sides):
    keys = INDEX[["capture_id", "specimen_id"]].assign(partition=PARTITION)
    parts = [
        pd.concat([keys.assign(modality=name), pd.DataFrame(values).rename(columns="x{}".format)], axis=1)
        for name, values in sides.items()
    ]
    return pd.concat(parts, ignore_index=True).rename(columns={"x0": "x1", "x1": "x2", "x2": "x3"})


def noise(seed=0, size=3):
    return np.random.default_rng(seed).normal(size=(N, size))


def test_what_uv_adds_is_uv_s():
    table = make_table(rgb=np.full((N, 1), 1.0), uv=np.full((N, 1), 2.0), joint=np.full((N, 1), 3.0))
    rgb, uv = embedding_features(table)
    assert (rgb.to_numpy() == 1).all()
    assert (uv.to_numpy() == 2).all()
    assert list(uv.index) == list(INDEX["capture_id"])


def make_colour():
    """The colour of every capture, at random."""
    return pd.DataFrame(
        [
            (capture, "whole", modality, band, value, value / 10)
            for modality, band in (("rgb", "R"), ("uv", "U"))
            for capture, value in zip(INDEX["capture_id"], np.exp(noise(ord(band), 1)[:, 0]), strict=True)
        ],
        columns=["capture_id", "patch", "modality", "band", "mean", "sd"],
    )


def test_only_the_named_features_of_all_specimens_are_primary():
    colour = make_colour()
    embeddings = make_table(rgb=noise(1), uv=noise(2))
    params = PARAMS.model_copy(update={"uv_value_features": ("colour", "separate"), "minimum_n": 2})
    index = INDEX.assign(species="p")
    table = nodes.measure_uv_value(
        colour, index, STUDY, params, separate=embeddings, concat=embeddings
    ).query("scope == 'species'")
    assert table[["features", "specimens", "family"]].to_numpy().tolist() == [
        ["colour", "all", "primary"],
        ["separate", "all", "primary"],
        ["concat", "all", "exploratory"],
        ["concat", "test", "exploratory"],
        ["separate", "test", "exploratory"],
    ]
    of_test = table.query("specimens == 'test'")
    assert (of_test["n_1"] + of_test["n_2"]).max() <= N // 2


def test_a_species_with_flagged_captures_is_measured_again_without_them():
    colour = make_colour()
    features = make_table(rgb=noise(1), uv=noise(2))
    params = PARAMS.model_copy(update={"uv_value_features": ("colour", "separate"), "minimum_n": 2})
    index = INDEX.assign(species="p", flags=["MISREGISTERED", "", "SATURATED", *[""] * (N - 3)])

    def measure(own):
        table = nodes.measure_uv_value(colour, own, STUDY, params, separate=features, concat=features)
        return table[table["scope"] == "species"]

    again = measure(index).query("specimens == 'unflagged'")
    assert again[["features", "family"]].to_numpy().tolist() == [
        ["colour", "exploratory"],
        ["separate", "exploratory"],
    ]
    kept = measure(index[index["flags"] == ""].reset_index(drop=True)).query("family == 'primary'")
    numbers = ["n_1", "n_2", "uv_adds", "p", "q"]  # the same as a study that never had the flagged captures
    np.testing.assert_allclose(again[numbers].astype(float), kept[numbers].astype(float))
    elsewhere = index.assign(species=["q" if flags else "p" for flags in index["flags"]])
    assert "unflagged" not in set(measure(elsewhere)["specimens"])  # one specimen a class: too few to test


def test_a_variant_is_measured_with_the_label_and_confounders_of_the_study():
    shared = noise()
    projections = make_table(rgb=shared, uv=shared)
    embeddings = make_table(rgb=shared, uv=shared, joint=np.where(INDEX["sex"] == "f", 1, -1)[:, None])
    views = make_table(rgb=shared, uv=-shared)
    metrics, numbers, contributions = nodes.evaluate_variant(
        embeddings, projections, views, INDEX, STUDY, PARAMS
    )
    assert metrics["protocol"]["label"] == "sex"
    assert metrics["retrieval"]["rgb_to_uv"]["recall@1"] == 1.0
    assert metrics["retrieval"]["opposite_views"]["rgb_to_uv"]["recall@1"] < 0.5
    assert metrics["classification"]["sex"]["joint_accuracy"] == 1.0
    confounded = numbers[numbers["metric"] == "confounders_only_accuracy"]
    assert confounded["label"].tolist() == ["sex"]  # sessions do not confound themselves
    own = contributions[(contributions["metric"] == "accuracy") & (contributions["label"] == "sex")]
    assert own["value"].sum() == pytest.approx(1)


def test_baselines_keep_their_own_views(prepare_arrays):
    rng = np.random.default_rng(0)
    masks = np.ones((N, 2, 4, 4), np.uint8)
    masks[:, :, 0] = rng.random((N, 1, 4)) < 0.5
    images = rng.random((N, 3, 4, 4)) * masks[:, :1]
    prepared = prepare_arrays(INDEX, PARTITION, images, images[:, :1], masks)
    shared, other = noise(0), noise(1)
    alike, unlike = make_table(rgb=shared, uv=shared), make_table(rgb=shared, uv=other)
    unlearnt = {"good": alike, "bad": unlike}
    stacked = pd.concat([table.assign(encoder=name) for name, table in unlearnt.items()], ignore_index=True)
    receptors = pd.DataFrame({"capture_id": [], "patch": []})
    metrics, numbers, contributions = nodes.evaluate_baselines(
        prepared,
        INDEX,
        STUDY,
        receptors,
        PARAMS,
        silhouette=alike,
        band_means=unlike,
        pca_cca=unlike,
        unlearnt_embeddings=stacked,
        unlearnt_views=stacked,
    )
    assert list(metrics) == ["chance", "band_means", "pca_cca", "silhouette", "good", "bad", "protocol"]
    recall = numbers[(numbers["direction"] == "rgb_to_uv") & (numbers["k"] == 1)]
    recall = recall.set_index(["name", "task"])["value"]
    assert recall["silhouette", "retrieval_opposite_views"] == 1
    assert recall["good", "retrieval"] == recall["good", "retrieval_opposite_views"] == 1
    for name in ("band_means", "pca_cca", "bad"):
        assert recall[name, "retrieval_opposite_views"] < 0.7
    assert recall["chance", "retrieval"] == pytest.approx(2 / N)
    assert set(numbers["kind"]) == {"baseline"}
    assert set(contributions["name"]) == {"band_means", "pca_cca", "silhouette", "good", "bad"}


def contribute(correct, name=""):
    """One number: the share of specimens that are right."""
    found = Contribution(
        task="classification",
        label="sex",
        metric="accuracy",
        source="joint",
        specimens=INDEX["specimen_id"].to_numpy(dtype=object),
        values=np.asarray(correct, float) / N,
        strata=np.zeros(N, np.int64),
        folds=2,
    )
    return tabulate_contributions([found], INDEX["specimen_id"].to_numpy(dtype=object), name=name)


def test_rows_of_variants_take_their_names_and_stand_before_baselines():
    one = pd.DataFrame({"name": [""], "kind": ["variant"], "value": [0.5]})
    known = pd.DataFrame({"name": ["chance"], "kind": ["baseline"], "value": [0.1]})
    table = nodes.compare_variants(known, separate=one, concat=one.assign(value=0.7))
    assert table.to_numpy().tolist() == [
        ["separate", "variant", 0.5],
        ["concat", "variant", 0.7],
        ["chance", "baseline", 0.1],
    ]


def test_differences_are_of_the_first_minus_the_second():
    right = np.arange(N) < np.array([18, 12, 6])[:, None]
    rows = nodes.compare_with_baselines(
        contribute(right[2], "band_means"),
        INDEX,
        PARAMS,
        separate=contribute(right[0]),
        concat=contribute(right[1]),
    )
    assert rows[["a", "b", "family", "value_a", "value_b", "difference"]].to_numpy().tolist() == [
        ["separate", "concat", "models", 0.75, 0.5, pytest.approx(0.25)],
        ["separate", "band_means", "baselines", 0.75, 0.25, pytest.approx(0.5)],
        ["concat", "band_means", "baselines", 0.5, 0.25, pytest.approx(0.25)],
    ]
