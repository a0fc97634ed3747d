"""The public functions: what they claim, refuse and return."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xmodal_pipeline.evaluation.uv_value import uv_value, uv_value_table
from xmodal_pipeline.evaluation.uv_value_verdict import COLUMNS
from xmodal_pipeline.params.evaluate import EvaluationParams

SPECIES = ("adds", "empty", "follows", "small")


def make_study(seed=0, n=15, n_small=3, bands=3):
    """UV adds in one species, follows RGB in another, neither differs in a third; the fourth is small."""
    rng = np.random.default_rng(seed)
    sizes = [n, n, n, n_small]
    species = np.repeat(SPECIES, [2 * k for k in sizes])
    sex = np.concatenate([np.repeat(["female", "male"], k) for k in sizes])
    is_male = (sex == "male").astype(float)
    rgb = rng.normal(size=(len(species), bands))
    rgb[:, 0] += 3.0 * is_male * (species == "follows")
    uv = 0.6 * rgb + 0.8 * rng.normal(size=rgb.shape)
    uv[:, 1] += 2.5 * is_male * (species == "adds")
    return rgb, uv, sex, species


def by_species(table):
    return table[table["scope"] == "species"].set_index("species")


def test_the_planted_species_is_claimed_and_no_other():
    table = uv_value(*make_study(), permutations=499)
    assert tuple(table.columns) == COLUMNS
    rows = by_species(table)
    assert rows.index[0] == "adds"
    assert rows["verdict"].to_dict() == {
        "adds": "uv_adds",
        "follows": rows.loc["follows", "verdict"],
        "empty": "unresolved",
        "small": "too_few",
    }
    assert rows.loc["follows", "verdict"] in {"rgb_suffices", "unresolved"}
    assert rows.loc["follows", "p_rgb"] == 0.002
    assert rows.loc["adds", "low"] > 1.0
    assert rows.loc["adds", "low"] < rows.loc["adds", "uv_adds"] < rows.loc["adds", "high"]
    assert rows.loc["follows", "auc_rgb"] > 0.9
    np.testing.assert_allclose(rows.loc["adds", "auc_both_leave_pair_out"], 0.95, atol=0.08)


def test_a_small_species_has_no_numbers_but_enters_the_pool():
    table = uv_value(*make_study(), permutations=99)
    small = by_species(table).loc["small"]
    assert (small["n_1"], small["n_2"]) == (3, 3)
    assert small[["uv_adds", "low", "high", "p", "q", "auc_rgb"]].isna().all()
    pool = table[table["scope"] == "all"].iloc[0]
    assert (pool["n_1"], pool["n_2"]) == (48, 48)
    assert pool["p"] == 0.01


def test_swapping_the_modalities_swaps_what_each_adds():
    rgb, uv, sex, species = make_study()
    forward = by_species(uv_value(rgb, uv, sex, species, 99)).sort_index()
    swapped = by_species(uv_value(uv, rgb, sex, species, 99)).sort_index()
    for name, other in (
        ("uv_adds", "rgb_adds"),
        ("low", "rgb_adds_low"),
        ("high", "rgb_adds_high"),
        ("auc_uv", "auc_rgb"),
        ("auc_uv_leave_pair_out", "auc_rgb_leave_pair_out"),
    ):
        np.testing.assert_allclose(forward[name], swapped[other], atol=1e-8)
        np.testing.assert_allclose(forward[other], swapped[name], atol=1e-8)
    np.testing.assert_allclose(forward["uv_minus_rgb"], -swapped["uv_minus_rgb"], atol=1e-8)
    assert abs(forward.loc["adds", "uv_adds"] - forward.loc["adds", "rgb_adds"]) > 1


def test_estimates_ignore_affine_maps_row_order_and_class_names():
    rgb, uv, sex, species = make_study()
    plain = by_species(uv_value(rgb, uv, sex, species, 199)).sort_index()
    rng = np.random.default_rng(1)
    order = rng.permutation(len(sex))
    renamed = np.where(sex == "male", "a", "b")
    mixed_rgb = rgb[order] @ rng.normal(size=(3, 3)) + 7
    mixed_uv = 1000 * uv[order] @ rng.normal(size=(3, 3))
    other = by_species(uv_value(mixed_rgb, mixed_uv, renamed[order], species[order], 199)).sort_index()
    for name in (
        "uv_adds",
        "low",
        "high",
        "rgb_adds",
        "auc_both",
        "uv_minus_rgb_low",
        "auc_both_leave_pair_out",
    ):
        np.testing.assert_allclose(plain[name], other[name], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(plain["p"], other["p"], atol=0.12)


def test_the_same_seed_gives_the_same_table_and_another_moves_p_alone():
    study = make_study()
    first, again, other = (uv_value(*study, permutations=99, seed=seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(first, again)
    moved = by_species(other).sort_index()
    pd.testing.assert_series_equal(by_species(first).sort_index()["uv_adds"], moved["uv_adds"])
    assert not by_species(first).sort_index()["p"].equals(moved["p"])


def test_specimens_without_a_label_are_left_out_and_counted():
    rgb, uv, sex, species = make_study()
    labels = sex.astype(object)
    labels[:2] = [None, np.nan]
    labels[40] = pd.NA
    table = by_species(uv_value(rgb, uv, labels, species, 19))
    kept = pd.notna(labels)
    expected = by_species(uv_value(rgb[kept], uv[kept], labels[kept], species[kept], 19))
    assert table["n_unlabelled"].to_dict() == {"adds": 2, "empty": 1, "follows": 0, "small": 0}
    pd.testing.assert_series_equal(table["uv_adds"], expected["uv_adds"])
    assert table.loc["adds", "n_1"] == 13


def test_uv_that_is_a_linear_function_of_rgb_adds_exactly_nothing():
    rgb, _, sex, species = make_study()
    rows = by_species(uv_value(rgb, rgb @ np.array([[1.0, 0, 2], [0, 1, 0], [0, 3, 1]]), sex, species, 99))
    tested = rows[rows["is_eligible"]]
    assert (tested[["uv_adds", "low", "high"]] == 0.0).all(axis=None)
    assert (tested["p"] == 1.0).all()
    assert not rows["verdict"].isin(["uv_adds", "uv_only"]).any()


def test_components_are_lowered_until_there_are_twenty_degrees_of_freedom_for_each():
    rgb, uv, sex, species = make_study(n=10, bands=6)
    table = uv_value(rgb, uv, sex, species, 19)
    assert table["df"].unique().tolist() == [66 - 8]
    assert table["components"].unique().tolist() == [2]
    assert uv_value(rgb, uv[:, :1], sex, species, 19)["components"].unique().tolist() == [1]


def test_clades_have_pooled_rows_of_their_own():
    rgb, uv, sex, species = make_study()
    clade = np.where(np.isin(species, ["adds", "small"]), "A", "B")
    table = uv_value(rgb, uv, sex, species, 99, clade=clade).set_index("species")
    assert table.loc["clade A", "n_1"] == 18
    assert (
        table.loc["clade A", "uv_adds"]
        > table.loc["all species", "uv_adds"]
        > table.loc["clade B", "uv_adds"]
    )
    assert table.loc["clade A", "verdict"] == "uv_adds"
    assert table.loc["clade B", "verdict"] == "unresolved"


def test_a_class_confounded_with_year_is_not_claimed_within_years():
    rng = np.random.default_rng(2)
    species = np.repeat([f"s{i}" for i in range(6)], 60)
    sex = np.tile(np.repeat([0, 1], 30), 6)
    year = np.where(rng.random(360) < 0.8, sex, 1 - sex)
    rgb = rng.normal(size=(360, 3))
    uv = 0.5 * rgb + rng.normal(size=(360, 3))
    uv[:, 0] += 2.0 * year
    naive = by_species(uv_value(rgb, uv, sex, species, 199))
    within = by_species(uv_value(rgb, uv, sex, species, 199, blocks=year))
    assert (naive["verdict"] == "uv_adds").sum() >= 4
    assert not within["verdict"].isin(["uv_adds", "uv_only"]).any()
    assert within["low"].max() < 0.2


def test_a_class_that_is_the_year_leaves_nothing_to_compare():
    rgb, uv, sex, species = make_study()
    rows = by_species(uv_value(rgb, uv, sex, species, 19, blocks=sex))
    assert (rows["verdict"] == "too_few").all()
    assert (rows[["n_1", "n_2"]] == 0).all(axis=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rgb": np.ones(96)}, r"rgb must be \(specimens, features\), got shape \(96,\)"),
        ({"uv": np.full((96, 3), np.nan)}, "uv must be finite, got NaN or infinity in 96 rows, first 0"),
        ({"uv": np.ones((95, 3))}, "uv must have one row per row of rgb, got 95 for 96"),
        ({"species": ["a"] * 95}, "species must have one entry per row of rgb, got 95 for 96"),
        ({"labels": ["a", "b", "c"] * 32}, r"labels must hold two classes, got 3: \['a', 'b', 'c'\]"),
        ({"labels": [None] * 96}, r"labels must hold two classes, got 0"),
        ({"uv": np.ones((96, 3))}, "rgb and uv must vary within species and class, got constant features"),
    ],
)
def test_refusals(change, message):
    rgb, uv, labels, species = make_study()
    with pytest.raises(ValueError, match=message):
        uv_value(**({"rgb": rgb, "uv": uv, "labels": labels, "species": species} | change), permutations=19)


def make_tables(views=("dorsal", "ventral")):
    """Two captures per specimen and view, whose mean is the specimen's value; UV adds in one view."""
    rgb, uv, sex, species = make_study()
    flat = make_study(seed=9)[1] * 0.1 + 0.6 * rgb
    index, tables = [], {"rgb": [], "uv": []}
    for view in views:
        for i in range(len(sex)):
            for repeat in (-1, 1):
                capture = f"{view}-{i:03d}-{repeat}"
                index.append([capture, f"i{i:03d}", species[i], sex[i], view])
                here = uv if view == "dorsal" else flat
                tables["rgb"].append([capture, *(rgb[i] + repeat)])
                tables["uv"].append([capture, *(here[i] - 2 * repeat)])
    columns = ["capture_id", "x1", "x2", "x3"]
    names = ["capture_id", "specimen_id", "species", "sex", "view"]
    return pd.DataFrame(index, columns=names), *(
        pd.DataFrame(tables[name], columns=columns) for name in ("rgb", "uv")
    )


