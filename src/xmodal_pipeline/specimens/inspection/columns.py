"""What each column of a table would be: file name, id, species, label, number, date, or ignored."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

import pandas as pd

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.metadata import KEY_COLUMNS, clean_labels, key_columns

Role = Literal["file name", "id", "species", "label", "number", "date", "ignored"]
CONFOUNDER_WORDS: Final = frozenset(
    {
        "session",
        "date",
        "year",
        "month",
        "day",
        "museum",
        "collection",
        "institution",
        "camera",
        "lens",
        "lamp",
    }
    | {"observer", "photographer", "batch", "drawer", "site", "locality", "location", "country", "region"}
)
"""Headers of what may go together with a label without being about the organism."""
_SPECIES: Final = frozenset({"species", "taxon", "taxa", "scientificname", "speciesname", "binomial", "sp"})
_DATE: Final = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}"  # 1998-05-31
    r"|\d{1,2}[-/. ]+(\d{1,2}|[a-z]{3,9})[-/. ]+\d{2,4})"  # 31.5.1998, 31 May 98
    r"([ T]\d\d?:\d\d(:\d\d)?)?$",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?$")
_MOST_CLASSES: Final = 50
_FEW_NUMBERS: Final = 10
"""Whole numbers of at most so many values may be classes."""
_MOST: Final = 0.8
"""Share of a column's values that must look alike."""
_SHOWN: Final = 6


@dataclass(frozen=True)
class Column:
    """One column of a table, as it would be used."""

    name: str
    role: Role
    detail: str
    """Classes with counts and spellings, range, or why it is ignored."""
    classes: dict[str, int]
    """Cleaned classes of a label or species and their rows."""
    unknown: tuple[str, ...] = ()
    """Values outside the label's vocabulary, which become unlabelled."""


def describe_columns(
    table: pd.DataFrame, settings: SpecimensParams, file_stems: Collection[str]
) -> tuple[Column, ...]:
    """Describe every column of a table.

    Args:
        table: as text.
        settings: its keys and vocabularies.
        file_stems: casefolded names of the images, without extension.
    """
    cleaned, changes = clean_labels(table, settings)
    outside = changes[changes["why"].str.startswith("not in the vocabulary")] if len(changes) else changes
    described = []
    for name in table.columns:
        raw = table[name].fillna("").str.strip()
        unknown = tuple(outside.loc[outside["column"] == name, "found"].astype(str)) if len(outside) else ()
        described.append(_describe(str(name), raw, cleaned[name], settings, file_stems, unknown))
    return tuple(described)


def plain(header: str) -> str:
    """A header without case, spaces, dots, dashes and underscores."""
    return re.sub(r"[\s._\-]+", "", header).casefold()


def _describe(
    name: str,
    raw: pd.Series,
    cleaned: pd.Series,
    settings: SpecimensParams,
    file_stems: Collection[str],
    unknown: tuple[str, ...],
) -> Column:
    values = raw[raw != ""]
    if values.empty:
        return Column(name, "ignored", "empty", {})
    names_files = _share(values, lambda value: _stem(value) in file_stems and "." in value) >= _MOST / 2
    if name in key_columns(settings) or plain(name) in {plain(key) for key in KEY_COLUMNS}:
        role: Role = "id" if plain(name) == "specimenid" else "file name"
        return Column(name, role, f"{values.nunique()} different", {})
    if names_files:
        return Column(name, "file name", f"{values.nunique()} different; names files", {})
    if _share(values, lambda value: _DATE.match(value) is not None) >= _MOST:
        return Column(name, "date", f"{values.nunique()} days, {_span(values)}; no classes", {})
    classes = {str(k): int(n) for k, n in cleaned.dropna().value_counts().items()}
    if plain(name) in _SPECIES:
        return Column(name, "species", _show_classes(classes, raw, cleaned), classes, unknown)
    is_number = values.str.match(_NUMBER)
    if is_number.mean() >= _MOST:
        numbers = pd.to_numeric(values[is_number].str.replace(",", "."))
        whole = bool((numbers == numbers.round()).all())
        if not whole or numbers.nunique() > _FEW_NUMBERS or numbers.nunique() > len(values) / 2:
            detail = f"{numbers.min():g} to {numbers.max():g}, {len(values)} of {len(raw)} rows"
            return Column(name, "number", detail, {})
    if len(classes) == 1 and not unknown:
        return Column(name, "ignored", f"one value: {next(iter(classes))}", {})
    if len(classes) > min(_MOST_CLASSES, max(2, len(values) // 2)):
        return Column(name, "ignored", f"{len(classes)} different texts in {len(values)} rows", {})
    outside = f"; not among its terms: {', '.join(unknown[:_SHOWN])}" if unknown else ""
    return Column(name, "label", _show_classes(classes, raw, cleaned) + outside, classes, unknown)


def _stem(value: str) -> str:
    path = PurePosixPath(value.replace("\\", "/"))
    return path.stem.casefold()


def _share(values: pd.Series, holds: Callable[[str], bool]) -> float:
    return sum(holds(str(value)) for value in values) / len(values)


def _span(values: pd.Series) -> str:
    ordered = sorted(values)
    return f"{ordered[0]} to {ordered[-1]}"


def _show_classes(classes: dict[str, int], raw: pd.Series, cleaned: pd.Series) -> str:
    shown = []
    for name, count in list(classes.items())[:_SHOWN]:
        written = sorted({" ".join(str(one).split()) for one in raw[cleaned == name]})
        spelt = f" ({', '.join(written[:_SHOWN])})" if len(written) > 1 else ""
        shown.append(f"{name} {count}{spelt}")
    more = f", … {len(classes) - _SHOWN} more" if len(classes) > _SHOWN else ""
    n_empty = int((raw == "").sum())
    return f"{len(classes)} classes: {', '.join(shown)}{more}{f'; {n_empty} empty' if n_empty else ''}"
