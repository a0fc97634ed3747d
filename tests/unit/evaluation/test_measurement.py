"""The protocol on small studies whose answers are known."""

import json

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation import alignment, classification, retrieval
from xmodal_pipeline.evaluation.alignment import measure_alignment
from xmodal_pipeline.evaluation.baseline_tables import baseline_tables
from xmodal_pipeline.evaluation.measurement import measure_baselines, measure_variant
from xmodal_pipeline.evaluation.model_tables import ModelTables
from xmodal_pipeline.evaluation.schema import COMPARISON_COLUMNS, TASKS
from xmodal_pipeline.evaluation.specimen_tables import first_captures, labels_of_species
from xmodal_pipeline.params.evaluate import EvaluationParams

PARAMS = EvaluationParams(
    bootstraps=20, permutations=19, reference_permutations=2, c_values=(1.0,), inner_folds=2, folds=3
)
DIM = 12


def make_index(n_species=4, per_sex=6, captures=(1,), views=None):
    """Specimens of both sexes; specimen i has captures[i % len] captures."""
    rows, number = [], 0
    for s in range(n_species):
        for sex in "mf":
            for _ in range(per_sex):
                for c in range(captures[number % len(captures)]):
                    row = {
                        "capture_id": f"c{number:03d}_{c}",
                        "specimen_id": f"s{number:03d}",
                        "filename": f"c{number:03d}_{c}.tif",
                        "flags": "",
                        "species": f"species {s}",
                        "sex": sex,
                    }
                    rows.append(row if views is None else row | {"view": views[c % len(views)]})
                number += 1
    return pd.DataFrame(rows)


def partition_of(index):
    """Every second specimen is in the test partition."""
    number = index["specimen_id"].str[1:].astype(int)
    return number.mod(2).map({0: "train", 1: "test"})


def make_table(index, features):
    parts = []
    for modality, values in features.items():
        table = pd.DataFrame(values.astype(np.float32), columns=[f"x{i + 1}" for i in range(values.shape[1])])
        table.insert(0, "modality", modality)
        table.insert(0, "partition", partition_of(index))
        table.insert(0, "specimen_id", index["specimen_id"])
        table.insert(0, "capture_id", index["capture_id"])
        parts.append(table)
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)


def make_features(index, seed=0, noise=0.7):
    """A latent per specimen in both modalities, species in both, sex in UV."""
    rng = np.random.default_rng(seed)
    specimen = index["specimen_id"].astype("category").cat.codes.to_numpy()
    species = index["species"].astype("category").cat.codes.to_numpy()
    latent = rng.normal(size=(specimen.max() + 1, DIM))[specimen] + rng.normal(size=(20, DIM))[species]
    rgb, uv = latent + noise * rng.normal(size=(2, len(index), DIM))
    uv[:, 0] += 6 * (index["sex"] == "f")
    return {"rgb": rgb, "uv": uv, "joint": (rgb + uv) / 2}


def measure(index, features, views=None):
    table = make_table(index, features)
    opposite = table if views is None else make_table(index, views)
    return measure_variant(table, table, opposite, index, PARAMS, label="sex")


def evaluate(index, features, views=None):
    return measure(index, features, views).metrics


def test_retrieval_is_of_one_capture_per_test_specimen():
    index = make_index(captures=(1, 2))
    features = make_features(index)
    result = evaluate(index, features)
    is_first = ~index["specimen_id"].duplicated() & (partition_of(index) == "test")
    rgb, uv = (features[m][is_first].astype(np.float32) for m in ("rgb", "uv"))
    expected = retrieval(rgb, uv, PARAMS.ks, index.loc[is_first, "species"])
    assert result["retrieval"]["n"] == 24
    assert result["retrieval"]["chance"] == expected["chance"]
    for direction in ("rgb_to_uv", "uv_to_rgb"):
        measured = {k: v for k, v in result["retrieval"][direction].items() if not k.endswith("_ci")}
        assert measured == pytest.approx(expected[direction])
        within = result["retrieval"]["within_groups"][direction]
        assert within["recall@1"] == pytest.approx(expected["within_groups"][direction]["recall@1"])
        low, high = result["retrieval"][direction]["mrr_ci"]
        assert low <= measured["mrr"] <= high
    assert result["retrieval"]["group_oracle"]["recall@1"] == pytest.approx(4 / 24)
    assert result["alignment"]["n"] == 24
    assert result["alignment"]["headline"] == "within"
    assert result["n"] == {
        "captures": 72,
        "specimens": 48,
        "train_specimens": 24,
        "validation_specimens": 0,
        "test_specimens": 24,
        "retrieval_queries": 24,
    }


