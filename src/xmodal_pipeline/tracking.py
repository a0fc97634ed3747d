"""What a run found, handed to MLflow where kedro-mlflow tracks the run.

kedro-mlflow starts and ends the MLflow run and logs the parameters; it knows no metric of this project.
"""

import re
import sys
from typing import Any, Final

import pandas as pd
from kedro.framework.hooks import hook_impl

from xmodal_pipeline.datasets.atomic import without_formulas

_TASKS: Final = ("retrieval", "classification")
"""What runs are compared by; the whole `comparison` goes along as a file."""
_FILES: Final = {"report": "report.html", "comparison_csv": "comparison.csv", "uv_value_csv": "uv_value.csv"}
_HISTORY: Final = ".history"
_NOT_ALLOWED: Final = re.compile(r"[^\w/. -]")
"""In the name of a metric."""


class TrackingHooks:
    """Logs measures, training curves, tables and the report as they are saved, within an MLflow run."""

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log one output, if it is among those that a tracker shows."""
        mlflow = sys.modules.get("mlflow")  # kedro-mlflow imports it, where it is installed
        if mlflow is None or mlflow.active_run() is None:
            return
        if dataset_name == "comparison":
            mlflow.log_metrics(list_metrics(data))
        elif dataset_name.endswith(_HISTORY):
            for step, metrics in list_epochs(data, dataset_name.removesuffix(_HISTORY)):
                mlflow.log_metrics(metrics, step=step)
        elif dataset_name in _FILES:
            text = without_formulas(data).to_csv(index=False) if isinstance(data, pd.DataFrame) else data
            mlflow.log_text(text, _FILES[dataset_name])


def list_metrics(comparison: pd.DataFrame) -> dict[str, float]:
    """Measures of every variant, `<variant>/<task>.<label>.<metric>`.

    Args:
        comparison: the table of that name; strata and rows without a value are left out.
    """
    is_shown = (
        (comparison["kind"] == "variant")
        & comparison["task"].isin(_TASKS)
        & (comparison["stratum"] == "")
        & comparison["value"].notna()
    )
    return {
        _name(f"{row['name']}/{row['task']}.{row['label']}.{row['metric']}"): float(row["value"])
        for row in comparison[is_shown].to_dict("records")
    }


def list_epochs(history: pd.DataFrame, variant: str) -> list[tuple[int, dict[str, float]]]:
    """Epoch and its numbers, `<variant>/training.<column>`; what an epoch lacks is left out."""
    numbers = history.drop(columns="epoch").astype(float)
    return [
        (int(epoch), {_name(f"{variant}/training.{name}"): value for name, value in row.dropna().items()})
        for epoch, (_, row) in zip(history["epoch"], numbers.iterrows(), strict=True)
    ]


def _name(text: str) -> str:
    return _NOT_ALLOWED.sub("_", text.replace("@", "_at_"))
