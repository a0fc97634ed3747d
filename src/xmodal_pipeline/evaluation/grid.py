"""A grid of trainings as tidy tables: one row per cell and number, and the spread between seeds."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from xmodal_pipeline.evaluation.baseline_protocol import evaluate_baselines
from xmodal_pipeline.evaluation.comparison import compare_variants
from xmodal_pipeline.evaluation.model_tables import ModelTables
from xmodal_pipeline.evaluation.protocol import evaluate_variant
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.variants import BASELINES

SEED = "training.seed"
_NUMBERS = ("task", "label", "metric", "value", "low", "high", "n", "chance", "p", "protocol")
_OWN = ("joint_accuracy", "combined_accuracy", "rgb_accuracy", "uv_accuracy")
"""What stands for a model as a whole: the first of these that it has."""
_ON_ALL = ("classification", "classification_knn", "classification_control")
"""Tasks measured on all specimens: training sees no labels. The others are of test specimens."""


def measure_cell(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    history: pd.DataFrame,
    index: pd.DataFrame,
    params: EvaluationParams,
    *,
    variant: str,
    label: str | None,
) -> list[dict[str, Any]]:
    """The numbers of one trained cell.

    Args:
        tables: embeddings, projections and opposite views.
        history: of the training; the epoch that validation chose gives the validation numbers.
        index: `specimen_index`.
        params: the protocol.
        variant: name of the variant.
        label: the label that the study is about.

    Returns:
        `partition` (validation, test or all), `task`, `label`, `metric`, `value`, `low`, `high`, `n`,
        `chance`; missing numbers are None. `own_accuracy` is that of the joint features, else of both
        modalities side by side, else of the only one.
    """
    measured = evaluate_variant(*tables, index, params, label=label)
    rows = compare_variants({variant: measured}, {})
    return [*_validation_rows(history), *_list_rows(rows)]


def measure_baselines(
    models: Mapping[str, ModelTables], index: pd.DataFrame, params: EvaluationParams
) -> dict[str, list[dict[str, Any]]]:
    """The numbers of each baseline, as of a cell: no setting of the grid moves them.

    Args:
        models: of `baseline_tables`.
        index: `specimen_index`.
        params: the protocol.
    """
    rows = compare_variants({}, evaluate_baselines(models, index, params))
    return {str(name): _list_rows(part) for name, part in rows.groupby("name", sort=False)}


def _list_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of `comparison` with a number, and the accuracy of what stands for a model as a whole."""
    rows = rows[rows["value"].notna()]
    accuracies = rows[(rows["task"] == "classification") & rows["metric"].isin(_OWN)]
    own = accuracies.sort_values("metric", key=lambda names: names.map(_OWN.index)).drop_duplicates("label")
    rows = pd.concat([rows, own.assign(metric="own_accuracy")])
    rows["partition"] = np.where(rows["task"].isin(_ON_ALL), "all", "test")
    listed = rows[["partition", *_NUMBERS]].astype(object)
    records = listed.where(listed.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in records]


def _validation_rows(history: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = ["validation_recall_at_1", "validation_match_above_other"]
    scores = history.loc[history["is_kept"], names].dropna()
    if len(scores):
        kept = scores.iloc[-1]
        for name in names:
            row: dict[str, Any] = dict.fromkeys(_NUMBERS)
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
        cells: per cell `cell`, `settings`, `variant`, `seed`, `is_base` and `rows` of `measure_cell`.
        baselines: of `measure_baselines`; they close the table, their setting in brackets, without a seed.

    Returns:
        A row per cell and number: `cell`, a column per key of the grid, `variant`, `training.seed`, `setting`
        (everything but the seed, as words), `is_base` (the study's own parameters but for the seed),
        `is_selected`, `partition` and the columns of `measure_cell`. `is_selected` marks the setting with the
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
    leading = [name for name in table if name not in ("is_selected", "partition", *_NUMBERS)]
    numbers = ["value", "low", "high", "n", "chance", "p"]
    columns = [*leading, "is_selected", "partition", *_NUMBERS]
    return table.reindex(columns=columns).astype(dict.fromkeys(numbers, float))


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
        `name` (the variant), `partition`, `task`, `label`, `metric`, `mean`, `sd` (NaN for one seed) and
        `n_seeds`.
    """
    keys = ["variant", "partition", "task", "label", "metric"]
    rows = table[table["is_base"]].drop_duplicates([*keys, SEED])
    grouped = rows.groupby(keys, sort=False)["value"]
    spread = grouped.agg(mean="mean", sd="std", n_seeds="count").reset_index()
    return spread.rename(columns={"variant": "name"})
