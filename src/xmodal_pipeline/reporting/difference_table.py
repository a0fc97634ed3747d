"""Does learning pay? Paired differences between variants and baselines, as a table."""

from typing import Final

import pandas as pd

from xmodal_pipeline.reporting.names import ModalityNames, number
from xmodal_pipeline.reporting.report_tables import PageTable, table_of, with_interval

_SHOWN: Final = {
    "retrieval": "recall@",
    "retrieval_opposite_views": "recall@",
    "classification": "accuracy",
}
"""The measure of each task that is shown; the table on disk has all."""
_GALLERIES: Final = {"retrieval": "all", "retrieval_opposite_views": "warped"}


def tabulate_gains(differences: pd.DataFrame, names: ModalityNames, *, is_retrieval: bool) -> PageTable:
    """Every variant minus every baseline, of recall by direction and gallery or of accuracy by label.

    Args:
        differences: of `compare_tables`.
        names: display names of the modalities.
        is_retrieval: of retrieval, else of classification.
    """
    rows = []
    for row in shown_differences(differences, is_retrieval=is_retrieval).itertuples():
        where = (
            (names.label(str(row.label)), _GALLERIES[str(row.task)])
            if is_retrieval
            else (names.rename(str(row.label)),)
        )
        baseline = f"[{names.label(str(row.b))}]"
        if row.features_b not in (row.features_a, "rgb+uv"):
            baseline += f" ({names.label(str(row.features_b))})"
        rows.append(
            (
                names.label(str(row.a)),
                baseline,
                *where,
                number(row.value_a),
                number(row.value_b),
                with_interval(row.difference, row.low, row.high),
                number(row.p, 3),
                number(row.p_adjusted, 3),
                number(row.n, 0),
            )
        )
    where_header = ("Direction", "Gallery") if is_retrieval else ("Label",)
    header = ("Variant", "Baseline", *where_header, "Variant's", "Baseline's")
    what = "recall@1" if is_retrieval else "balanced accuracy"
    return table_of(
        f"Does learning pay? Variants minus baselines, {what} on the same specimens",
        (*header, "Difference (95 % interval)", "p", "p corrected", "n"),
        rows,
        2 + len(where_header),
        note="Paired by specimen; p by flipping the signs of each specimen's differences, corrected for all "
        "comparisons with baselines of this kind (step-down maximum, Westfall & Young). Below 0 the baseline "
        "is better." + ("" if not is_retrieval else " Warped: outline and pose do not give the match away."),
        is_folded=True,
    )


def shown_differences(differences: pd.DataFrame, *, is_retrieval: bool) -> pd.DataFrame:
    """The rows against baselines that are shown: recall at the first k, or the accuracy of own features."""
    if differences.empty:
        return differences
    rows = differences[(differences["family"] == "baselines") & differences["task"].isin(list(_SHOWN))]
    is_shown = [
        str(metric).startswith(_SHOWN[str(task)])
        for task, metric in zip(rows["task"], rows["metric"], strict=True)
    ]
    rows = rows[is_shown]
    return rows[rows["task"].str.startswith("retrieval") == is_retrieval]
