"""Tables that stand beside the accuracies: nearest neighbours, controls, and what both modalities add."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from xmodal_pipeline.reporting.evaluation_figures import accuracy_rows, control_rows
from xmodal_pipeline.reporting.names import ModalityNames, number
from xmodal_pipeline.reporting.report_tables import PageTable, table_of, with_interval
from xmodal_pipeline.reporting.seeds import SeedSpread
from xmodal_pipeline.reporting.sentences import cells

_MISSING: Final = "–"
_READ_FROM: Final = ("joint", "combined", "rgb", "uv")
"""What controls are made from: the first of these that a variant has, as in `evaluation.classification`."""
_CONTROLS: Final = {
    "shuffled_freely": "Shuffled",
    "shuffled_within_strata": "Shuffled within species",
    "above_shuffled_within_strata": "Above that",
    "strata_only_accuracy": "Species alone",
    "confounders_only_accuracy": "Confounders alone",
    "strata_held_out_accuracy": "New species",
    "clades_held_out_accuracy": "New clades",
}
_KEYS: Final = ["label", "name", "source"]
_LONG: Final = 12
"""Rows above which a table is folded up."""


def tabulate_nearest(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """Accuracy of the linear probe beside that of weighted k-NN: a row per label, name and source."""
    linear = accuracy_rows(comparison, "classification").drop_duplicates(_KEYS)
    nearest = accuracy_rows(comparison, "classification_knn").drop_duplicates(_KEYS)
    both = nearest.merge(linear[[*_KEYS, "value", "low", "high"]], on=_KEYS, suffixes=("", "_linear"))
    rows = []
    for row in _by_label(both).itertuples():
        label, name = str(row.label), str(row.name)
        cell = [
            names.rename(label),
            _title(name, str(row.kind), names),
            names.label(str(row.source)),
            with_interval(row.value_linear, row.low_linear, row.high_linear),
            with_interval(row.value, row.low, row.high),
            number(row.chance),
            number(row.n, 0),
        ]
        if spread.is_known:
            found = spread.describe(name, "classification_knn", label, [str(row.metric)])
            cell.append(found if row.kind == "variant" else _MISSING)
        rows.append(cell)
    header = ["Label", "Name", "From", "Linear probe", "k-NN", "Chance", "n"]
    if spread.is_known:
        header.append("SD of k-NN over seeds")
    return table_of(
        "Linear probe beside weighted k-NN on the same folds, balanced accuracy",
        header,
        rows,
        3,
        note="Nearest neighbours see structure that no straight boundary follows; where both agree, a result "
        "does not hang on the probe.",
        is_folded=True,
        last_is_text=spread.is_known,
    )


def tabulate_controls(
    comparison: pd.DataFrame, metrics: Mapping[str, Mapping[str, Any]], names: ModalityNames
) -> PageTable:
    """Every label and name: the accuracy beside what it must be read against; empty columns drop out.

    Args:
        comparison: the tidy table.
        metrics: per variant and baseline, for the p-values of the shuffles.
        names: display names of the modalities.
    """
    accuracy, controls = accuracy_rows(comparison, "classification"), control_rows(comparison)
    known = [metric for metric in _CONTROLS if (controls["metric"] == metric).any()]
    rows = []
    for (label, name), part in _by_label(controls).groupby(["label", "name"], sort=False):
        mine = accuracy[(accuracy["label"] == label) & (accuracy["name"] == name)]
        by_source = mine.drop_duplicates("source").set_index("source")
        source = next((one for one in _READ_FROM if one in by_source.index), None)
        if source is None:
            continue
        by_metric = part.drop_duplicates("metric").set_index("metric")
        measured = cells(metrics.get(str(name), {}).get("classification")).get(str(label), {})
        rows.append(
            (
                names.rename(str(label)),
                _title(str(name), str(part["kind"].iloc[0]), names),
                names.label(source),
                with_interval(*by_source.loc[source, ["value", "low", "high"]]),
                *(_control(metric, by_metric, measured.get("controls", {})) for metric in known),
                number(part["n"].max(), 0),
            )
        )
    header = ("Label", "Name", "From", "Accuracy", *(_CONTROLS[metric] for metric in known), "n")
    return table_of(
        "Controls: what the accuracy must be read against",
        header,
        rows,
        3,
        note="Shuffled: mean accuracy with the labels exchanged among all specimens, and among those of one "
        "species (p: how often a shuffle does as well); above that is what a label other than the species "
        "can claim. Alone: predicted from these columns without a photograph. New: species or clades that "
        "the probe was not fitted on.",
        is_folded=len(rows) > _LONG,
    )


def _control(metric: str, by_metric: pd.DataFrame, controls: Mapping[str, Any]) -> str:
    if metric not in by_metric["value"].dropna().index:
        return _MISSING
    p = controls.get(f"{metric}_p")
    text = with_interval(*by_metric.loc[metric, ["value", "low", "high"]])
    return text if p is None else f"{text} (p {number(p)})"


def tabulate_improvements(metrics: Mapping[str, Mapping[str, Any]], names: ModalityNames) -> PageTable:
    """Every label and variant with both modalities: what both side by side gain over one of them."""
    columns = ("improvement", "improvement_over_rgb", "improvement_over_uv")
    found = [
        (label, variant, cell)
        for variant, results in metrics.items()
        for label, cell in cells(results.get("classification")).items()
        if all(isinstance(cell.get(column), float) for column in columns)
    ]
    order = list(dict.fromkeys(label for label, _, _ in found))
    rows = []
    for label, variant, cell in sorted(found, key=lambda one: order.index(one[0])):
        gains = [with_interval(cell[column], *cell[f"{column}_ci"]) for column in columns]
        ps = [number(cell.get(f"{column}_p"), 3) for column in columns[1:]]
        numbers = (gains[0], gains[1], ps[0], gains[2], ps[1])
        rows.append((names.rename(label), names.label(variant), *numbers, str(cell["n"])))
    gains_over = (f"Over {names.rgb}", "p", f"Over {names.uv}", "p")
    header = ("Label", "Name", "Over the best single", *gains_over, "n")
    return table_of(
        f"What {names.rgb} and {names.uv} side by side gain in balanced accuracy",
        header,
        rows,
        2,
        note="More dimensions alone cost accuracy, so the gain over one modality is reckoned from the "
        "same probe with the other modality's rows permuted; p is of that permutation.",
        is_folded=len(rows) > _LONG,
    )


def _by_label(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one label together, labels in the order in which they come."""
    labels = {label: i for i, label in enumerate(rows["label"].unique())}
    return rows.iloc[rows["label"].map(labels).argsort(kind="stable")]


def _title(name: str, kind: str, names: ModalityNames) -> str:
    """The name of a variant, or of a baseline in brackets."""
    return names.label(name) if kind == "variant" else f"[{names.label(name)}]"
