"""A grid of trainings as tidy tables: one row per cell and number, and the spread between seeds."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from xmodal_pipeline.evaluation import schema
from xmodal_pipeline.params.variants import BASELINES

SEED = "training.seed"
_COLUMNS = tuple(name for name in schema.COMPARISON_COLUMNS if name not in ("name", "kind", "text", "reason"))
_WORDS = ("source", "direction", "stratum")
_ON_ALL = (schema.CLASSIFICATION, schema.KNN, schema.CONTROL, schema.BY_STRATUM)
"""Tasks measured on all specimens: training sees no labels. The others are of test specimens."""


def list_rows(comparison: pd.DataFrame, history: pd.DataFrame | None = None) -> list[dict[str, Any]]:
    """The numbers of one trained cell, or of a baseline.

    Args:
        comparison: rows of one model; those without a number are left out.
        history: of the training; the epoch that validation chose gives the validation numbers.

    Returns:
        `partition` (validation, test or all) and the columns of `comparison` from `task` on; missing numbers
        are None. `own_accuracy` is that of the joint features, else of both modalities side by side, else of
        the only one.
    """
    rows = comparison[comparison["value"].notna()]
    accuracies = rows[
        (rows["task"] == schema.CLASSIFICATION) & (rows["metric"] == rows["source"] + "_accuracy")
    ]
    own = accuracies.sort_values("source", key=lambda sources: sources.map(schema.OWN_SOURCES.index))
    rows = pd.concat([rows, own.drop_duplicates("label").assign(metric="own_accuracy")])
    rows["partition"] = np.where(rows["task"].isin(_ON_ALL), "all", "test")
    listed = rows[["partition", *_COLUMNS]].astype(object)
    records = listed.where(listed.notna(), None).to_dict("records")
    validation = () if history is None else _validation_rows(history)
    return [*validation, *({str(key): value for key, value in row.items()} for row in records)]


def _validation_rows(history: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = ["validation_recall_at_1", "validation_match_above_other"]
    scores = history.loc[history["is_kept"], names].dropna()
    if len(scores):
        kept = scores.iloc[-1]
        for name in names:
            row: dict[str, Any] = dict.fromkeys(_COLUMNS)
            metric = name.removeprefix("validation_")
            yield row | {
                "partition": "validation",
                "task": "validation",
                "label": "",
                "metric": metric,
                "value": float(kept[name]),
            }


def tabulate_cells(
    cells: Sequence[dict[str, Any]], baselines: Mapping[str, list[dict[str, Any]]] = MappingProxyType({})
) -> pd.DataFrame:
    """One tidy table of a grid.

    Args:
        cells: per cell `cell`, `settings`, `variant`, `seed`, `is_base` and `rows` of `list_rows`.
        baselines: rows by name; they close the table, their setting in brackets, without a seed.

    Returns:
        A row per cell and number: `cell`, a column per key of the grid, `variant`, `training.seed`, `setting`
        (everything but the seed, as words), `is_base` (the study's own parameters but for the seed),
        `is_selected`, `partition` and the columns of `list_rows`. `is_selected` marks the setting with the
        highest validation recall@1, mean over its seeds, among cross-modal variants: no test number enters.
    """
    rows = [
        {
            "cell": cell["cell"],
            **cell["settings"],
            "variant": cell["variant"],
            SEED: cell["seed"],
            "setting": describe_setting(cell),
            "is_base": cell["is_base"],
            **row,
        }
        for cell in cells
        for row in cell["rows"]
    ]
    rows += [
        {"cell": "", "variant": name, SEED: None, "setting": f"[{name}]", "is_base": False, **row}
        for name, known in baselines.items()
        for row in known
    ]
    table = pd.DataFrame(rows).astype({SEED: "Int64"})
    table["is_selected"] = table["setting"] == _selected(table)
    leading = [name for name in table if name not in ("is_selected", "partition", *_COLUMNS)]
    table = table.reindex(columns=[*leading, "is_selected", "partition", *_COLUMNS])
    words = {name: table[name].astype(object).where(table[name].notna(), "") for name in _WORDS}
    return table.assign(**words).astype(dict.fromkeys(schema.COMPARISON_NUMBERS, "float64") | {"k": "Int64"})


def describe_setting(cell: dict[str, Any]) -> str:
    """The variant and the grid's values but the seed, as `concat, loss.temperature = 0.2`."""
    others = [f"{key} = {value}" for key, value in cell["settings"].items() if key not in ("variant", SEED)]
    return ", ".join([cell["variant"], *others])


def _selected(table: pd.DataFrame) -> str | None:
    """Validation of a baseline is of view to view, which other views do not compare with."""
    rows = table[(table["partition"] == "validation") & ~table["variant"].isin(BASELINES)]
    if rows.empty:
        return None
    means = rows.pivot_table(index="setting", columns="metric", values="value", sort=False)
    return str(means.sort_values(["recall_at_1", "match_above_other"], kind="stable").index[-1])


def seed_spread(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread between seeds of the study's own parameters.

    Args:
        table: of `tabulate_cells`.

    Returns:
        `name` (the variant), `partition`, `task`, `label`, `metric`, `mean`, `sd` (NaN for one seed),
        `n_seeds` and `stratum`.
    """
    keys = ["variant", "partition", "task", "label", "metric", "stratum"]
    rows = table[table["is_base"]].drop_duplicates([*keys, SEED])
    grouped = rows.groupby(keys, sort=False)["value"]
    spread = grouped.agg(mean="mean", sd="std", n_seeds="count").reset_index()
    spread = spread.rename(columns={"variant": "name"})
    return spread[[*(name for name in spread if name != "stratum"), "stratum"]]
