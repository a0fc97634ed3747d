"""What MLflow gets of a run; a stand-in takes the place of MLflow, which is an extra."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.tracking import TrackingHooks

COMPARISON = pd.DataFrame(
    {
        "name": ["separate", "separate", "separate", "separate", "separate", "pca_cca"],
        "kind": ["variant"] * 5 + ["baseline"],
        "task": ["retrieval", "retrieval", "retrieval", "alignment", "classification", "retrieval"],
        "label": ["rgb_to_uv", "rgb_to_uv", "uv_to_rgb", "all", "sex, all", "rgb_to_uv"],
        "metric": ["recall@1", "recall@1", "mrr", "cka", "uv_accuracy", "recall@1"],
        "stratum": ["", "within species", "", "", "", ""],
        "value": [0.5, 0.25, np.nan, 0.9, 0.75, 1.0],
    }
)


@pytest.fixture
def tracked(monkeypatch):
    """Everything logged, in order, within a run."""
    logged = []
    mlflow = SimpleNamespace(
        active_run=lambda: "a run",
        log_metrics=lambda metrics, step=None: logged.append((step, metrics)),
        log_text=lambda text, name: logged.append((name, text)),
    )
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    return logged


def test_measures_of_variants_are_logged_under_names_that_mlflow_takes(tracked):
    TrackingHooks().after_dataset_saved("comparison", COMPARISON)
    assert tracked == [
        (
            None,
            {
                "separate/retrieval.rgb_to_uv.recall_at_1": 0.5,
                "separate/classification.sex_ all.uv_accuracy": 0.75,
            },
        )
    ]


def test_an_epoch_is_a_step_without_what_it_lacks(tracked):
    history = pd.DataFrame(
        {"epoch": [0, 1], "loss": [2.0, 1.5], "recall": [np.nan, 0.5], "is_kept": [False, True]}
    )
    TrackingHooks().after_dataset_saved("concat.history", history)
    assert tracked == [
        (0, {"concat/training.loss": 2.0, "concat/training.is_kept": 0.0}),
        (1, {"concat/training.loss": 1.5, "concat/training.recall": 0.5, "concat/training.is_kept": 1.0}),
    ]


def test_tables_and_the_report_go_along_as_files_and_nothing_else_does(tracked):
    hooks = TrackingHooks()
    hooks.after_dataset_saved("uv_value_csv", pd.DataFrame({"species": ["=1+1"]}))
    hooks.after_dataset_saved("report", "<h1>UV</h1>")
    hooks.after_dataset_saved("prepared", object())
    assert tracked == [("uv_value.csv", "species\n'=1+1\n"), ("report.html", "<h1>UV</h1>")]


def test_without_a_run_nothing_is_logged(tracked, monkeypatch):
    monkeypatch.setattr(sys.modules["mlflow"], "active_run", lambda: None)
    TrackingHooks().after_dataset_saved("comparison", COMPARISON)
    monkeypatch.delitem(sys.modules, "mlflow")
    TrackingHooks().after_dataset_saved("comparison", COMPARISON)
    assert tracked == []
