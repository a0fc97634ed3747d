"""Does learning pay? Variants minus baselines, paired by specimen: table and sentence."""

from collections.abc import Callable
from typing import Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import ALPHA, CLASSIFICATION, OPPOSITE_VIEWS, RETRIEVAL, SPECIES_ONLY
from xmodal_pipeline.evaluation.specimen_tables import SPECIES
from xmodal_pipeline.reporting.section import Finding, PageTable, table_of
from xmodal_pipeline.reporting.words import (
    ModalityNames,
    interval,
    number,
    p_value,
    percent,
    signed,
    signed_percent,
    small,
    with_interval,
)

_RECALL: Final = "recall@1"
_ACCURACY: Final = "accuracy"
_GALLERIES: Final = {RETRIEVAL: "all", OPPOSITE_VIEWS: "warped"}


def tabulate_gains(differences: pd.DataFrame, names: ModalityNames, *, is_retrieval: bool) -> PageTable:
    """Every variant minus every baseline, of recall by direction and gallery or of accuracy by label.

    Args:
        differences: of the paired comparison.
        names: display names of the modalities.
        is_retrieval: of retrieval, else of classification.
    """
    rows = []
    for row in _shown(differences, is_retrieval=is_retrieval).itertuples():
        where = (
            (names.label(str(row.label)), _GALLERIES[str(row.task)])
            if is_retrieval
            else (names.rename(str(row.label)),)
        )
        baseline = f"[{names.label(str(row.b))}]"
        if row.features_b not in (row.features_a, "rgb+uv"):
            baseline += f" ({names.label(str(row.features_b))})"
        rows.append(
            (
                names.label(str(row.a)),
                baseline,
                *where,
                number(row.value_a),
                number(row.value_b),
                with_interval(row.difference, row.low, row.high),
                small(row.p, 3),
                small(row.p_adjusted, 3),
                number(row.n, 0),
            )
        )
    where_header = ("Direction", "Gallery") if is_retrieval else ("Label",)
    header = ("Variant", "Baseline", *where_header, "Variant's", "Baseline's")
    what = "recall@1" if is_retrieval else "balanced accuracy"
    return table_of(
        f"Does learning pay? Variants minus baselines, {what} on the same specimens",
        (*header, "Difference (95 % interval)", "p", "p corrected", "n"),
        rows,
        2 + len(where_header),
        note="Paired by specimen; p by flipping the signs of each specimen's differences, corrected for all "
        "comparisons with baselines of this kind (step-down maximum, Westfall & Young). Below 0 the baseline "
        "is better." + ("" if not is_retrieval else " Warped: outline and pose give less away."),
        is_folded=True,
        source="differences",
    )


def _shown(differences: pd.DataFrame, *, is_retrieval: bool) -> pd.DataFrame:
    """The rows against baselines of the one measure that is shown; the table on disk has all."""
    metric, tasks = (_RECALL, list(_GALLERIES)) if is_retrieval else (_ACCURACY, [CLASSIFICATION])
    is_shown = (differences["metric"] == metric) & differences["task"].isin(tasks)
    return differences[is_shown & (differences["family"] == "baselines")]


def find_gains(differences: pd.DataFrame, variant: str, names: ModalityNames) -> list[Finding]:
    """Per label, whether it is easier to read from a variant's features than from what needs no learning.

    A label that each species has one class of is known to who knows the species, and no claim is made; for
    the species itself there is no such baseline.
    """
    rows = _shown(differences, is_retrieval=False)
    has_species = (differences["b"] == SPECIES_ONLY).any()
    findings = []
    for label, part in rows[rows["a"] == variant].groupby("label", sort=False):
        first = part.iloc[0]
        text = (
            f"For {names.rename(str(label))}, balanced accuracy is {number(first['value_a'])} "
            f"({names.label(str(first['features_a']))}, n = {first['n']})"
        )
        if has_species and label != SPECIES and SPECIES_ONLY not in set(part["b"]):
            told = "each species has one class of it, so who knows the species knows it"
            findings.append(Finding(f"{text}, but {told}.", is_claim=False))
        else:
            findings.append(_against_baselines(text, part, number, signed, names))
    return findings


def judge_recall(
    text: str, differences: pd.DataFrame, variant: str, where: tuple[str, str], names: ModalityNames
) -> Finding:
    """Finish a sentence on recall above chance: is it above every baseline, that of the species included?

    Args:
        text: the sentence so far.
        differences: of the paired comparison.
        variant: whose recall it is.
        where: task and direction.
        names: display names of the modalities.
    """
    rivals = find_rivals(differences, variant, where)
    if rivals.empty:
        return Finding(f"{text}; no baseline was measured beside it.", is_claim=False)
    finding = _against_baselines(text, rivals, percent, signed_percent, names)
    decisive = decide(rivals)[0]["b"]
    is_open = not is_exceeded(rivals)[rivals["b"] == SPECIES_ONLY].all()
    if decisive == SPECIES_ONLY or not is_open:
        return finding
    return Finding(f"{finding.text} Nor is it shown to exceed the species alone.", is_claim=False)


def find_rivals(differences: pd.DataFrame, variant: str, where: tuple[str, str]) -> pd.DataFrame:
    """A variant's recall minus that of every baseline, in one task and direction."""
    task, direction = where
    rows = _shown(differences, is_retrieval=True)
    return rows[(rows["a"] == variant) & (rows["task"] == task) & (rows["label"] == direction)]


def decide(rivals: pd.DataFrame) -> tuple[pd.Series, bool]:
    """The baseline that decides, and whether all are exceeded.

    That is the strongest of all where all are exceeded, else of those that are not.
    """
    ordered = rivals.sort_values("difference", kind="stable", na_position="first")
    are_exceeded = is_exceeded(ordered)
    return (ordered if are_exceeded.all() else ordered[~are_exceeded]).iloc[0], bool(are_exceeded.all())


def is_exceeded(rivals: pd.DataFrame) -> pd.Series:
    """Which baselines are exceeded: the interval of the difference and its corrected p say so."""
    return (rivals["low"] > 0) & (rivals["p_adjusted"] <= ALPHA)


def _against_baselines(
    text: str,
    rivals: pd.DataFrame,
    form: Callable[[float], str],
    with_sign: Callable[[float], str],
    names: ModalityNames,
) -> Finding:
    """Finish a sentence with the baseline that decides it; a claim only where every one is exceeded."""
    best, is_above_all = decide(rivals)
    name = names.label(str(best["b"]))
    unit = " points" if form is percent else ""
    if pd.isna(best["difference"]):
        return Finding(f"{text}, but it was not compared with the baseline {name}.", is_claim=False)
    difference = (
        f"difference {with_sign(best['difference'])}{unit}{interval(best['low'], best['high'], with_sign)}"
    )
    rival = f"{name} ({form(best['value_b'])}; {difference}, corrected {p_value(best['p_adjusted'])})"
    if is_above_all:
        several = f"each of {len(rivals)} baselines, the strongest being"
        which = several if len(rivals) > 1 else "the one baseline measured beside it,"
        return Finding(f"{text} and above {which} {rival}.", is_claim=True)
    if best["high"] < 0 and best["p_adjusted"] <= ALPHA:
        return Finding(f"{text}, but without learning {rival} does better.", is_claim=False)
    if best["high"] < 0:
        open_end = "does better; the corrected test does not settle it"
        return Finding(f"{text}, but without learning {rival} {open_end}.", is_claim=False)
    return Finding(f"{text}, but it is not shown to exceed the baseline {rival}.", is_claim=False)
