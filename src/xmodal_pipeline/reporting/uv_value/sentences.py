"""What UV adds, in words: a sentence per species with its numbers."""

import math
from typing import Any

import pandas as pd

from xmodal_pipeline.evaluation.schema import ALPHA, UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.noise import LEAST_RELIABILITY
from xmodal_pipeline.evaluation.uv_value.verdict import UNINFORMATIVE_AUC
from xmodal_pipeline.reporting.section import Finding
from xmodal_pipeline.reporting.uv_value.rows import (
    TEST,
    compare_with_colour,
    rank_uv_value,
    say_class,
    say_features,
    say_ways,
    say_where,
    write_error,
)
from xmodal_pipeline.reporting.uv_value.unflagged import Unflagged
from xmodal_pipeline.reporting.words import ModalityNames, interval, list_words, number, write_species


def find_uv_value(
    uv_value: pd.DataFrame, names: ModalityNames, *, unflagged: Unflagged | None = None, caution: str = ""
) -> list[Finding]:
    """Species in which UV adds to RGB, those in which RGB suffices, and how many are open or too few.

    A species stands in one sentence per label, view and patch, for all features that find something there,
    with what the others measure, and with what is left of it without flagged captures. Every claim ends with
    the caution, if there is one: a clause on what measured colour rests on.
    """
    rows = rank_uv_value(uv_value)
    if rows.empty:
        return []
    rows = compare_with_colour(rows.assign(where=say_where(rows)))
    end = f"; {caution}." if caution else "."
    claims = rows[rows["verdict"].isin(UV_CLAIMS)]
    texts = [_say_species(part, rows, names, unflagged) for _, part in claims.groupby(TEST, sort=False)]
    sufficient = rows[rows["verdict"] == "rgb_suffices"]
    if len(sufficient):
        where = [f"{write_species(str(row.species))} ({row.where})" for row in sufficient.itertuples()]
        texts.append(
            f"{names.rgb} separates the classes, and what {names.uv} adds is shown to lie below the margin, "
            f"in {', '.join(dict.fromkeys(where))}"
        )
    findings = [Finding(text + end, is_claim=True) for text in texts]
    return findings + _count_open(rows, names)


def _count_open(rows: pd.DataFrame, names: ModalityNames) -> list[Finding]:
    """How many rows of the figure claim nothing, single species apart from pooled rows."""
    single, pooled = rows[~rows["is_pooled"]], rows[rows["is_pooled"]]
    differing = pooled[(pooled["verdict"] == "unresolved") & (pooled["q"] <= ALPHA)]
    is_open = single["verdict"] == "unresolved", pooled.drop(differing.index)["verdict"] == "unresolved"
    counts = [
        f"{unresolved.sum()} of {len(part)} {what}"
        for unresolved, part, what in zip(
            is_open, (single, pooled), ("tests of one species", "averages over species"), strict=True
        )
        if unresolved.any()
    ]
    said = []
    if counts:
        said.append(f"Unresolved are {list_words(counts)}: no evidence that {names.uv} adds nothing.")
    if len(differing):
        said.append(_say_differing(differing))
    is_few = (single["verdict"] == "too_few").groupby(single["species"]).all()
    if is_few.any():
        said.append(f"{is_few.sum()} of {len(is_few)} species had too few specimens to be tested.")
    return [Finding(text, is_claim=False) for text in said]


def _say_differing(pooled: pd.DataFrame) -> str:
    """Pooled rows whose q says that some species differ, and whose interval leaves the mean open."""
    each = [
        f"{row.n_carry:.0f} of {row.n_species:.0f} by {say_features(str(row.features))}, {write_error(row)}"
        for row in pooled.itertuples()
    ]
    return f"Some species differ (intervals above 0: {'; '.join(each)}), but their mean is uncertain."


