"""Which photograph tells a trait beyond what the species gives: a sentence per label."""

from typing import Any, Final, NamedTuple

import pandas as pd

from xmodal_pipeline.evaluation.corrections import holm
from xmodal_pipeline.evaluation.schema import ABOVE_STRATA, ALPHA, CLASSIFICATION, CONTROL, MODALITIES
from xmodal_pipeline.reporting.section import Finding
from xmodal_pipeline.reporting.words import (
    ModalityNames,
    interval,
    list_words,
    number,
    p_value,
    signed,
    uncorrected,
)

_NEW_SPECIES: Final = "strata_held_out_accuracy"


class Told(NamedTuple):
    """What is said of labels beyond the species."""

    by: dict[str, list[str]]
    """Per label the modalities that are shown to tell it, `rgb` before `uv`."""
    findings: tuple[Finding, ...]


def judge_beyond(comparison: pd.DataFrame, variant: str, permutations: int, names: ModalityNames) -> Told:
    """Per label, which modality tells it above labels shuffled within species.

    Both modalities of all labels are one family (Holm 1979).

    Args:
        comparison: the tidy table.
        variant: whose features are read.
        permutations: of the protocol, behind every p; too few can show nothing, which is then said once.
        names: display names of the modalities.
    """
    mine = comparison[comparison["name"] == variant]
    metrics = [f"{one}{ABOVE_STRATA}" for one in MODALITIES]
    rows = mine[(mine["task"] == CLASSIFICATION) & mine["metric"].isin(metrics) & mine["p"].notna()]
    if rows.empty:
        return Told({}, ())
    labels = [names.rename(str(label)) for label in rows["label"].unique()]
    if len(rows) > ALPHA * (permutations + 1):
        be = "are" if len(labels) > 1 else "is"
        text = (
            f"Whether {list_words(labels)} {be} told beyond the species cannot be shown: {permutations} "
            f"permutations are too few for {len(rows)} tests."
        )
        return Told({}, (Finding(text, is_claim=False),))
    rows = rows.assign(p_adjusted=holm(rows["p"]), modality=rows["metric"].str.removesuffix(ABOVE_STRATA))
    rows = rows.assign(is_told=(rows["p_adjusted"] <= ALPHA) & (rows["value"] > 0))
    fresh = mine[(mine["task"] == CONTROL) & (mine["metric"] == _NEW_SPECIES)].set_index("label")
    by, findings = {}, []
    for label, part in rows.groupby("label", sort=False):
        by[str(label)] = part.loc[part["is_told"], "modality"].tolist()
        new = fresh.loc[label] if label in fresh.index and by[str(label)] else None
        findings.append(_say_label(str(label), part, new, names))
    return Told(by, tuple(findings))


def _say_label(label: str, rows: pd.DataFrame, new: Any, names: ModalityNames) -> Finding:
    told, open_ = rows[rows["is_told"]], rows[~rows["is_told"]]
    parts = [
        f"{is_told} beyond the species by {list_words([_write(row, names) for row in part.itertuples()])}"
        for part, is_told in ((told, "told"), (open_, "not shown to be told"))
        if len(part)
    ]
    said = f"{names.rename(label)} is {'; '.join(parts)}"
    if new is not None:
        limits = interval(new["low"], new["high"], number)
        said += f"; in species not learnt from, {names.label(str(new['source']))} features reach "
        said += f"{number(new['value'])}{limits}"
    return Finding(f"{said}.", is_claim=len(told) > 0)


def _write(row: Any, names: ModalityNames) -> str:
    limits = uncorrected(row.low, row.high, signed).removeprefix(" (").removesuffix(")")
    details = ", ".join(filter(None, (limits, f"corrected {p_value(row.p_adjusted)}")))
    return f"{names.label(row.modality)} ({signed(row.value)}; {details})"
