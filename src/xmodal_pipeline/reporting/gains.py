"""Does learning pay? Variants minus baselines, paired by specimen: table and sentence."""

from typing import Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import ALPHA, CLASSIFICATION, OPPOSITE_VIEWS, RETRIEVAL, SPECIES_ONLY
from xmodal_pipeline.evaluation.specimen_tables import SPECIES
from xmodal_pipeline.reporting.section import Finding, PageTable, table_of
from xmodal_pipeline.reporting.words import (
    ModalityNames,
    number,
    p_value,
    small,
    with_interval,
)

_RECALL: Final = "recall@1"
_ACCURACY: Final = "accuracy"
_GALLERIES: Final = {RETRIEVAL: "all", OPPOSITE_VIEWS: "warped"}
ABOVE: Final = "above"
BELOW: Final = "below"
OPEN: Final = "open"
UNKNOWN: Final = "unknown"
RELATIONS: Final = {
    ABOVE: "above",
    BELOW: "below",
    OPEN: "not shown to differ from",
    UNKNOWN: "not compared with",
}
"""How a variant may stand to a baseline, in words."""


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
                names.model(str(row.a)),
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
        (*header, "Difference (uncorrected 95 % interval)", "p", "p corrected", "n"),
        rows,
        2 + len(where_header),
        note="Paired by specimen; p by flipping the signs of each specimen's differences, corrected for all "
        "comparisons with baselines of this kind (step-down maximum, Westfall & Young). Below 0 the "
        "baseline scored higher." + ("" if not is_retrieval else " Warped: outline and pose give less away."),
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
            findings.append(_against_baselines(text, part, names))
    return findings


def find_rivals(differences: pd.DataFrame, variant: str, where: tuple[str, str]) -> pd.DataFrame:
    """A variant's recall minus that of every baseline, in one task and direction."""
    task, direction = where
    rows = _shown(differences, is_retrieval=True)
    return rows[(rows["a"] == variant) & (rows["task"] == task) & (rows["label"] == direction)]


def relate(rivals: pd.DataFrame) -> pd.Series:
    """How a variant stands to each baseline: a key of `RELATIONS`.

    A difference is shown where its corrected p is at most 0.05 and its interval leaves 0 out: in either
    direction alike.
    """
    is_shown = rivals["p_adjusted"] <= ALPHA
    relation = pd.Series(OPEN, index=rivals.index, dtype=object)
    relation[is_shown & (rivals["low"] > 0)] = ABOVE
    relation[is_shown & (rivals["high"] < 0)] = BELOW
    relation[rivals["difference"].isna()] = UNKNOWN
    return relation


def _against_baselines(text: str, rivals: pd.DataFrame, names: ModalityNames) -> Finding:
    """Finish a sentence with the baseline that decides it; a claim only where every one is exceeded.

    That is the strongest of all where all are exceeded, else of those that are better, not compared, or open.
    """
    relations = relate(rivals)
    worst = next(one for one in (BELOW, UNKNOWN, OPEN, ABOVE) if (relations == one).any())
    best = rivals[relations == worst].sort_values("difference", kind="stable").iloc[0]
    is_above_all = worst == ABOVE
    name = names.label(str(best["b"]))
    if worst == UNKNOWN:
        return Finding(f"{text}, {RELATIONS[UNKNOWN]} {name}.", is_claim=False)
    numbers = f"({number(best['value_b'])}; corrected {p_value(best['p_adjusted'])})"
    several = f"each of {len(rivals)} baselines, the strongest being " if len(rivals) > 1 else ""
    which = several if is_above_all else ""
    return Finding(f"{text}, {RELATIONS[worst]} {which}{name} {numbers}.", is_claim=is_above_all)
