"""Which modality tells more about a label: the paired difference UV − RGB as a sentence, and per species."""

from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import ALPHA, BY_STRATUM, CLASSIFICATION
from xmodal_pipeline.reporting.cells import SeedSpread, by_label, rows_by, write_value
from xmodal_pipeline.reporting.section import Finding, PageTable, table_of
from xmodal_pipeline.reporting.words import ModalityNames, interval, number, signed, write_species

_DIFFERENCE: Final = "uv_minus_rgb"
_BEYOND: Final = "_above_strata"


def tabulate_differences(
    comparison: pd.DataFrame, variant: str, names: ModalityNames, spread: SeedSpread
) -> PageTable:
    """One variant's paired difference UV − RGB per label, over all specimens and per species."""
    mine = comparison[(comparison["name"] == variant) & comparison["task"].isin([CLASSIFICATION, BY_STRATUM])]
    rows = []
    for (label, stratum), part in by_label(mine).groupby(["label", "stratum"], sort=False):
        by_metric = rows_by(part, "metric")
        row = by_metric.get(_DIFFERENCE)
        if row is None or pd.isna(row.value):
            continue
        accuracies = [number(by_metric[f"{source}_accuracy"].value) for source in ("rgb", "uv")]
        where = write_species(str(stratum) or "all")
        rows.append(
            (names.rename(str(label)), where, *accuracies, write_value(row, spread), number(row.n, 0))
        )
    difference = f"{names.uv} − {names.rgb}"
    return table_of(
        f"{difference}, balanced accuracy on the same specimens ({names.label(variant)})",
        ("Label", "Species", names.rgb, names.uv, f"{difference} (95 % interval)", "n"),
        rows,
        2,
    )


def find_differences(comparison: pd.DataFrame, variant: str, names: ModalityNames) -> list[Finding]:
    """Per label, the paired difference of balanced accuracy between UV and RGB of a variant.

    Where classes are mixed differently in each species, knowing the species predicts the label by itself, and
    a modality that knows the species better would seem to know the label better: so the difference is of what
    each tells beyond the species, where there are species.
    """
    mine = comparison[(comparison["name"] == variant) & (comparison["task"] == CLASSIFICATION)]
    findings = []
    for _, part in mine[mine["value"].notna()].groupby("label", sort=False):
        by_metric = rows_by(part, "metric")
        metric = next((one for one in (_DIFFERENCE + _BEYOND, _DIFFERENCE) if one in by_metric), None)
        if metric is not None:
            findings.append(_judge(by_metric, metric, names))
    return findings


def _judge(by_metric: dict[str, Any], metric: str, names: ModalityNames) -> Finding:
    row = by_metric[metric]
    label = str(row.label)
    n = f", n = {row.n:.0f}" if pd.notna(row.n) else ""
    beyond = ", each beyond what the species gives" if metric.endswith(_BEYOND) else ""
    difference = (
        f"balanced accuracy {names.uv} − {names.rgb}{beyond}: "
        f"{signed(row.value)}{interval(row.low, row.high, signed)}"
    )
    numbers = f"({difference}{n}; {names.label(str(row.name))})"
    if not (row.low > 0 or row.high < 0):
        text = f"No difference between {names.uv} and {names.rgb} is claimed for {label} {numbers}."
        return Finding(text, is_claim=False)
    better, worse = ("uv", "rgb") if row.low > 0 else ("rgb", "uv")
    own = by_metric.get(better + _BEYOND)
    if own is not None and own.p > ALPHA:
        text = f"{label} is not shown to be predicted beyond what species and their composition give"
        return Finding(f"No difference is claimed: {text} {numbers}.", is_claim=False)
    return Finding(
        f"{names.label(better)} tells more about {label} than {names.label(worse)} does {numbers}.",
        is_claim=True,
    )
