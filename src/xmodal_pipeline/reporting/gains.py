"""Does learning pay? Variants minus baselines, paired by specimen: table and sentence."""

from collections.abc import Callable
from typing import Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import ALPHA, CLASSIFICATION, OPPOSITE_VIEWS, RETRIEVAL, SPECIES_ONLY
from xmodal_pipeline.reporting.section import Finding, PageTable, table_of
from xmodal_pipeline.reporting.words import (
    ModalityNames,
    interval,
    number,
    percent,
    signed,
    signed_percent,
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
                number(row.p, 3),
                number(row.p_adjusted, 3),
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
        "is better." + ("" if not is_retrieval else " Warped: outline and pose do not give the match away."),
        is_folded=True,
    )


def _shown(differences: pd.DataFrame, *, is_retrieval: bool) -> pd.DataFrame:
    """The rows against baselines of the one measure that is shown; the table on disk has all."""
    metric, tasks = (_RECALL, list(_GALLERIES)) if is_retrieval else (_ACCURACY, [CLASSIFICATION])
    is_shown = (differences["metric"] == metric) & differences["task"].isin(tasks)
    return differences[is_shown & (differences["family"] == "baselines")]


def find_gains(differences: pd.DataFrame, variant: str, names: ModalityNames) -> list[Finding]:
    """Per label, whether a variant's features tell more than what needs no learning, paired by specimen."""
    rows = _shown(differences, is_retrieval=False)
    findings = []
    for label, part in rows[rows["a"] == variant].groupby("label", sort=False):
        first = part.iloc[0]
        text = (
            f"For {names.rename(str(label))}, {names.label(variant)} reaches a balanced accuracy of "
            f"{number(first['value_a'])} ({names.label(str(first['features_a']))}, n = {first['n']})"
        )
        findings.append(_against_baselines(text, part, number, signed, names))
    return findings


def judge_recall(
    text: str, differences: pd.DataFrame, variant: str, where: tuple[str, str], names: ModalityNames
) -> Finding:
    """Finish a sentence on recall above chance: is it above every baseline that looks at photographs?

    Args:
        text: the sentence so far.
        differences: of the paired comparison.
        variant: whose recall it is.
        where: task and direction.
        names: display names of the modalities.
    """
    task, direction = where
    rows = _shown(differences, is_retrieval=True)
    is_rival = (rows["a"] == variant) & (rows["task"] == task) & (rows["label"] == direction)
    rivals = rows[is_rival & (rows["b"] != SPECIES_ONLY)]
    if rivals.empty:
        return Finding(f"{text}.", is_claim=True)
    return _against_baselines(text, rivals, percent, signed_percent, names)


def _against_baselines(
    text: str,
    rivals: pd.DataFrame,
    form: Callable[[float], str],
    with_sign: Callable[[float], str],
    names: ModalityNames,
) -> Finding:
    """Finish a sentence with the strongest baseline; a claim only where every one is exceeded."""
    best = rivals.sort_values("difference", kind="stable").iloc[0]
    difference = f"difference {with_sign(best['difference'])}{interval(best['low'], best['high'], with_sign)}"
    rival = (
        f"{names.label(str(best['b']))} ({form(best['value_b'])}; {difference}, corrected "
        f"p = {best['p_adjusted']:.3f})"
    )
    if ((rivals["low"] > 0) & (rivals["p_adjusted"] <= ALPHA)).all():
        return Finding(f"{text} and above every baseline, the strongest being {rival}.", is_claim=True)
    if best["high"] < 0 and best["p_adjusted"] <= ALPHA:
        return Finding(f"{text}, but without learning {rival} does better.", is_claim=False)
    return Finding(f"{text}, but it is not shown to exceed the baseline {rival}.", is_claim=False)