def test_galleries_hold_one_view():
    """Each specimen has a dorsal and a ventral capture: in one gallery, chance would halve."""
    index = make_index(captures=(2,), views=("dorsal", "ventral"))
    result = evaluate(index, make_features(index))["retrieval"]
    assert result["n"] == 48
    assert result["chance"]["recall@1"] == pytest.approx(1 / 24)
    assert result["within_groups"]["chance"]["recall@1"] == pytest.approx(1 / 6)
    assert result["group_oracle"]["recall@1"] == pytest.approx(4 / 24)
    assert result["group_oracle"]["n"] == 48


def test_views_are_no_repeats_of_one_another():
    """A constant offset of one view must not pass for a specimen that varies between its captures."""
    index = make_index(n_species=8, per_sex=6, captures=(2,), views=("dorsal", "ventral"))
    features = make_features(index)
    is_ventral = (index["view"] == "ventral").to_numpy()
    shifted = {name: values + 30.0 * is_ventral[:, None] for name, values in features.items()}
    alone = index[~is_ventral].reset_index(drop=True)
    both = evaluate(index, shifted)
    one = evaluate(alone, {name: values[~is_ventral] for name, values in features.items()})
    for part in ("alignment", "geometry", "predictability"):
        assert both[part] == one[part]
    single = evaluate(index, {"uv": shifted["uv"]})["geometry"]
    assert single["uniformity_uv"] == pytest.approx(one["geometry"]["uniformity_uv"])


def test_the_first_capture_of_the_view_that_most_specimens_have():
    index = pd.DataFrame(
        {
            "capture_id": list("abcdef"),
            "specimen_id": ["s1", "s1", "s2", "s2", "s3", "s4"],
            "view": ["side", "top", "top", "top", "top", None],
        }
    )
    table = index[["capture_id", "specimen_id"]].assign(x1=range(6)).iloc[::-1]
    assert sorted(first_captures(table, index)["capture_id"]) == ["b", "c", "e"]
    assert sorted(first_captures(table, index.drop(columns="view"))["capture_id"]) == ["a", "c", "e", "f"]


def test_opposite_views_are_measured_beside_the_plain_ones():
    index = make_index()
    features = make_features(index, noise=0.1)
    shuffled = features | {"uv": features["uv"][np.random.default_rng(0).permutation(len(index))]}
    result = evaluate(index, features, views=shuffled)["retrieval"]
    assert result["rgb_to_uv"]["recall@1"] > 0.5
    assert result["opposite_views"]["rgb_to_uv"]["recall@1"] < 0.25


def test_classification_is_of_specimen_means_and_species_are_strata():
    index = make_index(captures=(1, 3))
    features = make_features(index)
    result = evaluate(index, features)["classification"]
    assert set(result) == {"species", "sex"}
    order = index.groupby("specimen_id").first()
    means = {
        m: pd.DataFrame(values.astype(np.float32))
        .groupby(index["specimen_id"].to_numpy())
        .mean()
        .to_numpy(float)
        for m, values in features.items()
    }
    expected = classification(
        means["rgb"],
        means["uv"],
        order["sex"].to_numpy(),
        strata=order["species"].to_numpy(),
        joint=means["joint"],
        folds=3,
        inner_folds=2,
        c_values=(1.0,),
        bootstraps=20,
        reference_permutations=2,
        test=partition_of(order.reset_index()) == "test",
    )
    assert result["sex"] == expected
    assert result["sex"]["n"] == 48
    assert result["sex"]["uv_accuracy"] > 0.9 > result["sex"]["rgb_accuracy"] + 0.2
    assert "by_stratum" in result["species"]
    assert "shuffled_within_strata" not in result["species"]["controls"]
    assert "shuffled_within_strata" in result["sex"]["controls"]