def _say_species(
    rows: pd.DataFrame, tested: pd.DataFrame, names: ModalityNames, unflagged: Unflagged | None
) -> str:
    """One test with all features that claim something in it, the strongest first.

    Args:
        rows: its claims.
        tested: every row, among them what other features measure in the species.
        names: of the modalities.
        unflagged: what is left of claims without flagged captures.
    """
    first: Any = next(rows.itertuples())
    where = f"In {write_species(str(first.species))}"
    if first.is_pooled:
        carry = f"{first.n_species:.0f}, of which {first.n_carry:.0f} show it alone"
        where = f"On average over {first.species} ({carry})"
    way = f" {say_ways(rows)}" if rows["way"].ne("").all() else ""
    parts = [
        _write_numbers(row, names, unflagged, is_first=i == 0) for i, row in enumerate(rows.itertuples())
    ]
    parts += [_write_unclaimed(row) for row in _find_unclaimed(first, tested).itertuples()]
    only = rows[rows["verdict"] == "uv_only"]
    if len(only):
        by = list_words([say_features(one) for one in dict.fromkeys(only["features"].astype(str))])
        parts.append(f"{names.uv} only: by {by} {names.rgb}'s AUC is below {UNINFORMATIVE_AUC:g}")
    n = f"n\u00a0=\u00a0{first.n_1:.0f}\u00a0+\u00a0{first.n_2:.0f}"
    return f"{where}, {names.uv} adds about {first.where}{way} ({n}): {'; '.join(parts)}"


def _find_unclaimed(first: Any, tested: pd.DataFrame) -> pd.DataFrame:
    """Of each set of features that claims nothing in this species, the row that could still hold most."""
    own: pd.DataFrame = tested[(tested["species"] == first.species) & (tested["label"] == first.label)]
    own = own[~own["is_pooled"] & own["high"].notna()] if not first.is_pooled else own.iloc[:0]
    claiming = own.loc[own["verdict"].isin(UV_CLAIMS), "features"]
    silent = own[~own["features"].isin(claiming)].sort_values("high", ascending=False, kind="stable")
    return silent.drop_duplicates("features")


def _write_unclaimed(row: Any) -> str:
    """`by mean colour 0.0 (0.0 to 0.4), not claimed`."""
    amount = f"{row.uv_adds:.1f} ({row.low:.1f} to {row.high:.1f})"
    return f"by {say_features(str(row.features))} {amount}, not claimed"


def _write_numbers(row: Any, names: ModalityNames, unflagged: Unflagged | None, *, is_first: bool) -> str:
    """`22.2 by mean colour (95 % interval 11.3 to 40.4), q < 0.001, holds up to 2.9 % of band noise`."""
    by = say_features(str(row.features))
    limits = interval(row.low, row.high, "{:.1f}".format)
    if not is_first:  # the sentence has said what limits are
        limits = limits.replace("95\u00a0% interval ", "")
    amount = f"{row.uv_adds:.1f} by {by}{limits}"
    left = "" if unflagged is None else unflagged.say(row)
    parts = (amount, write_error(row), write_seeds(row), _say_brighter(row, names), _holds(row, names), left)
    return ", ".join(part for part in parts if part)


def _say_brighter(row: Any, names: ModalityNames) -> str:
    """`UV 1.80-fold in males`; empty where no colour tells."""
    if pd.isna(row.uv_difference):
        return ""
    first, second = str(row.classes).split(" | ")
    brighter = say_class(second if row.uv_difference > 0 else first)
    return f"{names.uv} {number(math.exp(abs(row.uv_difference)))}-fold in {brighter}"


def write_seeds(row: Any) -> str:
    """`held in 4 of 5 trainings`; empty for colour, and where one seed was trained."""
    seeds = getattr(row, "n_seeds", float("nan"))
    return "" if pd.isna(seeds) else f"held in {row.n_held:.0f} of {seeds:.0f} trainings"


def _holds(row: Any, names: ModalityNames) -> str:
    """Up to what noise a claim stands: of the bands for colour, of RGB as a whole for learnt features."""
    if pd.notna(row.noise_tip):
        return f"holds up to {100 * row.noise_tip:.2g}\u00a0% of band noise"
    if pd.notna(row.tip):
        is_floor = row.tip <= LEAST_RELIABILITY + 1e-9
        how = f"{LEAST_RELIABILITY:.2f}, the lowest tried" if is_floor else f"{row.tip:.2f}"
        return f"holds to an {names.rgb} reliability of {how}"
    return ""
