import logging

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from xmodal_pipeline.evaluation.confounding import (
    association_of_classes,
    association_of_number,
    confounding_table,
)


def associate(measure, x, y, strata=None, permutations=99, seed=0):
    strata = np.zeros(len(x), np.int64) if strata is None else strata
    return measure(x, y, strata, permutations=permutations, rng=np.random.default_rng(seed))


def bergsma(table):
    """Bergsma's formulae as printed."""
    n, (r, c) = table.sum(), table.shape
    phi2 = chi2_contingency(table, correction=False).statistic / n
    corrected = max(0, phi2 - (r - 1) * (c - 1) / (n - 1))
    rows, columns = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return np.sqrt(corrected / min(rows - 1, columns - 1)), np.sqrt(phi2 / min(r - 1, c - 1))


@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (4, 3)])
def test_cramers_v_as_printed_and_as_scipy(shape):
    rng = np.random.default_rng(1)
    table = rng.integers(1, 12, shape)
    x, y = (np.repeat(codes.ravel(), table.ravel()) for codes in np.indices(shape))

    found = associate(association_of_classes, x, y)

    value, raw = bergsma(table)
    assert found.value == pytest.approx(value)
    assert found.raw == pytest.approx(raw)


def test_within_strata_is_hand_made_sums():
    rng = np.random.default_rng(2)
    strata = np.repeat([0, 1, 2], [30, 20, 8])
    x, y = rng.integers(0, 3, 58), rng.integers(0, 2, 58)
    y[strata == 2] = 1  # this stratum says nothing

    found = associate(association_of_classes, x, y, strata)

    excess = room = 0.0
    for s in (0, 1):
        table = pd.crosstab(x[strata == s], y[strata == s]).to_numpy()
        n, (r, c) = table.sum(), table.shape
        excess += chi2_contingency(table, correction=False).statistic - n * (r - 1) * (c - 1) / (n - 1)
        room += n * min((k - 1) - (k - 1) ** 2 / (n - 1) for k in (r, c))
    assert found.value == pytest.approx(np.sqrt(max(excess, 0) / room))


def test_eta_squared_is_as_it_comes_and_without_bias_epsilon_squared():
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1, 2], [10, 20, 5])
    x = rng.normal(size=35) + y

    found = associate(association_of_number, x, y)

    means = np.array([x[y == k].mean() for k in range(3)])
    between = (np.array([10, 20, 5]) * (means - x.mean()) ** 2).sum()
    eta2 = between / ((x - x.mean()) ** 2).sum()
    assert found.raw == pytest.approx(eta2)
    assert found.value == pytest.approx(1 - (1 - eta2) * 34 / 32)


def test_perfect_association_and_none():
    x = np.repeat([0, 1], 20)

    same = associate(association_of_classes, x, x)
    crossed = associate(association_of_classes, x, np.tile([0, 1], 20))
    constant = associate(association_of_classes, x, np.zeros(40, np.int64))

    assert (same.value, same.raw, same.p) == (pytest.approx(1), pytest.approx(1), 0.01)
    assert (crossed.value, crossed.raw, crossed.p) == (0, pytest.approx(0, abs=1e-6), 1)
    assert np.isnan(constant).all()


@pytest.mark.parametrize("measure", [association_of_classes, association_of_number])
@pytest.mark.parametrize("is_stratified", [False, True])
def test_p_is_calibrated(measure, is_stratified):
    """No association within strata, though both differ between them: p ≤ .05 in about one of twenty."""
    hits = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        strata = np.repeat(np.arange(4), 12)
        tilt = strata / 4 if is_stratified else 0.4
        y = (rng.random(48) < tilt).astype(np.int64)
        x = rng.binomial(4, 0.1 + np.ones(48) * tilt / 2)
        x = x if measure is association_of_classes else x + rng.normal(size=48)
        found = associate(measure, x, y, strata if is_stratified else None, seed=seed)
        hits.append(found.p <= 0.05)

    assert 0.02 <= np.mean(hits) <= 0.08


def index_of(**columns):
    n = len(next(iter(columns.values())))
    return pd.DataFrame(
        {"capture_id": [f"c{i}" for i in range(n)], "specimen_id": [f"s{i}" for i in range(n)]} | columns
    )


def test_a_label_that_goes_with_the_session_is_coded_and_says_what_to_do(caplog):
    rng = np.random.default_rng(0)
    sex = np.tile(["f", "m"], 60)
    year = np.where(rng.random(120) < 0.85, np.where(sex == "m", "2019", "2020"), "2021")
    camera = np.repeat(["a", "b", "a"], 40)
    index = index_of(species=np.repeat(["x", "y", "z"], 40), sex=sex, year=year, camera=camera)

    with caplog.at_level(logging.WARNING):
        table = confounding_table(index, ["year", "camera"], permutations=199)

    rows = table.set_index(["confounder", "label"])
    assert set(rows.index) == {(c, label) for c in ("year", "camera") for label in ("species", "sex")}
    trap = rows.loc[("year", "sex")]
    assert (trap["code"], trap["statistic"], trap["n"]) == ("LABEL_CONFOUNDED", "cramers_v", 120)
    assert trap["value_within_species"] > 0.8
    assert trap["p_within_species"] == 0.005
    assert "Photograph every class of sex in every year" in trap["advice"]
    assert trap["advice"].endswith("More in docs/troubleshooting.md#label-confounded.")
    assert rows.loc[("camera", "species"), "code"] == "LABEL_CONFOUNDED"
    assert "Species differ in camera" in rows.loc[("camera", "species"), "advice"]
    assert rows.loc[("camera", "sex"), "code"] == rows.loc[("year", "species"), "code"] == ""
    assert "LABEL_CONFOUNDED: sex with year" in caplog.text


def test_numbers_are_numbers_and_captures_of_one_specimen_count_once():
    rng = np.random.default_rng(0)
    sex = np.repeat(["f", "m"], 15)
    humidity = pd.Series(rng.normal(size=30) + 3 * (sex == "m")).round(2).astype("string")
    index = index_of(sex=sex, humidity=humidity)
    doubled = pd.concat([index, index.assign(capture_id=index["capture_id"] + "_b")], ignore_index=True)

    once, twice = (confounding_table(one, ["humidity"], permutations=99) for one in (index, doubled))

    assert once.loc[0, "statistic"] == "eta_squared"
    assert once.loc[0, "code"] == "LABEL_CONFOUNDED"
    assert "read sex within species only" in once.loc[0, "advice"]
    pd.testing.assert_frame_equal(once, twice)


def test_a_number_is_coded_by_the_root_of_eta_squared():
    """Half a standard deviation of difference: η² about .15, and a correlation of .4 is above .3."""
    humidity = np.tile(np.arange(50) / 10, 2)
    humidity[:50] += 1.2
    humidity = humidity + np.arange(100) / 1e6

    row = confounding_table(index_of(sex=np.repeat(["f", "m"], 50), humidity=humidity), ["humidity"]).loc[0]

    assert 0.09 < row["value"] < 0.3
    assert row["code"] == "LABEL_CONFOUNDED"


def test_no_confounders_or_labels_make_an_empty_table():
    index = index_of(sex=["f", "m"] * 4)

    assert confounding_table(index, []).empty
    assert confounding_table(index, ["sex"]).empty
