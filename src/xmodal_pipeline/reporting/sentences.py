"""What the data say, in sentences made from the tables.

An interval that reaches chance or 0 claims nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from xmodal_pipeline.reporting.comparison_rows import DIRECTIONS, retrieval_rows
from xmodal_pipeline.reporting.evaluation_figures import rank_uv_value
from xmodal_pipeline.reporting.names import ModalityNames, number, write_species, write_test
from xmodal_pipeline.reporting.seeds import SeedSpread

_SPECIES_ONLY = "species_only"
_ALPHA = 0.05
"""Above this p-value nothing is claimed."""
_GALLERIES = {
    "retrieval": "",
    "retrieval_opposite_views": " warped so that neither outline nor pose gives the match away",
}
"""Tasks of retrieval, and how a sentence says what is special about them."""


@dataclass(frozen=True)
class Finding:
    """One sentence, and whether it claims that something is there."""

    text: str
    is_claim: bool


def percent(value: float) -> str:
    """A share as whole percent."""
    return f"{100 * value:.0f}\u00a0%"


def find_retrieval(
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    names: ModalityNames,
    *,
    variant: str | None = None,
    spread: SeedSpread | None = None,
) -> list[Finding]:
    """Recall@1 in both directions and galleries, of one variant or of all, against chance and baselines.

    Above chance means that the whole interval is. Above the baselines, that each paired difference is: its
    interval and its corrected p-value. What does not exceed them is no claim of learning. Who knows the
    species looks at no photograph: that stands beside chance.
    """
    findings = []
    for task, about in _GALLERIES.items():
        rows = retrieval_rows(comparison, task)
        rows = rows[(rows["k"] == 1) & rows["value"].notna() & rows["direction"].isin(DIRECTIONS)]
        for row in rows[
            (rows["kind"] == "variant") & (rows["name"] == (variant or rows["name"]))
        ].itertuples():
            rivals = _rivals(differences, str(row.name), task, str(row.direction))
            species = rows[(rows["name"] == _SPECIES_ONLY) & (rows["direction"] == row.direction)]["value"]
            oracle = float(species.iloc[0]) if len(species) else math.nan
            findings.append(_judge_recall(row, rivals, about, names, spread=spread, oracle=oracle))
    return findings


def _judge_recall(
    row: Any,
    rivals: pd.DataFrame,
    about: str,
    names: ModalityNames,
    *,
    spread: SeedSpread | None,
    oracle: float,
) -> Finding:
    given, sought = (names.label(m) for m in str(row.direction).split("_to_"))
    n = f" of {row.n:.0f} held-out queries" if pd.notna(row.n) else " of held-out queries"
    key = (str(row.name), str(row.task), str(row.label), str(row.metric))
    seeds = None if spread is None else spread.find(*key)
    over = "" if seeds is None else f", SD over {seeds[1]} seeds {percent(seeds[0])}"
    numbers = f"{percent(row.value)}{n}{_interval(row.low, row.high, percent)}{over}"
    name = names.label(str(row.name))
    text = f"From the {given} photograph{about}, {name} finds the {sought} one first in {numbers}"
    if not row.low > row.chance:
        return Finding(f"{text}; this is not above chance ({percent(row.chance)}).", is_claim=False)
    known = "" if pd.isna(oracle) else f"; who knows the species reaches {percent(oracle)}"
    text += f", above chance ({percent(row.chance)}{known})"
    if rivals.empty:
        return Finding(f"{text}.", is_claim=True)
    return _against_baselines(text, rivals, percent, _signed_percent, names)


def find_gains(
    differences: pd.DataFrame, names: ModalityNames, *, variant: str | None = None
) -> list[Finding]:
    """Per label, whether a variant's features tell more than what needs no learning, paired by specimen."""
    if differences.empty:
        return []
    rows = differences[(differences["metric"] == "accuracy") & (differences["family"] == "baselines")]
    findings = []
    for (name, label), part in rows[rows["a"] == (variant or rows["a"])].groupby(["a", "label"], sort=False):
        first = part.iloc[0]
        text = (
            f"For {names.rename(str(label))}, {names.label(str(name))} reaches a balanced accuracy of "
            f"{number(first['value_a'])} ({names.label(str(first['features_a']))}, n = {first['n']})"
        )
        findings.append(_against_baselines(text, part, number, _signed, names))
    return findings