def test_table_tests_specimen_means_per_view():
    index, rgb, uv = make_tables()
    params = EvaluationParams(permutations=199)
    table = uv_value_table({"colour": (rgb, uv.sample(frac=1, random_state=0))}, index, params, None)
    assert table["view"].unique().tolist() == ["dorsal", "ventral"]
    assert table["label"].unique().tolist() == ["sex"]
    dorsal = by_species(table[table["view"] == "dorsal"])
    expected = by_species(uv_value(*make_study(), permutations=199)).loc[dorsal.index]
    np.testing.assert_allclose(dorsal["uv_adds"], expected["uv_adds"])
    np.testing.assert_allclose(dorsal["p"], expected["p"])
    tested = table[(table["scope"] == "species") & table["is_eligible"]]
    # Three species in two views are one family of six tests.
    assert len(tested) == 6
    np.testing.assert_allclose(tested["q"], stats.false_discovery_control(tested["p"]))


def test_table_corrects_the_primary_feature_set_and_flags_the_rest():
    index, rgb, uv = make_tables(views=("dorsal",))
    params = EvaluationParams(permutations=199, uv_value_features="concat")
    noise = uv.assign(**dict.fromkeys(["x1", "x2", "x3"], 0.0))
    noise[["x1", "x2", "x3"]] = np.random.default_rng(3).normal(size=(len(uv), 3))
    table = uv_value_table({"colour": (rgb, uv), "concat": (rgb, noise)}, index, params, "sex")
    assert table.groupby("features", sort=False)["family"].first().to_dict() == {
        "concat": "primary",
        "colour": "exploratory",
    }
    assert by_species(table[table["features"] == "colour"])["verdict"]["adds"] == "uv_adds"
    assert not table.loc[table["features"] == "concat", "verdict"].isin(["uv_adds", "uv_only"]).any()


