"""From estimates to a claim: false-discovery correction and the five verdicts."""

import numpy as np
import pandas as pd
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use

from xmodal_pipeline.evaluation.schema import ALPHA, COLOUR, UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.noise import LEAST_RELIABILITY

COLUMNS = (
    *("species", "label", "view", "patch", "features", "n_1", "n_2", "auc_rgb", "auc_uv", "auc_both"),
    *("uv_adds", "low", "high", "p", "q", "noise_tip", "tip", "verdict"),
    *("family", "scope", "classes", "is_eligible", "n_unlabelled", "n_set_aside", "set_aside"),
    *("uv_adds_unbiased", "uv_adds_se", "uv_adds_upper", "auc_rgb_upper", "p_rgb", "q_rgb", "reliability"),
    *("p_uv", "q_uv", "uv_difference", "n_repeated", "noise_sd", "noise_low", "noise_high"),
    *("columns", "df", "n_species", "n_carry"),
)
"""Columns of `uv_value`. The first eighteen are what a reader needs; the rest say how they came about."""

PRIMARY, EXPLORATORY = "primary", "exploratory"
"""Families: the one that was named beforehand, and every other set of features by itself."""

UNINFORMATIVE_AUC = 0.65
"""RGB counts as silent on a label when its AUC is below this at the one-sided upper 95 % limit."""

_EVIDENCE = ("q", "low", "reliability", "q_rgb", "auc_rgb_upper", "uv_adds_upper")
_SCOPES = {"species": 0, "clade": 1, "all": 2}


def is_found_without_colour(rows: pd.DataFrame) -> pd.Series:
    """Which rows of `uv_value` are claims that no colour makes: a learnt set's, of one species.

    Args:
        rows: of one family. Colour must have been tested about the same label in the same species, in some
            view or patch, and have claimed nothing there.

    Returns:
        bool, on the index of `rows`.
    """
    keys = [rows["species"], rows["label"]]
    is_colour, is_claim = rows["features"] == COLOUR, rows["verdict"].isin(UV_CLAIMS)
    has_colour = (is_colour & (rows["verdict"] != "too_few")).groupby(keys).transform("any")
    by_colour = (is_colour & is_claim).groupby(keys).transform("any")
    return is_claim & ~is_colour & (rows["scope"] == "species") & has_colour & ~by_colour


def is_found_by_pattern(rows: pd.DataFrame) -> pd.Series:
    """Which of them colour can be said not to make: its interval ends below where that of the claim begins.

    That one is significant and the other not would not show that they differ (Gelman & Stern 2006).

    Args:
        rows: as for `is_found_without_colour`.

    Returns:
        bool, on the index of `rows`.
    """
    of_colour = rows["high"].where(rows["features"] == COLOUR)
    most = of_colour.groupby([rows["species"], rows["label"]]).transform("max")
    return is_found_without_colour(rows) & (most < rows["low"])


def judge(rows: pd.DataFrame, *, margin: float) -> pd.DataFrame:
    """Fill `q`, `q_rgb`, `q_uv` and `verdict` over all rows given, and rank them.

    Benjamini and Hochberg's correction runs over species x views x patches x the primary sets of features of
    one label together; over each exploratory set by itself; and over pooled rows by themselves.

    Args:
        rows: one or more tables of estimates, stacked.
        margin: distance, in SDs of UV given RGB, below which RGB suffices.

    Returns:
        A new table with a column `critical`, the largest p with which a claimed row would have stayed so.
        Within each label, feature set, view and patch species come by the lower limit of `uv_adds`, largest
        first, then those too few, then pooled rows.
    """
    judged = rows.reset_index(drop=True)
    families = judged["family"].where(judged["family"] == PRIMARY, judged["features"])
    keys = [judged["label"], families, judged["scope"], judged["family"]]
    for p_name, q_name in (("p", "q"), ("p_rgb", "q_rgb"), ("p_uv", "q_uv")):
        judged[q_name] = judged[p_name].groupby(keys, sort=False).transform(adjust_p_values)
    judged["critical"] = judged["p"].groupby(keys, sort=False).transform(critical_p)
    judged["verdict"] = [
        verdict(is_eligible=is_eligible, margin=margin, **dict(zip(_EVIDENCE, numbers, strict=True)))
        for is_eligible, numbers in zip(
            judged["is_eligible"].astype(bool).tolist(),
            judged[list(_EVIDENCE)].astype(float).to_numpy().tolist(),
            strict=True,
        )
    ]
    return judged.loc[_order(judged)].reset_index(drop=True)


def _order(judged: pd.DataFrame) -> pd.Index:
    keys = pd.DataFrame(
        {
            "family": judged["family"] != PRIMARY,
            "features": judged["features"],
            "label": judged["label"],
            "view": judged["view"],
            "patch": judged["patch"],
            "scope": judged["scope"].map(_SCOPES),
            "few": ~judged["is_eligible"].astype(bool),
            "low": -judged["low"],
            "estimate": -judged["uv_adds"],
            "species": judged["species"].astype(str),
        }
    )
    return keys.sort_values(list(keys.columns), kind="stable").index


def adjust_p_values(p: pd.Series) -> pd.Series:
    """Benjamini-Hochberg q-values; NaN stays NaN and does not count as a test."""
    q = pd.Series(np.nan, index=p.index, dtype=float)
    is_tested = p.notna()
    if is_tested.any():
        q[is_tested] = scipy.stats.false_discovery_control(p[is_tested].to_numpy(dtype=float), method="bh")
    return q


def critical_p(p: pd.Series) -> pd.Series:
    """The p-value that a rejected test may reach and stay rejected, the others as they are: αk/m.

    At most α/2, where the interval begins to reach 0.
    """
    tested = p.dropna()
    rejected = int((adjust_p_values(tested) <= ALPHA).sum())
    return pd.Series(min(ALPHA * rejected / max(len(tested), 1), ALPHA / 2), index=p.index)


def verdict(
    *,
    is_eligible: bool,
    q: float,
    low: float,
    reliability: float,
    q_rgb: float,
    auc_rgb_upper: float,
    uv_adds_upper: float,
    margin: float,
) -> str:
    """The claim that a row supports.

    Never inferred from "RGB was not significant": with equal effects in both modalities that pattern is
    common. `uv_only` needs an upper limit on RGB, `rgb_suffices` an upper limit on what UV could still add.
    A pooled row has neither, and says at most that UV adds.

    Args:
        is_eligible: enough specimens in both classes.
        q: corrected p of "UV adds nothing given RGB".
        low: lower end of the 95 % interval of A; no claim stands on an interval that reaches 0.
        reliability: of the RGB score, where repeated captures tell it, else NaN.
        q_rgb: corrected p of "RGB does not separate the classes".
        auc_rgb_upper: one-sided 95 % upper limit of the AUC of RGB.
        uv_adds_upper: one-sided 95 % upper limit of A.
        margin: distance below which RGB suffices.

    Returns:
        uv_only, uv_adds, rgb_suffices, unresolved or too_few.
    """
    if not is_eligible:
        return "too_few"
    if q <= ALPHA and low > 0 and not reliability < LEAST_RELIABILITY:
        return "uv_only" if auc_rgb_upper < UNINFORMATIVE_AUC else "uv_adds"
    if q_rgb <= ALPHA and uv_adds_upper < margin**2:
        return "rgb_suffices"
    return "unresolved"
