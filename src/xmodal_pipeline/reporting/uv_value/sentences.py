"""What UV adds, in words: one sentence for the first screen, and one per species with its numbers."""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.verdict import is_found_by_pattern
from xmodal_pipeline.reporting.section import Finding
from xmodal_pipeline.reporting.uv_value.rows import (
    TEST,
    rank_uv_value,
    say_features,
    say_where,
    write_error,
)
from xmodal_pipeline.reporting.words import ModalityNames, interval, list_words, write_species

_BY_PATTERN: Final = "by pattern, not by mean colour"
_MOST_SPECIES: Final = 6
"""Named in the headline; the section names all."""


def say_uv_value(uv_value: pd.DataFrame, names: ModalityNames) -> str:
    """The headline: per label, in which species UV adds and by what features; every species once.

    Empty without a row.
    """
    rows = rank_uv_value(uv_value)
    rows = rows.assign(is_pattern=is_found_by_pattern(rows))
    rows = rows[rows["scope"] == "species"]
    if len(rows) and (rows["verdict"] == "too_few").all():
        few = "no species has enough specimens of both classes of a label"
        return f"What {names.uv} adds to {names.rgb} could not be tested: {few}."
    rows = rows[rows["verdict"] != "too_few"]
    return " ".join(_say_label(str(label), part, names) for label, part in rows.groupby("label", sort=False))


def _say_label(label: str, rows: pd.DataFrame, names: ModalityNames) -> str:
    ways: dict[str, list[str]] = {}
    for species, part in rows.groupby("species", sort=False):
        claims = part[part["verdict"].isin(UV_CLAIMS)]
        if len(claims):
            ways.setdefault(_say_ways(claims), []).append(write_species(str(species)))
    found, tested = sum(map(len, ways.values())), rows["species"].nunique()
    if not found:
        return (
            f"{names.uv} is not shown to add to {names.rgb} about {label} in any of {tested} species tested."
        )
    where = [f"in {_name(species)} {way}" for way, species in ways.items()]
    rest = f"; in {tested - found} of {tested} species this is not shown" if tested > found else ""
    return f"{names.uv} tells of {label} what {names.rgb} does not: {', '.join(where)}{rest}."


def _say_ways(claims: pd.DataFrame) -> str:
    """`by mean colour and by learnt features`."""
    if claims["is_pattern"].all():
        return _BY_PATTERN
    by = sorted({say_features(str(one)) for one in claims["features"]}, reverse=True)
    return list_words([f"by {one}" for one in by])


def _name(species: Sequence[str]) -> str:
    """The species, the first of many, in italics on the page."""
    more = len(species) - _MOST_SPECIES
    return list_words([*species[:_MOST_SPECIES], *([f"{more} more"] if more > 0 else [])])


def find_uv_value(uv_value: pd.DataFrame, names: ModalityNames, *, caution: str = "") -> list[Finding]:
    """Species in which UV adds to RGB, those in which RGB suffices, and how many are open or too few.

    A species stands in one sentence per label, view and patch, for all features that find something there.
    Every claim ends with the caution, if there is one: a clause on what measured colour rests on.
    """
    rows = rank_uv_value(uv_value)
    if rows.empty:
        return []
    rows = rows.assign(is_pattern=is_found_by_pattern(rows), where=say_where(rows))
    end = f"; {caution}." if caution else "."
    claims = rows[rows["verdict"].isin(UV_CLAIMS)]
    texts = [_say_species(part, names) for _, part in claims.groupby(TEST, sort=False)]
    sufficient = rows[rows["verdict"] == "rgb_suffices"]
    if len(sufficient):
        where = [f"{write_species(str(row.species))} ({row.where})" for row in sufficient.itertuples()]
        texts.append(
            f"{names.rgb} separates the classes, and what {names.uv} adds is shown to lie below the margin, "
            f"in {', '.join(dict.fromkeys(where))}"
        )
    findings = [Finding(text + end, is_claim=True) for text in texts]
    return findings + _count_open(rows[~rows["is_pooled"]], names)


def _count_open(rows: pd.DataFrame, names: ModalityNames) -> list[Finding]:
    open_rows, few = ((rows["verdict"] == verdict).sum() for verdict in ("unresolved", "too_few"))
    said = []
    if open_rows:
        said.append(f"{open_rows} of {len(rows)} tests of what {names.uv} adds are unresolved.")
    if few:
        said.append(f"{few} of {len(rows)} had too few specimens to be tested.")
    return [Finding(text, is_claim=False) for text in said]


def _say_species(rows: pd.DataFrame, names: ModalityNames) -> str:
    """One test with all features that claim something in it, the strongest first."""
    first: Any = next(rows.itertuples())
    where = f"In {write_species(str(first.species))}"
    if first.is_pooled:
        carry = f"{first.n_species:.0f}, of which {first.n_carry:.0f} show it alone"
        where = f"On average over {first.species} ({carry})"
    pattern = f" {_BY_PATTERN}" if rows["is_pattern"].all() else ""
    only = f"; {names.rgb} alone hardly tells the classes apart" if "uv_only" in set(rows["verdict"]) else ""
    numbers = "; ".join(_write_numbers(row, names) for row in rows.itertuples())
    n = f"n\u00a0=\u00a0{first.n_1:.0f}\u00a0+\u00a0{first.n_2:.0f}"
    return f"{where}, {names.uv} adds to {names.rgb} about {first.where}{pattern} ({n}): {numbers}{only}"


def _write_numbers(row: Any, names: ModalityNames) -> str:
    """`22.2 by mean colour (95 % interval 11.3 to 40.4), q < 0.001, up to 2.9 % of band noise`."""
    by = say_features(str(row.features))
    amount = f"{row.uv_adds:.1f} by {by}{interval(row.low, row.high, '{:.1f}'.format)}"
    return ", ".join(
        part for part in (amount, write_error(row), write_seeds(row), _holds(row, names)) if part
    )


def write_seeds(row: Any) -> str:
    """`held in 4 of 5 trainings`; empty for colour, and where one seed was trained."""
    seeds = getattr(row, "n_seeds", float("nan"))
    return "" if pd.isna(seeds) else f"held in {row.n_held:.0f} of {seeds:.0f} trainings"


def _holds(row: Any, names: ModalityNames) -> str:
    """Up to what noise a claim stands: of the bands for colour, of RGB as a whole for learnt features."""
    if pd.notna(row.noise_tip):
        return f"holds up to {100 * row.noise_tip:.2g}\u00a0% of band noise"
    if pd.notna(row.tip):
        return f"holds down to a reliability of {names.rgb} of {row.tip:.2f}"
    return ""
