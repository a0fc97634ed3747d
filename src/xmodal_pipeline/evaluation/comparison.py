"""Every variant beside every baseline, in one tidy table."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from xmodal_pipeline.evaluation.retrieval import DIRECTIONS

COLUMNS = ["name", "kind", "task", "label", "metric", "value", "low", "high", "n", "chance", "p", "protocol"]

_RETRIEVAL_TASKS = {
    "retrieval": (),
    "retrieval_opposite_views": ("opposite_views",),
    "retrieval_within_species": ("within_groups",),
}
_CONTROLS = (
    "shuffled_freely",
    "shuffled_within_strata",
    "strata_only_accuracy",
    "confounders_only_accuracy",
    "strata_held_out_accuracy",
    "clades_held_out_accuracy",
)
_ALIGNMENT = ("spearman", "spearman_within", "spearman_among", "cka", "mutual_knn")
_ALIGNMENT_CHANCE = {"spearman": 0.0, "spearman_within": 0.0, "spearman_among": 0.0}
_P_VALUES = {
    "spearman": "p_value",
    "spearman_within": "p_value_within",
    "spearman_among": "p_value_among",
    "cka": "cka_p_value",
    "mutual_knn": "mutual_knn_p_value",
}
"""Where the p-value of a measure is not called `<measure>_p`."""


def compare_variants(metrics: dict[str, dict[str, Any]], baselines: dict[str, Any]) -> pd.DataFrame:
    """Lay out metrics and baselines as rows.

    Args:
        metrics: per variant, from `evaluate_variant`.
        baselines: from `evaluate_baselines`.

    Returns:
        `name, kind (variant|baseline), task, label, metric, value, low, high, n, chance, p, protocol` (the
        name of the evaluation protocol). Tasks: `retrieval`, `retrieval_opposite_views`,
        `retrieval_within_species` (label: the direction), `classification`, `classification_test_only`,
        `classification_knn` and `classification_control` (label: the label), `alignment`, `geometry`,
        `predictability`. A cell without a number has NaN as value; retrieval that does not apply to a variant
        has no rows.
    """
    protocols = [one["protocol"]["protocol"] for one in (*metrics.values(), baselines) if "protocol" in one]
    protocol = protocols[0] if protocols else ""
    rows = [
        {"name": name, "kind": kind, "protocol": protocol, **row}
        for kind, group in (("variant", metrics), ("baseline", baselines))
        for name, measured in group.items()
        if name != "protocol"
        for row in _rows(measured)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    numbers = ["value", "low", "high", "n", "chance", "p"]
    return table.astype(dict.fromkeys(numbers, "float64"))


def _rows(measured: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for task, path in _RETRIEVAL_TASKS.items():
        part = measured.get("retrieval", {})
        for key in path:
            part = part.get(key, {})
        yield from _retrieval_rows(task, part)
    for label, cells in measured.get("classification", {}).items():
        if isinstance(cells, dict):
            yield from _classification_rows(label, cells)
    yield from _plain_rows("alignment", measured.get("alignment", {}), _ALIGNMENT)
    geometry = measured.get("geometry", {})
    yield from _plain_rows("geometry", geometry, [key for key in geometry if key != "n"])
    for target, cells in measured.get("predictability", {}).items():
        if isinstance(cells, dict):
            for metric in ("within", "between"):
                yield _row("predictability", target, metric, cells, measured["predictability"].get("n"))


def _retrieval_rows(task: str, cells: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for direction in DIRECTIONS:
        for metric, value in cells.get(direction, {}).items():
            if not metric.endswith("_ci"):
                chance = cells["chance"].get(metric)
                yield _row(task, direction, metric, cells[direction], cells["n"], chance=chance, value=value)


def _classification_rows(label: str, cells: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "not_applicable" in cells:
        yield _row("classification", label, "accuracy", {}, cells.get("n"))
        return
    for metric in (key[:-3] for key in cells if key.endswith("_ci")):
        if _number(cells[metric]) is not None:
            chance = cells["chance"] if metric.endswith("_accuracy") else 0.0
            yield _row("classification", label, metric, cells, cells["n"], chance=chance)
    for task in ("knn", "test_only"):
        part = cells[task]
        for metric in (key[:-3] for key in part if key.endswith("_ci")):
            if _number(part[metric]) is not None:
                chance = cells["chance"] if metric.endswith("_accuracy") else 0.0
                n = part.get("n", cells["n"])
                yield _row(f"classification_{task}", label, metric, part, n, chance=chance)
    for metric in _CONTROLS:
        if metric in cells["controls"]:
            yield _row(
                "classification_control", label, metric, cells["controls"], cells["n"], chance=cells["chance"]
            )


def _plain_rows(task: str, cells: dict[str, Any], metrics: Any) -> Iterator[dict[str, Any]]:
    for metric in metrics:
        if _number(cells.get(metric)) is not None:
            chance = (
                _number(cells.get(f"{metric}_null"))
                if f"{metric}_null" in cells
                else _ALIGNMENT_CHANCE.get(metric)
            )
            yield _row(task, "", metric, cells, cells.get("n_used", cells.get("n")), chance=chance)


def _row(
    task: str,
    label: str,
    metric: str,
    cells: dict[str, Any],
    n: int | None,
    *,
    chance: float | None = None,
    value: float | None = None,
) -> dict[str, Any]:
    interval = cells.get(f"{metric}_ci")
    low, high = interval if isinstance(interval, list) else (None, None)
    found = _number(cells.get(metric)) if value is None else _number(value)
    return {
        "task": task,
        "label": label,
        "metric": metric,
        "value": found,
        "low": low,
        "high": high,
        "n": n,
        "chance": chance,
        "p": _number(cells.get(_P_VALUES.get(metric, f"{metric}_p"))),
    }


def _number(cell: Any) -> float | None:
    return float(cell) if isinstance(cell, int | float) else None
