"""Corrections and verdicts by hand-made cases."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xmodal_pipeline.evaluation.uv_value_verdict import COLUMNS, adjust_p_values, judge, verdict


@pytest.mark.parametrize(
    ("q", "q_rgb", "auc_rgb_upper", "auc_gain_upper", "expected"),
    [
        (0.05, 0.90, 0.80, 0.30, "uv_adds"),
        (0.05, 0.001, 0.99, 0.01, "uv_adds"),
        (0.05, 0.90, 0.64, 0.30, "uv_only"),
        (0.05, 0.90, 0.65, 0.30, "uv_adds"),
        (0.06, 0.90, 0.64, 0.30, "unresolved"),
        (0.06, 0.05, 0.99, 0.049, "rgb_suffices"),
        (0.06, 0.05, 0.99, 0.05, "unresolved"),
        (0.06, 0.06, 0.99, 0.01, "unresolved"),
        (np.nan, 0.01, 0.99, 0.20, "unresolved"),
    ],
)
def test_verdicts(q, q_rgb, auc_rgb_upper, auc_gain_upper, expected):
    limits = {"auc_rgb_upper": auc_rgb_upper, "auc_gain_upper": auc_gain_upper}
    assert verdict(is_eligible=True, q=q, q_rgb=q_rgb, **limits) == expected
    assert verdict(is_eligible=False, q=q, q_rgb=q_rgb, **limits) == "too_few"


def test_a_pooled_row_claims_at_most_that_uv_adds():
    limits = {"q_rgb": 0.001, "auc_rgb_upper": 0.5, "auc_gain_upper": 0.0}
    assert verdict(is_eligible=True, q=0.01, **limits, is_pooled=True) == "uv_adds"
    assert verdict(is_eligible=True, q=0.50, **limits, is_pooled=True) == "unresolved"


def test_correction_leaves_untested_rows_out_of_the_count():
    p = pd.Series([0.01, np.nan, 0.04, 0.03, np.nan], index=[4, 3, 2, 1, 0])
    q = adjust_p_values(p)
    np.testing.assert_allclose(q[[4, 2, 1]], stats.false_discovery_control([0.01, 0.04, 0.03]))
    np.testing.assert_allclose(q[[4, 2, 1]], [0.03, 0.04, 0.04])
    assert q[[3, 0]].isna().all()


def make_rows(**columns):
    n = len(columns["p"])
    rows = {name: [0.5] * n for name in COLUMNS}
    rows |= {
        "family": ["primary"] * n,
        "features": ["colour"] * n,
        "scope": ["species"] * n,
        "view": [""] * n,
    }
    rows |= {"label": ["sex"] * n, "species": [f"s{i}" for i in range(n)], "is_eligible": [True] * n}
    return pd.DataFrame(rows | columns)


def test_families_and_pooled_rows_are_corrected_apart():
    rows = make_rows(
        p=[0.01, 0.02, 0.04, 0.04],
        family=["primary", "primary", "exploratory", "primary"],
        features=["colour", "colour", "concat", "colour"],
        scope=["species", "species", "species", "all"],
    )
    q = judge(rows).set_index("species")["q"]
    np.testing.assert_allclose(q[["s0", "s1", "s2", "s3"]], [0.02, 0.02, 0.04, 0.04])


def test_rows_are_ranked_by_lower_limit_within_label_and_view():
    rows = make_rows(
        p=[0.5] * 6,
        low=[0.1, 0.3, np.nan, 0.9, 0.2, 0.5],
        uv_adds=[0.5] * 6,
        is_eligible=[True, True, False, True, True, True],
        scope=["species", "species", "species", "all", "species", "species"],
        view=["a", "a", "a", "a", "a", "b"],
    )
    assert judge(rows)["species"].tolist() == ["s1", "s4", "s0", "s2", "s3", "s5"]
    assert judge(rows)["verdict"].tolist()[3] == "too_few"