def _rivals(differences: pd.DataFrame, variant: str, task: str, direction: str) -> pd.DataFrame:
    """Paired differences of recall between a variant and each baseline that looks at photographs."""
    if differences.empty:
        return differences
    differences = differences[differences["b"] != _SPECIES_ONLY]
    keys = {"a": variant, "task": task, "label": direction, "metric": "recall@1", "family": "baselines"}
    return differences[(differences[list(keys)] == list(keys.values())).all(axis=1)]


def _against_baselines(
    text: str, rivals: pd.DataFrame, form: Any, signed: Any, names: ModalityNames
) -> Finding:
    """Finish a sentence with the strongest baseline; a claim only where every one is exceeded."""
    best = rivals.sort_values("difference", kind="stable").iloc[0]
    difference = f"difference {signed(best['difference'])}{_interval(best['low'], best['high'], signed)}"
    rival = (
        f"{names.label(str(best['b']))} ({form(best['value_b'])}; {difference}, corrected "
        f"p = {best['p_adjusted']:.3f})"
    )
    if ((rivals["low"] > 0) & (rivals["p_adjusted"] <= _ALPHA)).all():
        return Finding(f"{text} and above every baseline, the strongest being {rival}.", is_claim=True)
    if best["high"] < 0 and best["p_adjusted"] <= _ALPHA:
        return Finding(f"{text}, but without learning {rival} does better.", is_claim=False)
    return Finding(f"{text}, but it is not shown to exceed the baseline {rival}.", is_claim=False)


def find_differences(
    metrics: Mapping[str, Any], names: ModalityNames, *, variant: str | None = None
) -> list[Finding]:
    """Per label, the paired difference of balanced accuracy between UV and RGB, of one variant or of all."""
    findings = []
    for name, results in _chosen(metrics, variant):
        for label, cell in cells(results.get("classification")).items():
            if _is_number(cell.get(_difference_of(cell))):
                findings.append(_judge_difference(names.label(name), label, cell, names))
    return findings


def cells(part: Any) -> dict[str, Mapping[str, Any]]:
    """The labels of a classification result that hold numbers."""
    if not isinstance(part, Mapping) or "not_applicable" in part:
        return {}
    return {
        str(label): cell
        for label, cell in part.items()
        if isinstance(cell, Mapping) and "not_applicable" not in cell
    }


def _difference_of(cell: Mapping[str, Any]) -> str:
    """The difference that may be claimed: of what each tells beyond the species, where there are species.

    Where classes are mixed differently in each species, knowing the species predicts the label by itself, and
    a modality that knows the species better would seem to know the label better.
    """
    beyond = "uv_minus_rgb_above_strata"
    return beyond if _is_number(cell.get(beyond)) else "uv_minus_rgb"


def _judge_difference(variant: str, label: str, cell: Mapping[str, Any], names: ModalityNames) -> Finding:
    name = _difference_of(cell)
    value, (low, high) = cell[name], cell[f"{name}_ci"]
    n = f", n = {cell['n']}" if "n" in cell else ""
    beyond = ", each beyond what the species gives" if name.endswith("_above_strata") else ""
    difference = (
        f"balanced accuracy {names.uv} − {names.rgb}{beyond}: {_signed(value)}{_interval(low, high, _signed)}"
    )
    numbers = f"({difference}{n}; {variant})"
    if not (low > 0 or high < 0):
        text = f"No difference between {names.uv} and {names.rgb} is claimed for {label} {numbers}."
        return Finding(text, is_claim=False)
    better, worse = ("uv", "rgb") if low > 0 else ("rgb", "uv")
    p = cell.get(f"{better}_above_strata_p")
    if isinstance(p, float) and p > _ALPHA:
        text = f"{label} is not shown to be predicted beyond what species and their composition give"
        return Finding(f"No difference is claimed: {text} {numbers}.", is_claim=False)
    return Finding(
        f"{names.label(better)} tells more about {label} than {names.label(worse)} does {numbers}.",
        is_claim=True,
    )


