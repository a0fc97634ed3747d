"""The public function: what it claims, refuses and returns."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xmodal_pipeline.evaluation import uv_value
from xmodal_pipeline.evaluation.schema import UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.verdict import COLUMNS

SPECIES = ("adds", "empty", "follows", "plain", "small")


def make_study(seed=0, n=20, n_small=4, bands=3):
    """UV adds in one species, follows RGB in another, neither differs in two; the fifth is small."""
    rng = np.random.default_rng(seed)
    sizes = [n, n, n, n, n_small]
    species = np.repeat(SPECIES, [2 * k for k in sizes])
    sex = np.concatenate([np.repeat(["female", "male"], k) for k in sizes])
    is_male = (sex == "male").astype(float)
    rgb = rng.uniform(-1.7, 1.7, size=(len(species), bands))  # no outliers
    rgb[:, 0] += 3.0 * is_male * (species == "follows")
    uv = 0.6 * rgb + 0.8 * rng.normal(size=rgb.shape)
    uv[:, 1] += 3.0 * is_male * (species == "adds")
    return rgb, uv, sex, species


def by_species(table):
    return table[table["scope"] == "species"].set_index("species")


NUMBERS = [
    "uv_adds",
    "low",
    "high",
    "p",
    "auc_rgb",
    "auc_uv",
    "auc_both",
    "auc_rgb_upper",
    "uv_adds_se",
    "p_rgb",
]


def test_the_planted_species_is_claimed_and_no_other():
    table = uv_value(*make_study())
    assert tuple(table.columns) == COLUMNS
    assert COLUMNS[:18] == (
        *("species", "label", "view", "patch", "features", "n_1", "n_2", "auc_rgb", "auc_uv", "auc_both"),
        *("uv_adds", "low", "high", "p", "q", "noise_tip", "tip", "verdict"),
    )
    rows = by_species(table)
    assert rows.index[0] == "adds"
    assert rows["verdict"].isin(UV_CLAIMS).tolist() == [True, False, False, False, False]
    assert rows.loc["small", "verdict"] == "too_few"
    assert 3 < rows.loc["adds", "low"] < rows.loc["adds", "uv_adds"] < rows.loc["adds", "high"]
    assert rows.loc["adds", "auc_uv"] > 0.9 > 0.7 > rows.loc["adds", "auc_rgb"]
    assert rows.loc["follows", "auc_rgb"] > 0.9
    assert rows.loc["follows", "q_rgb"] < 1e-6
    assert rows.loc["plain", "q_rgb"] > 0.05
    np.testing.assert_allclose(rows["q"].dropna(), stats.false_discovery_control(rows["p"].dropna()))


def test_swapped_modalities_are_another_question():
    rgb, uv, sex, species = make_study()
    forward, swapped = (by_species(uv_value(*pair, sex, species)) for pair in ((rgb, uv), (uv, rgb)))
    np.testing.assert_allclose(forward["auc_rgb"].sort_index(), swapped["auc_uv"].sort_index())
    np.testing.assert_allclose(forward["auc_uv"].sort_index(), swapped["auc_rgb"].sort_index())
    for mine, other in (("p_rgb", "p_uv"), ("p_uv", "p_rgb"), ("q_uv", "q_rgb")):
        np.testing.assert_allclose(forward[mine].sort_index(), swapped[other].sort_index())
    assert forward.loc["adds", "verdict"] in UV_CLAIMS
    assert swapped.loc["follows", "uv_adds"] > 1 > forward.loc["follows", "uv_adds"]


def test_the_difference_in_uv_is_of_the_second_class_in_units_of_the_features():
    rgb, uv, sex, species = make_study()
    rows = by_species(uv_value(rgb, uv, sex, species))
    for name in ("adds", "plain"):
        own = species == name
        means = [uv[own & (sex == value)].mean() for value in sorted(set(sex))]
        assert rows.loc[name, "uv_difference"] == pytest.approx(means[1] - means[0])


@pytest.mark.parametrize(("n", "auc"), [(6, 0.8), (10, 0.8)])
def test_the_limit_on_the_auc_of_rgb_is_exceeded_in_one_of_twenty(n, auc):
    """Also where it lies at .5: RGB separates less than luck does then, which is rare if it separates."""
    rng = np.random.default_rng(n)
    species, sex = np.repeat(np.arange(150), 2 * n), np.tile(np.repeat([0, 1], n), 150)
    towards = rng.normal(size=(300, 4))
    towards *= np.sqrt(2) * stats.norm.ppf(auc) / np.linalg.norm(towards, axis=1, keepdims=True)
    rgb = rng.normal(size=(len(sex), 4)) + sex[:, None] * towards[species]
    rows = uv_value(rgb, rng.normal(size=(len(sex), 1)), sex, species).query("scope == 'species'")
    assert 0.02 <= (rows["auc_rgb_upper"] < auc).mean() <= 0.08
    assert (rows["auc_rgb_upper"] < 0.65).mean() <= 0.03


def test_a_small_species_has_no_numbers_but_enters_the_pool():
    table = uv_value(*make_study())
    small = by_species(table).loc["small"]
    assert (small["n_1"], small["n_2"]) == (4, 4)
    assert small[["q", *NUMBERS]].isna().all()
    pool = table[table["scope"] == "all"].iloc[0]
    assert (pool["n_1"], pool["n_2"], pool["n_species"]) == (84, 84, 5)
    assert pool["n_carry"] == 1
    assert np.isnan(pool["noise_tip"])


def test_a_species_of_two_and_two_enters_no_pool():
    table = uv_value(*make_study(n_small=2))
    pool = table[table["scope"] == "all"].iloc[0]
    assert (pool["n_1"], pool["n_2"], pool["n_species"]) == (80, 80, 4)
    rgb, uv, sex, species = make_study(n_small=4)
    kept = np.arange(len(sex)) < len(sex) - 2  # four females and two males of the small one
    unequal = uv_value(rgb[kept], uv[kept], sex[kept], species[kept])
    assert unequal.loc[unequal["scope"] == "all", "n_species"].tolist() == [4]
    enters = uv_value(*make_study(n_small=3))
    assert enters.loc[enters["scope"] == "all", "n_species"].tolist() == [5]


def test_numbers_ignore_class_names_row_order_uv_maps_and_species_constants():
    rgb, uv, sex, species = make_study()
    plain = by_species(uv_value(rgb, uv, sex, species)).sort_index()
    rng = np.random.default_rng(1)
    order = rng.permutation(len(sex))
    shifts = {name: rng.normal(size=(2, 3)) * 9 for name in SPECIES}
    shift = np.stack([shifts[name] for name in species])
    renamed = np.where(sex == "male", "a", "b")
    moved_rgb = (rgb + shift[:, 0]) * [0.1, 7, 30]
    moved_uv = 1000 * (uv + shift[:, 1]) @ rng.normal(size=(3, 3))
    other = by_species(
        uv_value(moved_rgb[order], moved_uv[order], renamed[order], species[order])
    ).sort_index()
    for name in NUMBERS:
        np.testing.assert_allclose(plain[name], other[name], rtol=1e-6, atol=1e-9, err_msg=name)
    assert plain["verdict"].tolist() == other["verdict"].tolist()
    np.testing.assert_allclose(plain["tip"], other["tip"])


def test_nothing_is_drawn_at_random():
    study = make_study()
    first, other = (uv_value(*study, seed=seed) for seed in (5, 6))
    pd.testing.assert_frame_equal(first, other)


def test_specimens_without_a_label_are_left_out_and_counted():
    rgb, uv, sex, species = make_study()
    labels = sex.astype(object)
    labels[:2] = [None, np.nan]
    labels[50] = pd.NA
    table = by_species(uv_value(rgb, uv, labels, species))
    kept = pd.notna(labels)
    expected = by_species(uv_value(rgb[kept], uv[kept], labels[kept], species[kept]))
    assert table["n_unlabelled"].to_dict() == {"adds": 2, "empty": 1, "follows": 0, "plain": 0, "small": 0}
    pd.testing.assert_series_equal(table["p"], expected["p"])
    assert table.loc["adds", "n_1"] == 18


def test_uv_that_is_a_function_of_rgb_adds_exactly_nothing():
    rgb, _, sex, species = make_study()
    for uv in (rgb @ np.array([[1.0, 0, 2], [0, 1, 0], [0, 3, 1]]), rgb[:, :1]):
        rows = by_species(uv_value(rgb, uv, sex, species))
        tested = rows[rows["is_eligible"]]
        assert (tested[["uv_adds", "low", "high"]] == 0.0).all(axis=None)
        assert (tested["p"] == 1.0).all()


def test_repeated_columns_change_nothing():
    rgb, uv, sex, species = make_study()
    plain = by_species(uv_value(rgb, uv, sex, species)).sort_index()
    doubled = by_species(uv_value(rgb, np.hstack((uv, uv[:, :1])), sex, species)).sort_index()
    np.testing.assert_allclose(plain["p"], doubled["p"], rtol=1e-6)


def test_outliers_are_set_aside_and_named():
    rgb, uv, sex, species = make_study()
    rgb[4, 1] = 60.0
    row = by_species(uv_value(rgb, uv, sex, species)).loc["adds"]
    assert (row["n_set_aside"], row["set_aside"], row["n_1"], row["n_2"]) == (1, "4", 19, 20)
    kept = np.arange(len(sex)) != 4
    expected = by_species(uv_value(rgb[kept], uv[kept], sex[kept], species[kept])).loc["adds"]
    assert row["p"] == pytest.approx(expected["p"])
    assert by_species(uv_value(rgb, uv, sex, species, is_learnt=True))["n_set_aside"].sum() == 0


def test_clades_have_pooled_rows_of_their_own():
    rgb, uv, sex, species = make_study()
    clade = np.where(np.isin(species, ["adds", "small"]), "A", "B")
    table = uv_value(rgb, uv, sex, species, clade=clade).set_index("species")
    assert table.loc["clade A", "n_1"] == 24
    assert (table.loc["clade A", "n_species"], table.loc["clade B", "n_species"]) == (2, 3)
    assert (
        table.loc["clade A", "uv_adds"]
        > table.loc["all species", "uv_adds"]
        > table.loc["clade B", "uv_adds"]
    )
    assert table.loc[["clade A", "clade B", "all species"], "scope"].tolist() == ["clade", "clade", "all"]


def test_a_pooled_row_takes_the_mean_of_its_species():
    rng = np.random.default_rng(3)
    species, sex = np.repeat(np.arange(8), 24), np.tile([0, 1], 96)
    rgb = rng.normal(size=(192, 2))
    uv = rgb + rng.normal(size=(192, 2))
    uv[:, 0] += 2 * sex
    table = uv_value(rgb, uv, sex, species)
    rows, pool = by_species(table), table[table["scope"] == "all"].iloc[0]
    assert pool["verdict"] == "uv_adds"
    z = stats.norm.isf(rows["p"]).clip(-3, 3)
    assert pool["p"] == pytest.approx(stats.norm.sf(z.mean() * np.sqrt(8) / max(1, z.std(ddof=1))))
    assert pool["uv_adds"] == pytest.approx(rows["uv_adds"].mean())
    assert pool["low"] < 4 < pool["high"]


def test_a_class_confounded_with_year_is_not_claimed_within_years():
    rng = np.random.default_rng(2)
    species, sex = np.repeat(np.arange(6), 60), np.tile(np.repeat([0, 1], 30), 6)
    year = np.where(rng.random(360) < 0.8, sex, 1 - sex)
    rgb = rng.normal(size=(360, 3))
    uv = 0.5 * rgb + rng.normal(size=(360, 3))
    uv[:, 0] += 2.0 * year
    naive = by_species(uv_value(rgb, uv, sex, species))
    within = by_species(uv_value(rgb, uv, sex, species, blocks=year))
    assert naive["verdict"].isin(UV_CLAIMS).sum() >= 4
    assert not within["verdict"].isin(UV_CLAIMS).any()
    assert within["p"].min() > 0.01


def test_a_class_that_differs_in_size_is_not_claimed_at_equal_size():
    rng = np.random.default_rng(4)
    species, sex = np.repeat(np.arange(10), 40), np.tile(np.repeat([0, 1], 20), 10)
    size = 1.5 * sex + rng.normal(size=400)
    rgb = rng.normal(size=(400, 3))
    uv = 0.5 * rgb + rng.normal(size=(400, 3)) + size[:, None]
    naive = by_species(uv_value(rgb, uv, sex, species))
    given = by_species(uv_value(rgb, uv, sex, species, covariates=size))
    assert naive["verdict"].isin(UV_CLAIMS).sum() >= 5
    assert not given["verdict"].isin(UV_CLAIMS).any()
    np.testing.assert_allclose(naive["auc_rgb"].sort_index(), given["auc_rgb"].sort_index())


def test_a_class_that_is_the_year_leaves_nothing_to_compare():
    rgb, uv, sex, species = make_study()
    rows = by_species(uv_value(rgb, uv, sex, species, blocks=sex))
    assert (rows["verdict"] == "too_few").all()
    assert (rows[["n_1", "n_2"]] == 0).all(axis=None)


def test_rgb_suffices_only_where_uv_is_shown_to_add_little():
    rng = np.random.default_rng(7)
    species, sex = np.repeat(np.arange(4), 200), np.tile(np.repeat([0, 1], 100), 4)
    rgb = rng.normal(size=(800, 2)) + 1.5 * sex[:, None]
    uv = rgb + 0.5 * rng.normal(size=(800, 2))
    rows = by_species(uv_value(rgb, uv, sex, species))
    assert (rows["verdict"] == "rgb_suffices").all()
    assert (rows["uv_adds_upper"] < 1).all()
    strict = by_species(uv_value(rgb, uv, sex, species, margin=rows["uv_adds_upper"].min() ** 0.5))
    assert "unresolved" in set(strict["verdict"])


def test_uv_only_where_rgb_is_shown_to_be_silent():
    rng = np.random.default_rng(8)
    species, sex = np.repeat(np.arange(4), 400), np.tile(np.repeat([0, 1], 200), 4)
    rgb = rng.normal(size=(1600, 2))
    uv = rgb + rng.normal(size=(1600, 2)) + 1.5 * sex[:, None]
    rows = by_species(uv_value(rgb, uv, sex, species))
    assert (rows["verdict"] == "uv_only").all()
    rgb[:, 0] += 0.8 * sex
    assert (by_species(uv_value(rgb, uv, sex, species))["verdict"] == "uv_adds").all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rgb": np.ones(168)}, r"rgb must be \(rows, features\), got shape \(168,\)"),
        ({"uv": np.full((168, 3), np.nan)}, "uv must be finite, got NaN or infinity in 168 rows, first 0"),
        ({"covariates": np.full(168, np.inf)}, "covariates must be finite, got NaN or infinity in 168 rows"),
        ({"uv": np.ones((167, 3))}, "uv must have one row per row of rgb, got 167 for 168"),
        ({"species": ["a"] * 167}, "species must have one entry per row of rgb, got 167 for 168"),
        ({"repeats": ["a"] * 167}, "repeats must have one entry per row of rgb, got 167 for 168"),
        (
            {"labels": ["a", "b"] * 84, "repeats": [0] * 168},
            "captures of one specimen must agree in labels, got 'b'",
        ),
        (
            {"labels": ["a", "b", "c", "c"] * 42},
            r"labels must hold two classes, got 3: \['a', 'b', 'c'\]",
        ),
        ({"labels": [None] * 168}, r"labels must hold two classes, got 0"),
        ({"uv": np.ones((168, 3))}, "uv must vary within species and class, got constant features"),
        ({"rgb": np.ones((168, 3))}, "rgb must vary within species and class, got constant features"),
    ],
)
def test_refusals(change, message):
    rgb, uv, labels, species = make_study()
    given = {"rgb": rgb, "uv": uv, "labels": labels, "species": species}
    with pytest.raises(ValueError, match=message):
        uv_value(**(given | change))


def test_species_of_one_class_lend_no_more_columns_than_the_tested_ones_hold():
    rng = np.random.default_rng(4)
    species = np.repeat([f"s{k}" for k in range(13)], 4)
    labels = np.where(np.arange(52) < 4, np.arange(52) % 2, 0)
    features = rng.standard_normal((2, 52, 20))
    table = uv_value(*features, labels, species, minimum_n=2)
    assert by_species(table).loc["s0", ["p", "p_rgb"]].between(0, 1).all()
