"""A learnt feature trained several times: what its median training says, and in how many it held."""

from collections.abc import Sequence

import pandas as pd

from xmodal_pipeline.evaluation.schema import UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.verdict import COLUMNS, PRIMARY, judge

_KEYS = ["label", "view", "patch", "features", "scope", "species"]
_NUMBERS = (
    *("auc_rgb", "auc_uv", "auc_both", "uv_adds", "low", "high", "p", "noise_tip", "tip"),
    *("uv_adds_unbiased", "uv_adds_se", "uv_adds_upper", "auc_rgb_upper", "p_rgb", "reliability", "df"),
)


def take_median(uv_value: pd.DataFrame, trainings: Sequence[pd.DataFrame], *, margin: float) -> pd.DataFrame:
    """The primary family with the median of every number over trainings, corrected and judged anew.

    Args:
        uv_value: the study's table; of it the rows of `colour`, which no training changes, are taken.
        trainings: per seed the rows of the named variant, from one training each.
        margin: as for `uv_value`.

    Returns:
        The columns of `uv_value`, its primary rows alone, with `n_seeds` and `n_held`, the trainings in which
        the row was claimed together with the rows of `colour`; both are empty for `colour`. No rows where
        fewer than two trainings are given.
    """
    if len(trainings) < 2:
        return pd.DataFrame(columns=[*COLUMNS, "n_seeds", "n_held"])
    learnt = set(pd.concat([one["features"] for one in trainings]))
    fixed = uv_value[(uv_value["family"] == PRIMARY) & ~uv_value["features"].isin(learnt)]
    families = [pd.concat([fixed[list(COLUMNS)], one], ignore_index=True) for one in trainings]
    judged = [judge(family, margin=margin) for family in families]
    rows = pd.concat([table[table["features"].isin(learnt)] for table in judged], ignore_index=True)
    rows = rows.astype(dict.fromkeys(_NUMBERS, float))
    grouped = rows.assign(is_claimed=rows["verdict"].isin(UV_CLAIMS)).groupby(_KEYS, sort=False)
    first = grouped.first()
    middle = first.assign(
        **{name: grouped[name].median() for name in _NUMBERS},
        n_seeds=grouped.size(),
        n_held=grouped["is_claimed"].sum(),
    ).reset_index()
    table = judge(pd.concat([fixed, middle], ignore_index=True), margin=margin)
    is_claimed = table["verdict"].isin(UV_CLAIMS)
    table.loc[~is_claimed, ["noise_tip", "tip"]] = float("nan")
    return table[[*COLUMNS, "n_seeds", "n_held"]]