def test_table_takes_tables_indexed_by_capture_or_specimen():
    index, rgb, uv = make_tables(views=("dorsal",))
    params = EvaluationParams(permutations=19)
    expected = uv_value_table({"colour": (rgb, uv)}, index, params)
    for key in ("capture_id", "specimen_id"):
        tables = (frame.merge(index[["capture_id", "specimen_id"]]) for frame in (rgb, uv))
        keyed = tuple(frame.groupby(key)[["x1", "x2", "x3"]].mean() for frame in tables)
        table = uv_value_table({"colour": keyed}, index, params)
        np.testing.assert_allclose(table["uv_adds"], expected["uv_adds"])
        assert table["view"].unique().tolist() == (["dorsal"] if key == "capture_id" else [""])


def test_table_passes_clades_and_blocks_on():
    index, rgb, uv = make_tables(views=("dorsal",))
    index["clade"] = index["species"].map({"adds": "A", "small": "A", "empty": "B", "follows": pd.NA})
    index["year"] = np.where(index["specimen_id"].str[-1].isin(list("02468")), 2001, 2002)
    params = EvaluationParams(permutations=19)
    table = uv_value_table({"colour": (rgb, uv)}, index, params, blocks=["year"])
    assert table.loc[table["scope"] == "clade", "species"].tolist() == ["clade A"]
    assert table["df"].unique().tolist() == [96 - 8 - 4]