def test_species_are_strata_however_many_and_not_of_labels_that_they_have_by_themselves():
    index = make_index(n_species=60, per_sex=2)
    index["genus"] = "g" + index["species"].str[-1]
    features = dict(
        zip(("rgb", "uv", "joint"), np.random.default_rng(0).normal(size=(3, 240, 4)), strict=True)
    )
    measured = measure(index, features)
    found = measured.metrics["classification"]
    assert "species" not in found  # sixty classes are no classes
    assert "uv_above_strata" in found["sex"]
    assert "shuffled_within_strata" in found["sex"]["controls"]
    assert "uv_above_strata" not in found["genus"]
    assert labels_of_species(index) == {"genus"}
    told = measured.numbers[measured.numbers["reason"] == "each species has one class of it"]
    assert told[["label", "metric"]].to_numpy().tolist() == [["genus", "uv_minus_rgb_above_strata"]]
    models = {"species_only": ModelTables(make_table(index, {"joint": features["uv"]}))}
    models["plain"] = ModelTables(make_table(index, features))
    only = measure_baselines(models, index, PARAMS).metrics["species_only"]["classification"]
    assert set(only) == {"sex"}
    assert labels_of_species(index.drop(columns="species")) == set()


def test_labels_that_are_not_classes_are_left_alone():
    index = make_index(captures=(2,), views=("dorsal", "ventral"))
    index["museum"] = "one"
    index["field_number"] = [f"n{i}" for i in range(len(index))]
    index["varies"] = ["a", "b"] * (len(index) // 2)
    assert set(evaluate(index, make_features(index))["classification"]) == {"species", "sex"}


def test_a_study_without_labels():
    index = make_index().drop(columns=["species", "sex"])
    with pytest.raises(
        ValueError, match="label must be a column of the specimen index, got 'sex'; the labels are none"
    ):
        evaluate(index, make_features(make_index()))
    table = make_table(index, make_features(make_index()))
    result = measure_variant(table, table, table, index, PARAMS, label=None).metrics
    assert "not_applicable" in result["classification"]
    assert result["alignment"]["headline"] == "all"
    assert "within_groups" not in result["retrieval"]


@pytest.mark.parametrize("modality", ["rgb", "uv"])
def test_single_modality_keeps_the_keys(modality):
    index = make_index()
    features = make_features(index)
    result = evaluate(index, {modality: features[modality]})
    full = evaluate(index, features)
    assert set(result) == set(full)
    for key in ("retrieval", "alignment", "predictability"):
        assert result[key] == {"not_applicable": f"one modality: {modality}"}
    assert result["classification"]["sex"][f"{modality}_accuracy"] == pytest.approx(
        full["classification"]["sex"][f"{modality}_accuracy"]
    )
    assert result["geometry"][f"uniformity_{modality}"] == pytest.approx(
        full["geometry"][f"uniformity_{modality}"]
    )


def test_twelve_specimens_still_give_a_result():
    index = make_index(n_species=2, per_sex=3)
    result = evaluate(index, make_features(index))
    assert result["retrieval"]["n"] == 6
    species = result["classification"]["sex"]["by_stratum"]["species 0"]
    assert species == {"not_applicable": "too few: f 3, m 3"}
    tiny = index[index["specimen_id"].isin(["s000", "s001", "s002"])].reset_index(drop=True)
    result = evaluate(tiny, make_features(tiny))
    assert result["retrieval"] == {"not_applicable": "too few: 1 test specimens, at least 3 needed"}
    json.dumps(result, allow_nan=False)


def test_alignment_is_of_all_captures_of_a_specimen():
    index = make_index(n_species=2, per_sex=4, captures=(3,))
    features = make_features(index, noise=3)
    is_test = (partition_of(index) == "test").to_numpy()
    rgb, uv = (features[name][is_test].astype(np.float32) for name in ("rgb", "uv"))
    known = index[is_test]
    expected = alignment(
        rgb, uv, known["species"], PARAMS.permutations, PARAMS.seed, specimens=known["specimen_id"]
    )
    found = evaluate(index, features)["alignment"]
    assert found["n"] == 8
    assert found["spearman_within"] == pytest.approx(expected["spearman_within"])
    assert found["p_value_among"] == expected["p_value_among"]
    # The sex, which UV alone knows here, is held fixed, and nothing else changes.
    held, _ = measure_alignment(
        rgb,
        uv,
        known["species"],
        PARAMS.permutations,
        PARAMS.seed,
        specimens=known["specimen_id"],
        classes=known["sex"],
    )
    assert found == held | {"held_fixed": "species, sex"}


def test_unknown_capture_is_named():
    index = make_index()
    table = make_table(index, make_features(index))
    with pytest.raises(ValueError, match="every capture must be in the specimen index, got 'c001_0'"):
        measure_variant(table, table, table, index[index["capture_id"] != "c001_0"], PARAMS, label=None)


# Baselines


def make_stores(index, shared_masks=True, seed=0):
    """Images whose colours and outlines differ by specimen."""
    rng = np.random.default_rng(seed)
    n = len(index)
    masks = np.zeros((n, 2, 16, 16), np.uint8)
    height, width = rng.integers(4, 15, (2, n))
    for i in range(n):
        masks[i, :, 1 : height[i], 1 : width[i]] = 1
    if not shared_masks:
        masks[:, 1] = masks[:, 1, ::-1]
    colour = rng.uniform(0.1, 0.9, (n, 3, 1, 1))
    rgb = (colour * masks[:, :1]).astype(np.float16)
    uv = (1.2 * colour[:, ::-1] * masks[:, 1:]).astype(np.float16)
    return rgb, uv, masks


def outlines(index, masks):
    flat = masks.reshape(len(masks), 2, -1).astype(float)
    return make_table(index, {"rgb": flat[:, 0], "uv": flat[:, 1]})


def colours(images):
    """An encoder that never learnt anything, but passes colour on."""
    return images.max((2, 3)).astype(float)


@pytest.fixture(scope="module")
def baselines_of(prepare_arrays):
    def measure_all(index, shared_masks=True, catches=None):
        rgb, uv, masks = make_stores(index, shared_masks)
        unlearnt = make_table(index, {"rgb": colours(rgb), "uv": colours(uv)[:, ::-1]})
        models = baseline_tables(
            prepare_arrays(index, partition_of(index), rgb, uv, masks),
            index,
            views={"silhouette": outlines(index, masks), "band_means": unlearnt, "pca_cca": unlearnt},
            unlearnt={"untrained_encoder": (unlearnt, unlearnt)},
            catches=catches or {},
        )
        return measure_baselines(models, index, PARAMS, ["session"] if "session" in index else [])

    return measure_all


def test_baselines_of_a_study_where_colour_gives_the_match_away(baselines_of):
    index = make_index(per_sex=12)
    result = baselines_of(index).metrics
    assert result["chance"]["retrieval"]["rgb_to_uv"]["recall@1"] == pytest.approx(1 / 48)
    only = result["species_only"]
    assert only["retrieval"]["uv_to_rgb"]["recall@1"] == pytest.approx(4 / 48)
    assert only["retrieval"]["uv_to_rgb"]["recall@1"] == only["retrieval"]["group_oracle"]["recall@1"]
    assert only["retrieval"]["opposite_views"]["rgb_to_uv"]["recall@1"] == pytest.approx(4 / 48)
    assert "species" not in only["classification"]
    sex = only["classification"]["sex"]
    assert sex["joint_accuracy"] == sex["controls"]["strata_only_accuracy"]
    assert result["band_means"]["retrieval"]["rgb_to_uv"]["recall@1"] > 0.5
    assert result["pca_cca"]["retrieval"]["rgb_to_uv"]["recall@1"] > 0.2
    assert result["band_means"]["classification"]["sex"]["combined_accuracy"] == pytest.approx(0.5, abs=0.2)
    assert result["untrained_encoder"]["retrieval"]["rgb_to_uv"]["recall@1"] > 0.5
    assert result["untrained_encoder"]["classification"]["sex"]["knn"]["uv_accuracy"] == pytest.approx(
        0.5, abs=0.25
    )
    # The colours of UV are those of RGB times 1.2, in another order: the same cosines.
    for name in ("untrained_encoder", "band_means"):
        assert result[name]["alignment"]["spearman_within"] == pytest.approx(1)
    assert result["band_means"]["predictability"]["n"] == 48
    # The variates of pixels that are colour alone: as many dimensions as colours, and both sides alike.
    assert result["pca_cca"]["alignment"]["spearman_within"] > 0.3
    assert "rgb_accuracy" in result["pca_cca"]["classification"]["species"]
    assert result["pca_cca"]["geometry"]["n"] == 48
    assert result["silhouette"]["classification"]["species"]["controls"]["source"] == "joint"
    for name in ("band_means", "pca_cca", "untrained_encoder"):
        assert result[name]["retrieval"]["opposite_views"]["n"] == 48
    silhouette = result["silhouette"]["retrieval"]
    assert "share one mask" in silhouette["not_applicable"]
    assert silhouette["opposite_views"]["rgb_to_uv"]["recall@1"] > 0.3
    json.dumps(result, allow_nan=False)


def test_colour_of_each_modality_is_taken_under_its_own_mask(prepare_arrays):
    """UV's mask is the upper half, RGB's the lower; outside its mask a modality has another colour."""
    index = make_index(n_species=1, per_sex=2)
    n = len(index)
    masks = np.zeros((n, 2, 4, 4), np.uint8)
    masks[:, 0, 2:], masks[:, 1, :2] = 1, 1
    colour = np.arange(1, n + 1)[:, None, None, None] / 10
    rgb = np.where(masks[:, :1] > 0, colour, 0.9) * np.ones((1, 3, 1, 1))
    uv = np.where(masks[:, 1:] > 0, 2 * colour, 0.9)
    models = baseline_tables(prepare_arrays(index, partition_of(index), rgb, uv, masks), index)
    table = models["band_means"].embeddings.set_index(["modality", "capture_id"])
    expected = colour[:, 0, 0]
    np.testing.assert_allclose(table.loc["rgb", ["x1", "x2", "x3"]], np.tile(expected, (1, 3)))
    np.testing.assert_allclose(table.loc["rgb", ["x4", "x5", "x6"]], 0, atol=1e-12)
    np.testing.assert_allclose(table.loc["uv", ["x1"]], 2 * expected)
    np.testing.assert_allclose(table.loc["uv", ["x2"]], 0, atol=1e-12)
    outline = models["silhouette"].embeddings.filter(regex=r"^x\d+$").to_numpy()
    np.testing.assert_array_equal(outline, masks[:, 0].reshape(n, -1))


def test_silhouette_is_plain_where_the_masks_differ(baselines_of):
    result = baselines_of(make_index(per_sex=12), shared_masks=False).metrics["silhouette"]["retrieval"]
    assert "not_applicable" not in result
    assert result["rgb_to_uv"]["recall@1"] > 0.3


def test_cone_catches_are_probed_where_the_study_has_them(baselines_of):
    """A label that one of four shares tells; two captures have no shares and their specimens do not count."""
    index = make_index(per_sex=6)
    rng = np.random.default_rng(0)
    shares = rng.normal(size=(len(index), 4))
    shares[:, 0] += 8 * (index["sex"] == "f")
    table = pd.DataFrame(shares, index=pd.Index(index["capture_id"], name="capture_id"), columns=list("usml"))
    chosen = table.sample(frac=1, random_state=1).drop(index["capture_id"].iloc[[0, 20]])
    found = baselines_of(index, catches={"cone_catches": chosen, "r_vec": chosen[["m"]]})
    result = found.metrics
    catches, distance = (result[name]["classification"]["sex"] for name in ("cone_catches", "r_vec"))
    assert catches["joint_accuracy"] > 0.95
    assert distance["joint_accuracy"] < 0.75
    assert catches["n"] == len(index) - 2
    assert catches["controls"]["source"] == "joint"
    assert catches["controls"]["strata_only_accuracy"] < 0.75
    rows = found.numbers.query("name == 'cone_catches'")
    sex = rows.query("task == 'classification' and label == 'sex'")
    assert set(sex["metric"]) == {"joint_accuracy", "joint_above_strata"}
    assert rows.loc[rows["task"] == "retrieval", ["value", "reason"]].to_numpy().tolist() == [
        [pytest.approx(np.nan, nan_ok=True), "a catch draws on the bands of both modalities"]
    ]
    json.dumps(result, allow_nan=False)


def test_modalities_of_unlike_dimensions_are_measured_in_their_own(prepare_arrays):
    """One UV band beside three of RGB: no measure meets the columns that only RGB has."""
    index = make_index(per_sex=12)
    rgb, uv, masks = make_stores(index)
    views = make_table(index, {"rgb": colours(rgb), "uv": colours(uv)[:, :1]})
    models = baseline_tables(
        prepare_arrays(index, partition_of(index), rgb, uv[:, :1], masks),
        index,
        views={"silhouette": outlines(index, masks), "band_means": views, "pca_cca": views},
        unlearnt={},
        catches={},
    )
    found = measure_baselines(models, index, PARAMS).metrics["band_means"]
    assert found["retrieval"]["rgb_to_uv"]["recall@1"] > found["retrieval"]["chance"]["recall@1"]
    assert 0 <= found["classification"]["species"]["uv_accuracy"] <= 1
    assert found["alignment"]["n"] == 48


# The comparison


@pytest.fixture(scope="module")
def compared(baselines_of):
    """Two variants and the baselines: their metrics, and the rows of all."""
    index = make_index()
    features = make_features(index)
    variants = {"separate": measure(index, features), "uv_only": measure(index, {"uv": features["uv"]})}
    baselines = baselines_of(index)
    rows = [found.numbers.assign(name=name) for name, found in variants.items()]
    table = pd.concat([*rows, baselines.numbers], ignore_index=True)
    return {name: found.metrics for name, found in variants.items()} | baselines.metrics, table


def find(table, **keys):
    for column, value in keys.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_comparison_is_tidy(compared):
    metrics, table = compared
    assert tuple(table.columns) == COMPARISON_COLUMNS
    assert set(table["protocol"]) == {PARAMS.protocol}
    assert set(table["task"]) <= set(TASKS)
    assert not table.duplicated(["name", "task", "label", "metric", "stratum"]).any()
    is_number = table["value"].notna()
    assert table.loc[is_number, "n"].notna().all()
    assert ((table["text"] != "").astype(int) + (table["reason"] != "") + is_number == 1).all()

    recall = find(table, name="separate", task="retrieval", direction="rgb_to_uv", k=5)
    expected = metrics["separate"]["retrieval"]["rgb_to_uv"]
    assert (recall["label"], recall["metric"]) == ("rgb_to_uv", "recall@5")
    assert [recall["low"], recall["high"]] == expected["recall@5_ci"]
    assert (recall["value"], recall["n"], recall["kind"]) == (expected["recall@5"], 24, "variant")
    assert recall["chance"] == pytest.approx(5 / 24)
    accuracy = find(table, name="separate", task="classification", label="sex", metric="uv_accuracy")
    assert accuracy["value"] == metrics["separate"]["classification"]["sex"]["uv_accuracy"]
    assert (accuracy["chance"], accuracy["source"]) == (0.5, "uv")
    oracle = find(table, name="species_only", task="retrieval", label="uv_to_rgb", metric="recall@1")
    assert (oracle["kind"], oracle["value"]) == ("baseline", pytest.approx(4 / 24))
    assert find(table, name="chance", label="uv_to_rgb", metric="recall@1")["value"] == pytest.approx(1 / 24)
    within = find(
        table, name="separate", task="retrieval_within_species", label="rgb_to_uv", metric="recall@1"
    )
    assert within["chance"] == pytest.approx(1 / 6)
    alone = find(table, name="uv_only", task="classification", label="sex", metric="uv_accuracy")
    assert alone["value"] > 0.9
    assert set(table.loc[is_number & (table["name"] == "uv_only"), "task"]) == {
        "classification",
        "classification_control",
        "classification_knn",
        "classification_test_only",
        "classification_by_stratum",
        "geometry",
    }
    claim = find(table, name="separate", task="classification", label="sex", metric="uv_above_strata")
    assert claim["chance"] == 0
    assert claim["p"] == metrics["separate"]["classification"]["sex"]["uv_above_strata_p"]
    test_only = find(
        table, name="separate", task="classification_test_only", label="sex", metric="uv_accuracy"
    )
    assert test_only["n"] == 24
    opposite = find(
        table, name="silhouette", task="retrieval_opposite_views", label="rgb_to_uv", metric="mrr"
    )
    assert opposite["n"] == 24
    control = find(table, name="separate", label="sex", metric="shuffled_within_strata")
    assert control["source"] == "joint"


def test_what_was_nested_in_metrics_is_a_row(compared):
    metrics, table = compared
    mine = table[table["name"] == "separate"]
    aligned = metrics["separate"]["alignment"]
    assert aligned["n_used"] == 24
    for metric, p, chance in (
        ("spearman", "p_value", 0),
        ("spearman_within", "p_value_within", aligned["spearman_within_null"]),
        ("cka", "cka_p_value", aligned["cka_null"]),
        ("mutual_knn", "mutual_knn_p_value", aligned["mutual_knn_null"]),
    ):
        row = find(mine, task="alignment", metric=metric)
        assert row[["value", "p", "chance", "n"]].tolist() == [aligned[metric], aligned[p], chance, 24]
    among = find(mine, task="alignment", metric="spearman_among")
    assert among["reason"] == aligned["spearman_among"]["not_applicable"] != ""
    assert aligned["held_fixed"] == "species, sex"
    for metric in ("strength", "headline", "held_fixed", "caution"):
        assert find(mine, task="alignment", metric=metric)["text"] == aligned[metric] != ""
    uniformity = find(mine, task="geometry", metric="uniformity_uv")["value"]
    assert uniformity == metrics["separate"]["geometry"]["uniformity_uv"]
    predicted = metrics["separate"]["predictability"]
    for target in ("r2_uv_given_rgb", "r2_rgb_given_uv"):
        within = find(mine, task="predictability", label=target, metric="within")
        assert within[["value", "n"]].tolist() == [predicted[target]["within"], 24]
        repeated = find(mine, task="predictability", label=target, metric="repeatability")
        assert repeated["reason"] == predicted[target]["repeatability"]["not_applicable"]
    assert find(mine, task="predictability", metric="n_species")["value"] == 4
    stratum = metrics["separate"]["classification"]["sex"]["by_stratum"]["species 1"]
    rows = mine[(mine["stratum"] == "species 1") & (mine["label"] == "sex")]
    difference = find(rows, task="classification_by_stratum", metric="uv_minus_rgb")
    assert difference[["value", "n"]].tolist() == [stratum["uv_minus_rgb"], 12]
    assert [difference["low"], difference["high"]] == stratum["uv_minus_rgb_ci"]
    assert find(rows, metric="rgb_accuracy")["value"] == stratum["rgb_accuracy"]
    oracle = find(mine, task="retrieval_species_oracle", k=1)
    assert oracle["value"] == metrics["separate"]["retrieval"]["group_oracle"]["recall@1"]
    for task in ("retrieval", "alignment", "predictability"):
        assert find(table, name="uv_only", task=task)["reason"] == "one modality: uv"


def test_too_few_is_a_row_without_a_value():
    index = make_index(n_species=2, per_sex=2)
    rows = measure(index, make_features(index)).numbers
    row = find(rows, task="classification", label="sex")
    assert np.isnan(row["value"])
    assert (row["metric"], row["n"], row["reason"]) == (
        "accuracy",
        8,
        "too few: f 4, m 4; two classes of at least 6 specimens needed",
    )


def test_the_species_oracle_is_the_mean_over_queries_of_all_views():
    """Four dorsal captures of one species, two ventral ones of two: 1/4 and all of them are found."""
    index = pd.DataFrame(
        {
            "capture_id": list("abcdef"),
            "specimen_id": ["s1", "s2", "s3", "s4", "s1", "s5"],
            "species": ["p", "p", "p", "p", "p", "q"],
            "view": ["dorsal"] * 4 + ["ventral"] * 2,
        }
    )
    values = np.random.default_rng(0).normal(size=(6, 3))
    keys = index[["capture_id", "specimen_id"]].assign(partition="test")
    vectors = pd.DataFrame(values, columns=["x1", "x2", "x3"])
    table = pd.concat(
        [pd.concat([keys.assign(modality=modality), vectors], axis=1) for modality in ("rgb", "uv")]
    )
    result = measure_variant(table, table, table, index, PARAMS, label=None).metrics["retrieval"]
    assert result["group_oracle"]["n"] == 6
    assert result["group_oracle"]["recall@1"] == pytest.approx((4 * 1 / 4 + 2 * 1) / 6)


def test_everything_is_plain_json_and_seeded():
    index = make_index()
    features = make_features(index)
    first, second = (json.dumps(evaluate(index, features), allow_nan=False) for _ in range(2))
    assert first == second
    assert json.loads(first)["protocol"]["label"] == "sex"
