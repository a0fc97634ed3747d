"""Tables that stand beside the accuracies: nearest neighbours, controls, and what may be claimed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import CLASSIFICATION, CONTROL, KNN, OWN_SOURCES, SOURCES, TEST_ONLY
from xmodal_pipeline.reporting.cells import (
    SeedSpread,
    by_label,
    by_label_and_name,
    rows_by,
    write_known,
    write_name,
    write_value,
)
from xmodal_pipeline.reporting.section import PageTable, table_of
from xmodal_pipeline.reporting.words import ModalityNames, number

_CONTROLS: Final = {
    "shuffled_freely": "Shuffled",
    "shuffled_within_strata": "Shuffled within species",
    "strata_only_accuracy": "Species alone",
    "confounders_only_accuracy": "Confounders alone",
    "strata_held_out_accuracy": "New species",
    "clades_held_out_accuracy": "New clades",
}
_GAINS: Final = ("improvement", "improvement_over_rgb", "improvement_over_uv")
_DIFFERENCE: Final = "uv_minus_rgb"
_KEYS: Final = ["label", "name", "source"]
_LONG: Final = 12
"""Rows above which a table is folded up."""


def tabulate_nearest(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """Accuracy of the linear probe beside that of weighted k-NN: a row per label, name and source."""
    linear = accuracy_rows(comparison, CLASSIFICATION).drop_duplicates(_KEYS)
    known = {(row.label, row.name, row.source): row for row in linear.itertuples(index=False)}
    nearest = accuracy_rows(comparison, KNN).drop_duplicates(_KEYS)
    rows = [
        (
            names.rename(str(row.label)),
            write_name(str(row.name), str(row.kind), names, spread),
            names.label(str(row.source)),
            write_value(known[row.label, row.name, row.source], spread),
            write_value(row, spread),
            number(row.chance),
            number(row.n, 0),
        )
        for row in by_label(nearest).itertuples(index=False)
        if (row.label, row.name, row.source) in known
    ]
    return table_of(
        "Linear probe beside weighted k-NN on the same folds, balanced accuracy",
        ("Label", "Name", "From", "Linear probe", "k-NN", "Chance", "n"),
        rows,
        3,
        note="Nearest neighbours see structure that no straight boundary follows; where both agree, a result "
        "does not hang on the probe.",
        is_folded=True,
        source="comparison_csv",
    )


def tabulate_test_only(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """The accuracies of the same probes on test specimens alone: a row per label and name."""
    metrics = [*(f"{source}_accuracy" for source in SOURCES), _DIFFERENCE]
    rows = [
        (
            *title,
            *(write_known(by_metric.get(metric), spread) for metric in _shown(by_metric, "_accuracy")),
            write_known(by_metric.get(_DIFFERENCE), spread),
            *_chance_and_n(by_metric),
        )
        for title, by_metric in _by_name(comparison, TEST_ONLY, metrics, names, spread)
    ]
    header = (*_heads(names), names.label(_DIFFERENCE), "Chance", "n")
    return table_of(
        "On test specimens alone: balanced accuracy with 95 % intervals",
        header,
        rows,
        2,
        note="The same predictions, scored on the specimens that no encoder was trained on. Training saw no "
        "labels, so all specimens count elsewhere; a lower accuracy here would mean that the encoders "
        "fitted what they saw.",
        is_folded=True,
        source="comparison_csv",
    )


def tabulate_claims(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """What each source tells beyond the species, and UV − RGB of that: a row per label and name."""
    metrics = [f"{name}_above_strata" for name in (*SOURCES, _DIFFERENCE)]
    rows = [
        (
            *title,
            *(
                write_known(by_metric.get(metric), spread, with_p=True)
                for metric in _shown(by_metric, "_above_strata")
            ),
            write_known(by_metric.get(metrics[-1]), spread),
            number(next(iter(by_metric.values())).n, 0),
        )
        for title, by_metric in _by_name(comparison, CLASSIFICATION, metrics, names, spread)
    ]
    return table_of(
        "What may be claimed: accuracy beyond that of labels shuffled within species",
        (*_heads(names), names.label(_DIFFERENCE), "n"),
        rows,
        2,
        note="Who knows the species knows a label that is mixed differently in each. So the claim is the "
        "accuracy minus its mean with the labels exchanged within species and everything refitted (95 % "
        "interval; p: how often an exchange does as well); the last column is the paired difference of two "
        "such claims. Both: the joint features where there are some, else both side by side.",
        is_folded=len(rows) > _LONG,
        source="comparison_csv",
    )


def tabulate_controls(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """Every label and name: the accuracy beside what it must be read against; empty columns drop out."""
    accuracy, controls = accuracy_rows(comparison, CLASSIFICATION), comparison[comparison["task"] == CONTROL]
    known = [metric for metric in _CONTROLS if (controls["metric"] == metric).any()]
    rows = []
    for title, part in by_label_and_name(controls, names, spread):
        first = part.iloc[0]
        mine = accuracy[(accuracy["label"] == first["label"]) & (accuracy["name"] == first["name"])]
        by_source, by_metric = rows_by(mine, "source"), rows_by(part, "metric")
        source = next((one for one in OWN_SOURCES if one in by_source), None)
        if source is None:
            continue
        rows.append(
            (
                *title,
                names.label(source),
                write_value(by_source[source], spread),
                *(write_known(by_metric.get(metric), spread, with_p=True) for metric in known),
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
        "species (p: how often a shuffle does as well). Alone: predicted from these columns without a "
        "photograph. New: species or clades that the probe was not fitted on.",
        is_folded=len(rows) > _LONG,
        source="comparison_csv",
    )


def tabulate_improvements(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """Every label and name with both modalities: what both side by side gain over one of them."""
    rows = [
        (
            *title,
            *(write_known(by_metric.get(metric), spread, with_p=True) for metric in _GAINS),
            number(by_metric[_GAINS[0]].n, 0),
        )
        for title, by_metric in _by_name(comparison, CLASSIFICATION, _GAINS, names, spread)
    ]
    header = ("Label", "Name", "Over the best single", f"Over {names.rgb}", f"Over {names.uv}", "n")
    return table_of(
        f"What {names.rgb} and {names.uv} side by side gain in balanced accuracy",
        header,
        rows,
        2,
        note="More dimensions alone cost accuracy, so the gain over one modality is reckoned from the "
        "same probe with the other modality's rows permuted within species; p is of that permutation. A "
        f"second reading of what {names.rgb} shows helps too: what {names.uv} has and {names.rgb} lacks is "
        f"tested under What {names.uv} adds.",
        is_folded=len(rows) > _LONG,
        source="comparison_csv",
    )


def accuracy_rows(comparison: pd.DataFrame, task: str) -> pd.DataFrame:
    """The accuracies of a task; a label without any number has one row with the reason."""
    of_source = comparison["source"] + "_accuracy"
    is_accuracy = (comparison["metric"] == "accuracy") | (comparison["metric"] == of_source)
    return comparison[(comparison["task"] == task) & is_accuracy]


def _by_name(
    comparison: pd.DataFrame, task: str, metrics: Sequence[str], names: ModalityNames, spread: SeedSpread
) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Label and name as they are written, with the rows of some measures; those without any are left out."""
    rows = comparison[(comparison["task"] == task) & comparison["metric"].isin(metrics)]
    for title, part in by_label_and_name(rows, names, spread):
        yield title, rows_by(part, "metric")


def _shown(by_metric: Mapping[str, Any], ending: str) -> tuple[str, str, str]:
    """The measures of each modality and of both: of the joint features, else of both side by side."""
    both = next((one for one in OWN_SOURCES[:2] if f"{one}{ending}" in by_metric), OWN_SOURCES[0])
    return f"rgb{ending}", f"uv{ending}", f"{both}{ending}"


def _heads(names: ModalityNames) -> tuple[str, ...]:
    return ("Label", "Name", names.rgb, names.uv, "Both")


def _chance_and_n(by_metric: Mapping[str, Any]) -> tuple[str, str]:
    rows = [row for metric, row in by_metric.items() if metric.endswith("_accuracy")]
    return number(rows[0].chance), number(rows[0].n, 0)
