"""From which modality is a label easier to read? UV − RGB, paired: a sentence, and a table by species."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import pandas as pd

from xmodal_pipeline.evaluation.corrections import holm
from xmodal_pipeline.evaluation.schema import ABOVE_STRATA, ALPHA, BY_STRATUM, CLASSIFICATION, UV_MINUS_RGB
from xmodal_pipeline.reporting.cells import SeedSpread, by_label, rows_by, write_value
from xmodal_pipeline.reporting.section import Finding, PageTable, table_of
from xmodal_pipeline.reporting.words import (
    ModalityNames,
    begin,
    list_words,
    number,
    p_value,
    signed,
    uncorrected,
    write_species,
)

_BEYOND_SPECIES: Final = UV_MINUS_RGB + ABOVE_STRATA


def tabulate_differences(
    comparison: pd.DataFrame, variant: str, names: ModalityNames, spread: SeedSpread
) -> PageTable:
    """One variant's paired difference UV − RGB per label, over all specimens and per species."""
    mine = comparison[(comparison["name"] == variant) & comparison["task"].isin([CLASSIFICATION, BY_STRATUM])]
    rows = []
    for (label, stratum), part in by_label(mine).groupby(["label", "stratum"], sort=False):
        by_metric = rows_by(part, "metric")
        row = by_metric.get(UV_MINUS_RGB)
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
        source="comparison_csv",
    )


class LabelVerdict(NamedTuple):
    """From which modality a label is easier to read, and the sentence that says so."""

    label: str
    easier: str
    """`rgb`, `uv`, or "" where no difference is claimed."""
    finding: Finding
    is_tested: bool = True
    """False where each species has one class of it."""


def judge_labels(comparison: pd.DataFrame, variant: str, names: ModalityNames) -> list[LabelVerdict]:
    """Per label, the paired difference of balanced accuracy between UV and RGB of a variant.

    Where classes are mixed differently in each species, knowing the species predicts the label by itself, and
    a modality that knows the species better would seem to know the label better: so the difference is of what
    each tells beyond the species, where there are species, and of a label that each species has one class of
    nothing is claimed. All labels are one family (Holm 1979). A label that is easier to read from UV may be
    in RGB as well: what UV adds to RGB is another question.
    """
    mine = comparison[(comparison["name"] == variant) & (comparison["task"] == CLASSIFICATION)]
    by_label = [rows_by(part, "metric") for _, part in mine.groupby("label", sort=False)]
    tested = [(by_metric, _tested_metric(by_metric)) for by_metric in by_label]
    tested = [(by_metric, metric) for by_metric, metric in tested if metric]
    corrected = holm([by_metric[metric].p for by_metric, metric in tested])
    return [
        _judge(by_metric, metric, float(p), names)
        for (by_metric, metric), p in zip(tested, corrected, strict=True)
    ]


def say_labels(
    verdicts: Sequence[LabelVerdict], told: Mapping[str, Sequence[str]], variant: str, names: ModalityNames
) -> str:
    """The headline: which labels are easier to read from which modality; empty without a label.

    Args:
        verdicts: of every label.
        told: the modalities that tell a label beyond the species, where that is shown.
        variant: whose features were read.
        names: display names of the modalities.
    """
    easier = {
        modality: [names.rename(one.label) for one in verdicts if one.easier == modality]
        for modality in ("uv", "rgb")
    }
    said = [
        f"{list_words(easier[modality])} {_be(easier[modality])} easier to read from "
        f"{names.label(modality)} than from {names.label(other)}"
        for modality, other in (("uv", "rgb"), ("rgb", "uv"))
        if easier[modality]
    ]
    is_open = [one for one in verdicts if not one.easier]
    no_difference = f"no difference between {names.rgb} and {names.uv} is shown"
    by: dict[tuple[str, ...], list[str]] = {}
    for one in is_open:
        if one.is_tested:
            by.setdefault(tuple(told.get(one.label, ())), []).append(names.rename(one.label))
    for modalities, labels in by.items():
        who = list_words([names.label(modality) for modality in modalities])
        is_told = f"{list_words(labels)} {_be(labels)} told beyond the species by {who}, and {no_difference}"
        said.append(is_told if modalities else f"for {list_words(labels)} {no_difference}")
    untested = [names.rename(one.label) for one in is_open if not one.is_tested]
    if untested:
        said.append(f"{list_words(untested)} could not be tested beyond the species")
    return f"{begin('; '.join(said))} (features of the model {names.label(variant)})." if said else ""


def _be(labels: Sequence[str]) -> str:
    return "is" if len(labels) == 1 else "are"


def _tested_metric(by_metric: dict[str, Any]) -> str:
    """The difference that a label is judged by; "" where there is none."""
    known = [one for one, row in by_metric.items() if pd.notna(row.value)]
    if UV_MINUS_RGB not in known:
        return ""
    return _BEYOND_SPECIES if _BEYOND_SPECIES in by_metric else UV_MINUS_RGB


def _lacks_itself(by_metric: dict[str, Any], better: str) -> str:
    """What the better modality is not above by itself: another may be worse than a guess; "" for nothing."""
    beyond, plain = by_metric.get(better + ABOVE_STRATA), by_metric.get(f"{better}_accuracy")
    if beyond is not None:
        is_above = beyond.p <= ALPHA and beyond.value > 0
        return "" if is_above else "what species and their composition give"
    return "chance" if plain is not None and not plain.low > plain.chance else ""


def _judge(by_metric: dict[str, Any], metric: str, p: float, names: ModalityNames) -> LabelVerdict:
    row = by_metric[metric]
    label = str(row.label)

    def claim(easier: str, text: str) -> LabelVerdict:
        return LabelVerdict(label, easier, Finding(text, is_claim=bool(easier)))

    if row.reason:
        text = (
            f"A difference between {names.uv} and {names.rgb} could not be tested for {label}: {row.reason}."
        )
        return claim("", text)._replace(is_tested=False)
    n = f", n = {row.n:.0f}" if pd.notna(row.n) else ""
    beyond = ", each beyond what the species gives" if metric == _BEYOND_SPECIES else ""
    numbers = (
        f"(balanced accuracy {names.uv} − {names.rgb}{beyond}: "
        f"{signed(row.value)}{uncorrected(row.low, row.high, signed)}, corrected {p_value(p)}{n})"
    )
    if not ((row.low > 0 or row.high < 0) and p <= ALPHA):
        text = f"No difference between {names.uv} and {names.rgb} is shown for {label} {numbers}."
        return claim("", text)
    better, worse = ("uv", "rgb") if row.low > 0 else ("rgb", "uv")
    lacking = _lacks_itself(by_metric, better)
    if lacking:
        text = f"{label} is not shown to be predicted beyond {lacking}"
        return claim("", f"No difference is claimed: {text} {numbers}.")
    return claim(
        better,
        f"{names.label(better)} is easier to read {label} from than {names.label(worse)} {numbers}"
        f"{_shortfall(by_metric, worse, names)}.",
    )


def _shortfall(by_metric: dict[str, Any], worse: str, names: ModalityNames) -> str:
    """How much of a difference is the worse modality's lying below what the species gives; "" for nothing."""
    beyond = by_metric.get(worse + ABOVE_STRATA)
    if beyond is None or not beyond.value < 0:
        return ""
    return f", of which {number(-beyond.value)} is {names.label(worse)} falling below what the species gives"
