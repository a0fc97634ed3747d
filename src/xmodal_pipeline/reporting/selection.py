"""Which variant the report draws when it draws one."""

import pandas as pd

from xmodal_pipeline.reporting.content import ReportTables


def choose_variant(tables: ReportTables) -> str | None:
    """The variant named in the parameters, else the cross-modal one with the best validation retrieval.

    Test numbers play no part: a choice made on them would flatter every figure that follows.

    Args:
        tables: of the study.

    Returns:
        A variant whose projections hold both modalities, or None if there is none.

    Raises:
        ValueError: if the parameters name a variant that has no projections of both modalities.
    """
    able = [name for name, rows in tables.projections.items() if {"rgb", "uv"} <= set(rows["modality"])]
    wanted = tables.parameters.reporting.variant
    if wanted is not None and wanted not in able:
        raise ValueError(
            f"report: reporting.variant must be one of {able}, got {wanted!r}; train it or set null"
        )
    if wanted is not None or not able:
        return wanted
    return max(able, key=lambda name: kept_validation(tables.histories.get(name)))


def kept_validation(history: pd.DataFrame | None) -> tuple[float, float]:
    """The kept epoch's validation recall@1, then P(match above another); -1 where they were not measured."""
    columns = ["validation_recall_at_1", "validation_match_above_other"]
    if history is None or history.empty:
        return -1.0, -1.0
    recall, match = history.loc[history["is_kept"], columns].astype(float).fillna(-1.0).to_numpy()[-1]
    return float(recall), float(match)
