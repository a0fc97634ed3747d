"""From estimates to a claim: false-discovery correction and the five verdicts."""

import numpy as np
import pandas as pd
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use

from xmodal_pipeline.evaluation.uv_value_design import Floats

COLUMNS = (
    *("species", "label", "view", "features", "n_1", "n_2", "auc_rgb", "auc_uv", "auc_both"),
    *("uv_adds", "low", "high", "p", "q", "verdict"),
    *("family", "scope", "classes", "n_unlabelled", "is_eligible", "uv_adds_se"),
    *("rgb_adds", "rgb_adds_low", "rgb_adds_high", "uv_minus_rgb", "uv_minus_rgb_low", "uv_minus_rgb_high"),
    *("auc_rgb_leave_pair_out", "auc_uv_leave_pair_out", "auc_both_leave_pair_out"),
    *("auc_rgb_upper", "auc_gain_upper", "p_rgb", "q_rgb", "components", "df", "nu", "permutations"),
)
"""Columns of `uv_value`. The first fifteen are what a reader needs; the rest say how they came about."""

ALPHA = 0.05
"""False-discovery rate of a claim."""

UNINFORMATIVE_AUC = 0.65
"""RGB counts as silent on a label when its AUC is below this at the upper 95 % limit."""

NEGLIGIBLE_GAIN = 0.05
"""AUC that UV may still add where RGB is said to suffice."""


def judge(rows: pd.DataFrame) -> pd.DataFrame:
    """Fill `q`, `q_rgb` and `verdict` over all rows given, and rank them.

    Benjamini and Hochberg's correction runs over the rows of one `family`, feature set and `scope` together:
    strata x labels x views of the primary feature set are one family of tests, pooled rows another.

    Args:
        rows: one or more tables of estimates, stacked.

    Returns:
        A new table; within each label and view, species by the lower limit of `uv_adds`, largest first,
        then those too few, then pooled rows.
    """
    judged = rows.reset_index(drop=True)
    for p_name, q_name in (("p", "q"), ("p_rgb", "q_rgb")):
        grouped = judged.groupby(["family", "features", "scope"], sort=False)[p_name]
        judged[q_name] = grouped.transform(adjust_p_values)
    judged["verdict"] = [
        verdict(
            is_eligible=is_eligible,
            q=q,
            q_rgb=q_rgb,
            auc_rgb_upper=auc_rgb_upper,
            auc_gain_upper=auc_gain_upper,
            is_pooled=scope != "species",
        )
        for is_eligible, scope, q, q_rgb, auc_rgb_upper, auc_gain_upper in zip(
            judged["is_eligible"].astype(bool).tolist(),
            judged["scope"].tolist(),
            *(
                judged[name].astype(float).tolist()
                for name in ("q", "q_rgb", "auc_rgb_upper", "auc_gain_upper")
            ),
            strict=True,
        )
    ]
    keys = pd.DataFrame(
        {
            "family": judged["family"] != "primary",
            "features": judged["features"],
            "label": judged["label"],
            "view": judged["view"],
            "scope": judged["scope"].map({"species": 0, "clade": 1, "all": 2}),
            "few": ~judged["is_eligible"].astype(bool),
            "low": -judged["low"],
            "estimate": -judged["uv_adds"],
            "species": judged["species"].astype(str),
        }
    )
    order = keys.sort_values(list(keys.columns), kind="stable").index
    return judged.loc[order, list(COLUMNS)].reset_index(drop=True)


def adjust_p_values(p: pd.Series) -> pd.Series:
    """Benjamini-Hochberg q-values; NaN stays NaN and does not count as a test."""
    q = pd.Series(np.nan, index=p.index, dtype=float)
    is_tested = p.notna()
    if is_tested.any():
        tested: Floats = p[is_tested].to_numpy(dtype=float)
        q[is_tested] = scipy.stats.false_discovery_control(tested, method="bh")
    return q


def verdict(
    *,
    is_eligible: bool,
    q: float,
    q_rgb: float,
    auc_rgb_upper: float,
    auc_gain_upper: float,
    is_pooled: bool = False,
) -> str:
    """The claim that a row supports.

    Never inferred from "RGB was not significant": with equal effects in both modalities that pattern is
    common. `uv_only` needs an upper limit on RGB, `rgb_suffices` an upper limit on what UV could still add.

    Args:
        is_eligible: enough specimens in both classes.
        q: corrected p of "UV adds nothing given RGB".
        q_rgb: corrected p of "RGB does not separate the classes".
        auc_rgb_upper: one-sided 95 % upper limit of the AUC of RGB.
        auc_gain_upper: AUC gained by UV at the one-sided 95 % upper limit of A and lower limit of RGB's δ².
        is_pooled: a mean over strata says at most that UV adds.

    Returns:
        uv_only, uv_adds, rgb_suffices, unresolved or too_few.
    """
    if not is_eligible:
        return "too_few"
    if q <= ALPHA:
        return "uv_only" if not is_pooled and auc_rgb_upper < UNINFORMATIVE_AUC else "uv_adds"
    if not is_pooled and q_rgb <= ALPHA and auc_gain_upper < NEGLIGIBLE_GAIN:
        return "rgb_suffices"
    return "unresolved"
