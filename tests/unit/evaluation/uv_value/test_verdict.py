"""Corrections and verdicts by hand-made cases."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xmodal_pipeline.evaluation.uv_value.verdict import (
    COLUMNS,
    adjust_p_values,
    critical_p,
    is_found_by_pattern,
    is_found_without_colour,
    judge,
    verdict,
)

EVIDENCE = {"q": 0.01, "low": 0.2, "reliability": np.nan, "q_rgb": 0.9, "auc_rgb_upper": 0.8}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "uv_adds"),
        ({"q": 0.05}, "uv_adds"),
        ({"q": 0.051}, "unresolved"),
        ({"low": 0.0}, "unresolved"),
        ({"reliability": 0.69}, "unresolved"),
        ({"reliability": 0.7}, "uv_adds"),
        ({"auc_rgb_upper": 0.649}, "uv_only"),
        ({"auc_rgb_upper": 0.65}, "uv_adds"),
        ({"q": 0.2, "auc_rgb_upper": 0.6}, "unresolved"),
        ({"q": 0.2, "q_rgb": 0.05, "uv_adds_upper": 3.9}, "rgb_suffices"),
        ({"q": 0.2, "q_rgb": 0.05, "uv_adds_upper": 4.0}, "unresolved"),
        ({"q": 0.2, "q_rgb": 0.06, "uv_adds_upper": 0.1}, "unresolved"),
        ({"q_rgb": 0.01, "uv_adds_upper": 0.1}, "uv_adds"),
        ({"q": np.nan, "q_rgb": np.nan}, "unresolved"),
        ({"is_eligible": False}, "too_few"),
    ],
)
def test_verdicts(change, expected):
    given = {"is_eligible": True, "uv_adds_upper": 9.0, "margin": 2.0} | EVIDENCE | change
    assert verdict(**given) == expected


def test_correction_leaves_untested_rows_out_of_the_count():
    p = pd.Series([0.01, np.nan, 0.04, 0.03, np.nan], index=[4, 3, 2, 1, 0])
    q = adjust_p_values(p)
    np.testing.assert_allclose(q[[4, 2, 1]], [0.03, 0.04, 0.04])
    assert q[[3, 0]].isna().all()


def test_a_rejected_test_stays_so_up_to_its_critical_p_and_no_further():
    p = pd.Series([0.001, 0.002, 0.3, 0.8, np.nan])
    critical = critical_p(p)
    assert critical.tolist() == [0.025] * 5
    for change, stays in ((critical[0] - 1e-9, True), (critical[0] + 1e-9, False)):
        moved = adjust_p_values(p.where(p.index != 0, change))
        assert (moved[0] <= 0.05) == stays
    assert critical_p(pd.Series([0.001, 0.001]))[0] == 0.025
    assert critical_p(pd.Series([0.001, 0.5, 0.5, 0.5]))[0] == 0.0125


def make_rows(**columns):
    n = len(columns["p"])
    rows = {name: [0.5] * n for name in COLUMNS}
    rows |= {"family": ["primary"] * n, "features": ["colour"] * n, "scope": ["species"] * n}
    rows |= {"view": [""] * n, "patch": [""] * n, "label": ["sex"] * n, "is_eligible": [True] * n}
    rows |= {"species": [f"s{i}" for i in range(n)]}
    return pd.DataFrame(rows | columns)


def test_a_label_is_one_family_over_its_primary_features_views_and_patches():
    rows = make_rows(
        p=[0.01, 0.02, 0.03, 0.04, 0.04, 0.04, 0.04, 0.04],
        p_rgb=[0.5] * 8,
        family=["primary"] * 4 + ["exploratory"] * 2 + ["primary"] * 2,
        features=["colour", "colour", "colour", "separate", "concat", "attention", "colour", "colour"],
        view=["a", "b", "b", "b", "b", "b", "b", "b"],
        patch=["wing", "wing", "whole", "", "", "", "wing", "wing"],
        scope=["species"] * 6 + ["all", "species"],
        label=["sex"] * 7 + ["form"],
    )
    q = judge(rows, margin=1.0).set_index("species")["q"]
    np.testing.assert_allclose(q[[f"s{i}" for i in range(8)]], [0.04] * 8)
    rows.loc[3, "p"] = 0.9
    q = judge(rows, margin=1.0).set_index("species")["q"]
    expected = stats.false_discovery_control([0.01, 0.02, 0.03, 0.9])
    np.testing.assert_allclose(q[["s0", "s1", "s2", "s3"]], expected)
    np.testing.assert_allclose(q[["s4", "s5", "s6", "s7"]], 0.04)


def test_rows_are_ranked_by_lower_limit_within_label_view_and_patch():
    rows = make_rows(
        p=[0.5] * 6,
        low=[0.1, 0.3, np.nan, 0.9, 0.2, 0.5],
        is_eligible=[True, True, False, True, True, True],
        scope=["species", "species", "species", "all", "species", "species"],
        patch=["a", "a", "a", "a", "a", "b"],
    )
    judged = judge(rows, margin=1.0)
    assert judged["species"].tolist() == ["s1", "s4", "s0", "s2", "s3", "s5"]
    assert judged["verdict"].tolist()[3] == "too_few"


@pytest.mark.parametrize(
    ("high_of_colour", "verdict_of_colour", "expected"),
    [
        (1.9, "unresolved", (True, True)),
        (2.0, "unresolved", (True, False)),  # the intervals touch: colour leaves it open
        (1.9, "uv_adds", (False, False)),
        (np.nan, "too_few", (False, False)),  # colour was not asked
    ],
)
def test_not_by_mean_colour_needs_an_interval_of_colour_below_that_of_the_claim(
    high_of_colour, verdict_of_colour, expected
):
    rows = pd.DataFrame(
        {
            "species": ["p", "p", "p", "q"],
            "label": "sex",
            "scope": "species",
            "features": ["colour", "colour", "separate", "colour"],
            "verdict": [verdict_of_colour, "too_few", "uv_adds", "unresolved"],
            "low": [0.0, np.nan, 2.0, 0.0],
            "high": [high_of_colour, np.nan, 9.0, 99.0],
        }
    )
    assert is_found_without_colour(rows).tolist() == [False, False, expected[0], False]
    assert is_found_by_pattern(rows).tolist() == [False, False, expected[1], False]
