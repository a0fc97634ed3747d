"""What UV adds, in a sentence for the first screen."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import ALPHA, COLOUR, UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.pooling import MINIMUM_POOLED
from xmodal_pipeline.reporting.uv_value.rows import compare_with_colour, rank_uv_value, say_ways
from xmodal_pipeline.reporting.words import ModalityNames, list_words, write_species

_SEX: Final = "sex"
_MOST_SPECIES: Final = 6
"""Named in the headline; the section names all."""


def say_uv_value(uv_value: pd.DataFrame, names: ModalityNames) -> str:
    """The headline: per label, in which species UV adds and by what features; every species once.

    Empty without a row.
    """
    rows = compare_with_colour(rank_uv_value(uv_value))
    pooled, rows = rows[rows["scope"] == "all"], rows[rows["scope"] == "species"]
    if len(rows) and (rows["verdict"] == "too_few").all():
        return (
            f"What {names.uv} adds to {names.rgb} could not be tested in any species by itself: none has "
            f"enough specimens of both classes{_say_pooled(pooled)}."
        )
    rows = rows[rows["verdict"] != "too_few"]
    return " ".join(_say_label(str(label), part, names) for label, part in rows.groupby("label", sort=False))


def _say_pooled(pooled: pd.DataFrame) -> str:
    """What the rows over all species say where none was tested by itself; empty without such rows."""
    if pooled.empty:
        return ""
    over = f"pooled over the {pooled['n_species'].max():.0f} species with at least {MINIMUM_POOLED} of each"
    claimed = pooled.loc[pooled["verdict"].isin(UV_CLAIMS), "label"].unique()
    if len(claimed):
        return f"; {over}, it adds on average about {list_words([str(one) for one in claimed])}"
    return f"; {over}, it is unresolved"


def _say_label(label: str, rows: pd.DataFrame, names: ModalityNames) -> str:
    ways: dict[str, list[str]] = {}
    only, told = [], []
    for species, part in rows.groupby("species", sort=False):
        name, claims = write_species(str(species)), part[part["verdict"].isin(UV_CLAIMS)]
        if len(claims):
            ways.setdefault(_say_way(claims), []).append(name)
            only += [name] if (claims["verdict"] == "uv_only").all() else []
        elif (part["q_uv"] <= ALPHA).any():
            told.append(name)
    classes = "the sexes" if label == _SEX else f"the classes of {label}"
    reads = f"mean {names.uv} tells {classes} apart, which {names.rgb} may explain"
    also = f"; in {_name(told)} {reads}" if told else ""
    found, tested = sum(map(len, ways.values())), rows["species"].nunique()
    if not found:
        add = f"{names.uv} is not shown to add to {names.rgb} about {label}"
        return f"{add} in any of {tested} species tested{also}."
    where = ", ".join(f"in {_name(species)} {way}" for way, species in ways.items())
    silent = f"; {names.rgb} alone hardly tells them apart in {_name(only)}" if only else ""
    cannot_tell = "more is not shown, which does not say that there is none"
    rest = f"; in {tested - found} of {tested} species {cannot_tell}" if tested > found else ""
    return f"{names.uv} shows more of {classes} than {names.rgb} predicts: {where}{silent}{rest}{also}."


def _say_way(claims: pd.DataFrame) -> str:
    """`by learnt features (one training)`: another training may reverse it."""
    seeds = claims["n_seeds"] if "n_seeds" in claims else pd.Series(float("nan"), claims.index)
    is_one = ((claims["features"] != COLOUR) & seeds.isna()).any()
    return f"{say_ways(claims)}{' (one training)' if is_one else ''}"


def _name(species: Sequence[str]) -> str:
    """The species, the first of many, in italics on the page."""
    more = len(species) - _MOST_SPECIES
    return list_words([*species[:_MOST_SPECIES], *([f"{more} more"] if more > 0 else [])])