def test_a_specimen_of_an_unknown_block_is_unlabelled():
    index, rgb, uv = make_tables(views=("dorsal",))
    index["year"] = np.where(index["specimen_id"].str[-1].isin(list("02468")), "2001", None)
    params = EvaluationParams(permutations=19)
    table = uv_value_table({"colour": (rgb, uv)}, index, params, blocks=["year"])
    kept = index[index["year"].notna()]
    expected = uv_value_table({"colour": (rgb, uv)}, kept, params, blocks=["year"])
    np.testing.assert_allclose(table["uv_adds"], expected["uv_adds"])
    assert table["df"].unique().tolist() == expected["df"].unique().tolist()


def test_table_is_empty_with_its_columns_when_there_is_nothing_to_test(caplog):
    index, rgb, uv = make_tables(views=("dorsal",))
    params = EvaluationParams(permutations=19)
    for nothing in (index.drop(columns="sex"), index.drop(columns="species"), index.assign(sex="female")):
        table = uv_value_table({"colour": (rgb, uv)}, nothing, params)
        assert table.empty
        assert tuple(table.columns) == COLUMNS
    dead = uv.assign(x1=0.0, x2=0.0, x3=0.0)
    assert uv_value_table({"colour": (rgb, dead)}, index, params).empty
    assert "must hold two classes, got 1" in caplog.text
    assert "has no species" in caplog.text
    assert "must vary within species" in caplog.text


def test_table_refuses_unknown_columns_and_keys():
    index, rgb, uv = make_tables(views=("dorsal",))
    params = EvaluationParams(permutations=19)
    with pytest.raises(ValueError, match="must be a column of specimen_index, got 'age'; known: capture_id"):
        uv_value_table({"colour": (rgb, uv)}, index, params, "age")
    with pytest.raises(ValueError, match="uv features must have capture_id as column or index, got columns"):
        uv_value_table({"colour": (rgb, uv.drop(columns="capture_id"))}, index, params)
