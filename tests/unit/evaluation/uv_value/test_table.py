"""`uv_value` over a study's tables: units, views, patches, families, and features of colour."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xmodal_pipeline.evaluation import uv_value
from xmodal_pipeline.evaluation.schema import UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value import uv_value_table
from xmodal_pipeline.evaluation.uv_value.features import log_colour_features
from xmodal_pipeline.evaluation.uv_value.verdict import COLUMNS
from xmodal_pipeline.params.evaluate import EvaluationParams

PARAMS = EvaluationParams()


def make_specimens(n=12):
    """UV adds in one species of three."""
    rng = np.random.default_rng(0)
    species, sex = np.repeat(["adds", "empty", "plain"], 2 * n), np.tile(np.repeat(["f", "m"], n), 3)
    rgb = rng.uniform(-1.7, 1.7, size=(6 * n, 3))
    uv = 0.6 * rgb + 0.8 * rng.normal(size=rgb.shape)
    uv[:, 1] += 4.0 * ((sex == "m") & (species == "adds"))
    return rgb, uv, sex, species


def make_tables(views=("dorsal", "ventral")):
    """Two captures per specimen and view, whose mean is the specimen's value; UV adds in one view."""
    rgb, uv, sex, species = make_specimens()
    rng = np.random.default_rng(1)
    index, tables = [], {"rgb": [], "uv": []}
    for view in views:
        here = uv if view == "dorsal" else 0.6 * rgb + rng.normal(size=uv.shape)
        for i in range(len(sex)):
            for repeat in (-1, 1):
                capture = f"{view}-{i:03d}-{repeat}"
                index.append([capture, f"i{i:03d}", species[i], sex[i], view])
                tables["rgb"].append([capture, *(rgb[i] + 0.01 * repeat)])
                tables["uv"].append([capture, *(here[i] - 2 * repeat)])
    columns = ["capture_id", "x1", "x2", "x3"]
    names = ["capture_id", "specimen_id", "species", "sex", "view"]
    return pd.DataFrame(index, columns=names), *(
        pd.DataFrame(tables[name], columns=columns) for name in ("rgb", "uv")
    )


def by_species(table):
    return table[table["scope"] == "species"].set_index("species")


