"""The rows of the tidy table `comparison` that figures, tables and sentences are made from."""

from typing import Final

import pandas as pd

DIRECTIONS: Final = ("rgb_to_uv", "uv_to_rgb")
SOURCES: Final = ("rgb", "uv", "combined", "joint")
COMPARISON_COLUMNS: Final = (
    *("name", "kind", "task", "label", "metric"),
    *("value", "low", "high", "n", "chance"),
)


def retrieval_rows(comparison: pd.DataFrame, task: str = "retrieval") -> pd.DataFrame:
    """The recall rows of `comparison` with direction (rgb_to_uv, uv_to_rgb or empty) and k."""
    rows = _task_rows(comparison, task)
    rows = rows[rows["name"] != "chance"]  # a column of every row, and a line of its own in the figure
    text = rows["label"].astype("string").fillna("") + " " + rows["metric"].astype("string").fillna("")
    rows["direction"] = text.str.extract(r"(rgb_to_uv|uv_to_rgb)", expand=False).fillna("").astype(object)
    rows["k"] = pd.to_numeric(rows["metric"].astype("string").str.extract(r"recall@(\d+)", expand=False))
    return rows[rows["k"].notna()].astype({"k": int})


def classification_rows(comparison: pd.DataFrame) -> pd.DataFrame:
    """The accuracy rows of linear probes with their source (rgb, uv, combined, joint or empty)."""
    return accuracy_rows(comparison, "classification")


def accuracy_rows(comparison: pd.DataFrame, task: str) -> pd.DataFrame:
    """The accuracy rows of a task (`classification` or `classification_knn`) with their source."""
    rows = _task_rows(comparison, task)
    found = (
        rows["metric"]
        .astype("string")
        .str.extract(r"^(?:(rgb|uv|combined|joint)_)?(?:balanced_)?(accuracy)$")
    )
    rows["source"] = found[0].fillna("").astype(object)
    return rows[found[1].notna()]


def control_rows(comparison: pd.DataFrame) -> pd.DataFrame:
    """The rows of `comparison` that an accuracy must be read against."""
    return _task_rows(comparison, "classification_control")


def _task_rows(comparison: pd.DataFrame, task: str) -> pd.DataFrame:
    """The rows of a task, with every column of the tidy table; what a producer left out is missing."""
    rows = comparison.reindex(columns=list(dict.fromkeys([*COMPARISON_COLUMNS, *comparison.columns])))
    return rows[rows["task"] == task].copy()