def find_uv_value(uv_value: pd.DataFrame, names: ModalityNames, *, caution: str = "") -> list[Finding]:
    """Species in which UV adds to RGB, those in which RGB suffices, and how many are open or too few.

    Every claim ends with the caution, if there is one: a clause on what measured colour rests on.
    """
    rows = rank_uv_value(uv_value)
    if rows.empty:
        return []
    findings = [
        _judge_uv_row(row, names) for row in rows.itertuples() if row.verdict in ("uv_only", "uv_adds")
    ]
    sufficient = rows[rows["verdict"] == "rgb_suffices"]
    if len(sufficient):
        where = ", ".join(
            f"{write_species(str(row.species))} ({write_test(row)})" for row in sufficient.itertuples()
        )
        text = (
            f"{names.rgb} separates the classes and {names.uv} adds at most a negligible amount in {where}."
        )
        findings.append(Finding(text, is_claim=True))
    if caution:
        findings = [
            replace(one, text=f"{one.text.removesuffix('.')}; {caution}.") if one.is_claim else one
            for one in findings
        ]
    rows = rows[~rows["is_pooled"]]
    open_rows, few = ((rows["verdict"] == verdict).sum() for verdict in ("unresolved", "too_few"))
    if open_rows:
        findings.append(
            Finding(
                f"{open_rows} of {len(rows)} tests of what {names.uv} adds are unresolved.", is_claim=False
            )
        )
    if few:
        findings.append(Finding(f"{few} of {len(rows)} had too few specimens to be tested.", is_claim=False))
    return findings


def _judge_uv_row(row: Any, names: ModalityNames) -> Finding:
    n = f"n\u00a0=\u00a0{row.n_1:.0f}\u00a0+\u00a0{row.n_2:.0f}"
    error = f"q = {row.q:.3f}" if pd.notna(row.q) else f"p = {row.p:.3f}"
    numbers = f"({row.uv_adds:.1f}{_interval(row.low, row.high, '{:.1f}'.format)}, {error}, {n})"
    where = f"On average over {row.species}" if row.is_pooled else f"In {write_species(str(row.species))}"
    if not row.low > 0:
        what = f"what {names.uv} adds about {write_test(row)}"
        text = f"{where}, {what} is not claimed {numbers}: the interval reaches 0."
        return Finding(text, is_claim=False)
    only = f", and {names.rgb} alone hardly tells the classes apart" if row.verdict == "uv_only" else ""
    return Finding(
        f"{where}, {names.uv} adds to {names.rgb} about {write_test(row)} {numbers}{only}.", is_claim=True
    )


def find_alignment(
    metrics: Mapping[str, Any], names: ModalityNames, *, variant: str | None = None
) -> list[Finding]:
    """Whether the two modalities order specimens alike: within species where tested, else over all pairs."""
    findings = []
    for name, results in _chosen(metrics, variant):
        part = results.get("alignment")
        if not isinstance(part, Mapping) or "not_applicable" in part:
            continue
        where, value, p = _headline(part)
        reason = value.get("not_applicable", "") if isinstance(value, Mapping) else ""
        if str(reason).startswith("too few"):
            text = (
                f"Whether {names.rgb} and {names.uv} order specimens alike {where} was not tested: {reason}"
            )
            findings.append(Finding(f"{text} ({names.label(name)}).", is_claim=False))
        if not (_is_number(value) and _is_number(p)):
            continue
        numbers = f"(Spearman {number(value)}, permutation p = {p:.3f}; {names.label(name)})"
        both = f"{names.rgb} and {names.uv}"
        if p <= _ALPHA and value > 0:
            findings.append(Finding(f"{both} order specimens alike {where} {numbers}.", is_claim=True))
        else:
            findings.append(
                Finding(
                    f"No common order of specimens in {both} is claimed {where} {numbers}.", is_claim=False
                )
            )
    return findings


def _chosen(metrics: Mapping[str, Any], variant: str | None) -> list[tuple[str, Mapping[str, Any]]]:
    """The results of one variant, or of all where none is named."""
    return [(name, results) for name, results in metrics.items() if variant in (None, name)]


def _headline(part: Mapping[str, Any]) -> tuple[str, Any, Any]:
    """Where, statistic and p-value: over all pairs only where there are no species.

    Modalities that merely know the species would always seem alike over all pairs.
    """
    within = part.get("p_value_within")
    if _is_number(within) or (isinstance(within, Mapping) and "no species given" not in str(within)):
        return "within species", part.get("spearman_within"), within
    return "over all pairs", part.get("spearman"), part.get("p_value")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _interval(low: float, high: float, form: Any) -> str:
    if pd.isna(low) or pd.isna(high):
        return ""
    return f" (95\u00a0% interval {form(low)} to {form(high)})"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _signed_percent(value: float) -> str:
    return f"{100 * value:+.0f}".replace("-", "−")