def test_table_tests_specimens_per_view_with_the_noise_of_their_repeats():
    index, rgb, uv = make_tables()
    table = uv_value_table({"colour": (rgb, uv.sample(frac=1, random_state=0))}, index, PARAMS, None)
    assert tuple(table.columns) == COLUMNS
    assert table["view"].unique().tolist() == ["dorsal", "ventral"]
    assert table["label"].unique().tolist() == ["sex"]
    values = make_specimens()
    doubled = [np.repeat(one, 2, axis=0) for one in values]
    doubled[0] = doubled[0] + 0.01 * np.tile([-1, 1], len(values[0]))[:, None]
    dorsal = by_species(table[table["view"] == "dorsal"])
    expected = by_species(uv_value(*doubled, np.arange(len(doubled[0])) // 2)).loc[dorsal.index]
    np.testing.assert_allclose(dorsal["p"], expected["p"])
    assert dorsal["reliability"].notna().all()
    assert dorsal["n_1"].tolist() == [12] * 3
    rows = by_species(table)
    np.testing.assert_allclose(rows["q"], stats.false_discovery_control(rows["p"]))
    assert (rows["verdict"].isin(UV_CLAIMS) == (rows.index == "adds") & (rows["view"] == "dorsal")).all()


def test_colour_and_the_named_variant_are_one_family_and_others_are_not():
    index, rgb, uv = make_tables(views=("dorsal",))
    noise = uv.copy()
    noise[["x1", "x2", "x3"]] = np.random.default_rng(3).normal(size=(len(uv), 3))
    sets = {"colour": (rgb, uv), "separate": (rgb, noise), "concat": (rgb, uv)}
    table = uv_value_table(sets, index, PARAMS, "sex")
    rows = by_species(table)
    assert rows.groupby("features")["family"].first().to_dict() == {
        "colour": "primary",
        "separate": "primary",
        "concat": "exploratory",
    }
    primary = rows[rows["family"] == "primary"]
    assert len(primary) == 6
    np.testing.assert_allclose(primary["q"], stats.false_discovery_control(primary["p"]))
    concat = rows[rows["features"] == "concat"]
    np.testing.assert_allclose(concat["q"], stats.false_discovery_control(concat["p"]))
    # Embeddings have linear terms only, and no unit of noise.
    assert concat.loc["adds", "p"] != rows[rows["features"] == "colour"].loc["adds", "p"]
    assert rows.loc[rows["noise_tip"].notna(), "features"].unique().tolist() == ["colour"]
    assert concat.loc["adds", "tip"] < 1


def test_patches_are_tested_apart_and_corrected_together():
    index, rgb, uv = make_tables(views=("dorsal",))
    silent = uv.assign(**{x: np.random.default_rng(4).normal(size=len(uv)) for x in ("x1", "x2", "x3")})
    patched = tuple(
        pd.concat([one.assign(patch="wing"), other.assign(patch="whole")])
        for one, other in ((rgb, rgb), (uv, silent))
    )
    rows = by_species(uv_value_table({"colour": patched}, index, PARAMS))
    assert sorted(rows["patch"].unique()) == ["whole", "wing"]
    assert rows.loc[rows["verdict"].isin(UV_CLAIMS), "patch"].tolist() == ["wing"]
    np.testing.assert_allclose(rows["q"], stats.false_discovery_control(rows["p"]))


def test_a_whole_frame_is_tested_only_where_nothing_else_is_measured():
    index, rgb, uv = make_tables(views=("dorsal",))
    framed = [one.assign(patch="frame") for one in (rgb, uv)]
    both = [
        pd.concat([one.assign(patch="wing"), frame]) for one, frame in zip((rgb, uv), framed, strict=True)
    ]
    alone = uv_value_table({"colour": tuple(framed)}, index, PARAMS)
    assert set(alone["patch"]) == {"frame"}
    assert set(uv_value_table({"colour": tuple(both)}, index, PARAMS)["patch"]) == {"wing"}


def test_a_region_that_is_the_whole_specimen_is_not_tested_twice():
    index, rgb, uv = make_tables()
    both = [pd.concat([one.assign(patch="whole"), one[::-1].assign(patch="255")]) for one in (rgb, uv)]
    alone = tuple(one.assign(patch="whole") for one in (rgb, uv))
    expected = uv_value_table({"colour": alone}, index, PARAMS)
    pd.testing.assert_frame_equal(uv_value_table({"colour": tuple(both)}, index, PARAMS), expected)

    both[1].iloc[-1, both[1].columns.get_loc("x1")] += 0.01  # of one capture, in one modality
    assert set(uv_value_table({"colour": tuple(both)}, index, PARAMS)["patch"]) == {"whole", "255"}


def test_tables_may_be_indexed_by_capture():
    index, rgb, uv = make_tables(views=("dorsal",))
    expected = uv_value_table({"colour": (rgb, uv)}, index, PARAMS)
    keyed = tuple(frame.set_index("capture_id").assign(modality="x") for frame in (rgb, uv))
    pd.testing.assert_frame_equal(uv_value_table({"colour": keyed}, index, PARAMS), expected)


def test_classes_of_a_confounder_are_blocks_and_numbers_are_covariates(caplog):
    index, rgb, uv = make_tables(views=("dorsal",))
    index["clade"] = index["species"].map({"adds": "A", "empty": "A", "plain": pd.NA})
    number = index["specimen_id"].str[1:].astype(int)
    index["year"] = np.where(number % 2 == 0, 2001, 2002)
    index["size"] = (number**2 % 37).astype(float).where(number != 5)
    table = uv_value_table({"colour": (rgb, uv)}, index, PARAMS, blocks=["year", "size"])
    rows = by_species(table)
    assert table.loc[table["scope"] == "clade", "species"].tolist() == ["clade A"]
    assert rows["n_1"].to_dict() == {"adds": 11, "empty": 12, "plain": 12}
    assert "leaves out 2 captures without year or size" in caplog.text
    specimens = make_specimens()
    kept = np.arange(len(specimens[0])) != 5
    number = np.arange(len(kept))[kept]
    assert rows["p"].notna().all()
    expected = by_species(
        uv_value(
            *(one[kept] for one in specimens),
            blocks=number % 2,
            covariates=(number**2 % 37).astype(float),
        )
    )
    # The noise of captures is a ten-thousandth of the variance.
    np.testing.assert_allclose(rows["uv_adds"], expected.loc[rows.index, "uv_adds"], rtol=0.02, atol=1e-3)


def test_a_specimen_of_an_unknown_session_is_left_out(caplog):
    index, rgb, uv = make_tables(views=("dorsal",))
    is_even = index["specimen_id"].str[-1].isin(list("02468"))
    index["session"] = np.where(is_even, "first", None)
    table = uv_value_table({"colour": (rgb, uv)}, index, PARAMS, blocks=["session"])
    assert f"leaves out {(~is_even).sum()} captures without session" in caplog.text
    expected = uv_value_table({"colour": (rgb, uv)}, index[is_even], PARAMS, blocks=["session"])
    pd.testing.assert_frame_equal(table, expected)


def test_specimens_set_aside_are_named_in_the_log(caplog):
    index, rgb, uv = make_tables(views=("dorsal",))
    rgb.loc[rgb["capture_id"].str.contains("-007-"), "x2"] = 99.0
    rows = by_species(uv_value_table({"colour": (rgb, uv)}, index, PARAMS))
    assert rows["set_aside"].to_dict() == {"adds": "i007", "empty": "", "plain": ""}
    assert "sets aside specimens far from their class: i007" in caplog.text


def test_table_is_empty_with_its_columns_when_there_is_nothing_to_test(caplog):
    index, rgb, uv = make_tables(views=("dorsal",))
    for nothing in (index.drop(columns="sex"), index.drop(columns="species"), index.assign(sex="female")):
        table = uv_value_table({"colour": (rgb, uv)}, nothing, PARAMS)
        assert table.empty
        assert tuple(table.columns) == COLUMNS
    dead = uv.assign(x1=0.0, x2=0.0, x3=0.0)
    assert uv_value_table({"colour": (rgb, dead)}, index, PARAMS).empty
    assert "must hold two classes, got 1" in caplog.text
    assert "has no species" in caplog.text
    assert "must vary within species" in caplog.text


def test_table_refuses_unknown_columns_and_keys():
    index, rgb, uv = make_tables(views=("dorsal",))
    with pytest.raises(ValueError, match="must be a column of specimen_index, got 'age'; known: capture_id"):
        uv_value_table({"colour": (rgb, uv)}, index, PARAMS, "age")
    with pytest.raises(ValueError, match="uv features must have capture_id as column or index, got columns"):
        uv_value_table({"colour": (rgb, uv.drop(columns="capture_id"))}, index, PARAMS)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["colour", "cones"], r"must be among \['colour', .*got \['cones'\]"),
        (["concat", "separate"], "one variant"),
    ],
)
def test_primary_features_are_colour_and_one_variant(names, message):
    with pytest.raises(ValueError, match=message):
        EvaluationParams(uv_value_features=names)


