"""What UV adds, in words: one sentence for the first screen, and one per species with its numbers."""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.noise import LEAST_RELIABILITY
from xmodal_pipeline.evaluation.uv_value.verdict import is_found_by_pattern, is_found_without_colour
from xmodal_pipeline.reporting.section import Finding
from xmodal_pipeline.reporting.uv_value.rows import (
    TEST,
    rank_uv_value,
    say_features,
    say_where,
    write_error,
)
from xmodal_pipeline.reporting.uv_value.unflagged import Unflagged
from xmodal_pipeline.reporting.words import ModalityNames, interval, list_words, number, write_species

_BY_PATTERN: Final = "by pattern, not by mean colour"
_OPEN: Final = "by learnt features, while mean colour leaves it open"
_SEX: Final = "sex"
_MOST_SPECIES: Final = 6
"""Named in the headline; the section names all."""


def say_uv_value(uv_value: pd.DataFrame, names: ModalityNames) -> str:
    """The headline: per label, in which species UV adds and by what features; every species once.

    Empty without a row.
    """
    rows = rank_uv_value(uv_value)
    rows = _compare_with_colour(rows)
    pooled, rows = rows[rows["scope"] == "all"], rows[rows["scope"] == "species"]
    if len(rows) and (rows["verdict"] == "too_few").all():
        few = "no species has enough specimens of both classes of a label"
        return f"What {names.uv} adds to {names.rgb} could not be tested: {few}{_say_pooled(pooled)}."
    rows = rows[rows["verdict"] != "too_few"]
    return " ".join(_say_label(str(label), part, names) for label, part in rows.groupby("label", sort=False))


def _say_pooled(pooled: pd.DataFrame) -> str:
    """What the rows over all species say where none was tested by itself; empty without such rows."""
    if pooled.empty:
        return ""
    claimed = pooled.loc[pooled["verdict"].isin(UV_CLAIMS), "label"].unique()
    if len(claimed):
        return f"; on average over all species it adds about {list_words([str(one) for one in claimed])}"
    return f"; over all {pooled['n_species'].max():.0f} together nothing is shown"


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
    cannot_tell = "is not shown, which does not say that there is none"
    rest = f"; in {tested - found} of {tested} species one {cannot_tell}" if tested > found else ""
    between = "between the sexes" if label == _SEX else f"between the classes of {label}"
    return f"{names.uv} shows a difference {between} that {names.rgb} does not: {', '.join(where)}{rest}."


def _compare_with_colour(rows: pd.DataFrame) -> pd.DataFrame:
    """With `way`: how claims of learnt features stand to a mean colour that claims nothing; "" elsewhere."""
    way = pd.Series("", index=rows.index, dtype=object)
    way[is_found_without_colour(rows)] = _OPEN
    way[is_found_by_pattern(rows)] = _BY_PATTERN
    return rows.assign(way=way)


def _say_ways(claims: pd.DataFrame) -> str:
    """`by mean colour and by learnt features`."""
    ways = set(claims["way"])
    if "" not in ways:
        return _BY_PATTERN if _BY_PATTERN in ways else _OPEN
    by = sorted({say_features(str(one)) for one in claims["features"]}, reverse=True)
    return list_words([f"by {one}" for one in by])


def _name(species: Sequence[str]) -> str:
    """The species, the first of many, in italics on the page."""
    more = len(species) - _MOST_SPECIES
    return list_words([*species[:_MOST_SPECIES], *([f"{more} more"] if more > 0 else [])])


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
    rows = _compare_with_colour(rows.assign(where=say_where(rows)))
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
    counts = [
        f"{(part['verdict'] == 'unresolved').sum()} of {len(part)} {what}"
        for part, what in ((single, "tests of one species"), (pooled, "averages over species"))
        if (part["verdict"] == "unresolved").any()
    ]
    said = []
    if counts:
        said.append(f"Unresolved are {list_words(counts)}: no evidence that {names.uv} adds nothing.")
    if few := (single["verdict"] == "too_few").sum():
        said.append(f"{few} of {len(single)} had too few specimens to be tested.")
    return [Finding(text, is_claim=False) for text in said]


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
    way = f" {_say_ways(rows)}" if rows["way"].ne("").all() else ""
    parts = [
        _write_numbers(row, names, unflagged, is_first=i == 0) for i, row in enumerate(rows.itertuples())
    ]
    parts += [_write_unclaimed(row) for row in _find_unclaimed(first, tested).itertuples()]
    only = rows[rows["verdict"] == "uv_only"]
    if len(only):
        by = list_words([say_features(one) for one in dict.fromkeys(only["features"].astype(str))])
        at_most = number(only["auc_rgb_upper"].max())
        parts.append(f"{names.uv} only: {names.rgb}'s AUC is at most {at_most} by {by}")
    n = f"n\u00a0=\u00a0{first.n_1:.0f}\u00a0+\u00a0{first.n_2:.0f}"
    return f"{where}, {names.uv} adds to {names.rgb} about {first.where}{way} ({n}): {'; '.join(parts)}"


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
    parts = (amount, write_error(row), write_seeds(row), _holds(row, names), left)
    return ", ".join(part for part in parts if part)


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