def colour_table():
    rows = []
    for capture, level in (("a", 0.1), ("b", 0.2)):
        for modality, bands in (("rgb", ("R", "G")), ("uv", ("U",))):
            for band in bands:
                for patch, factor in (("whole", 1.0), ("wing", 2.0)):
                    mean = level * factor * (3 if band == "G" else 1)
                    rows.append([capture, patch, modality, band, mean, mean / 10])
    return pd.DataFrame(rows, columns=["capture_id", "patch", "modality", "band", "mean", "sd"])


def test_colour_is_logs_of_means_and_of_rgbs_sds_per_patch():
    rgb, uv = log_colour_features(colour_table())
    assert rgb.columns.tolist() == ["patch", "R_log_mean", "G_log_mean", "R_log_sd", "G_log_sd"]
    assert uv.columns.tolist() == ["patch", "U_log_mean"]
    assert rgb.index.name == uv.index.name == "capture_id"
    wing = rgb[rgb["patch"] == "wing"].loc["b"].drop("patch").astype(float)
    np.testing.assert_allclose(wing, np.log([0.4, 1.2, 0.04, 0.12]))
    np.testing.assert_allclose(uv[uv["patch"] == "whole"]["U_log_mean"], np.log([0.1, 0.2]))


def test_dark_bands_are_raised_to_the_floor_and_named(caplog):
    table = colour_table()
    table.loc[(table["band"] == "U") & (table["capture_id"] == "a"), "mean"] = [0.0, 2e-4]
    _, uv = log_colour_features(table)
    np.testing.assert_allclose(uv.loc["a", "U_log_mean"], np.log(1e-3))
    assert "uv band U is below 0.001 of full scale in 1 captures, and taken as that: a" in caplog.text
    assert "rgb" not in caplog.text


def test_a_capture_without_a_band_is_refused():
    table = colour_table()
    with pytest.raises(
        ValueError, match=r"must have the rgb bands \['R', 'G'\], got some missing for \['b'\]"
    ):
        log_colour_features(table[(table["band"] != "G") | (table["capture_id"] != "b")])
