"""What the columns of the metadata are: ids, labels with classes, numbers, dates, or text."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from xmodal_pipeline.specimens.names import spell

Kind = Literal["empty", "classes", "number", "date", "text"]
"""What the values of a column are."""
Role = Literal["file", "id", "empty", "species", "label", "number", "date", "text"]
"""What a column is for."""

_ALWAYS_CLASSES = ("species", "sex", "view", "clade")
MOST_CLASSES = 50
"""More than this is a name or a measurement, not a class."""
_MOST_DISCRETE = 10
"""Whole numbers of more distinct values are measured or counted; fewer may name classes, such as sessions."""
OUTSIDE = "not in the vocabulary: unlabelled"
"""Why `clean_labels` made a value missing."""
_SHOWN = 6
_MOST_ODD = 4
"""Numbers for each class that is none, from which on a label looks like a measurement."""

_RANKS = frozenset(
    {"ssp.", "subsp.", "var.", "f.", "cf.", "aff.", "nr.", "sp.", "spp.", "nov.", "n.", "s.", "str.", "agg."}
)
"""Abbreviations within a name, which are no author's."""

_MONTH = r"(?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\.?"
_DATE = re.compile(
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}(?:[t ][\d:.,+z ]+)?"
    r"|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d{2})(?: [\d:.]+)?"
    rf"|\d{{1,2}}\.?[- ]{_MONTH}[- ](?:\d{{4}}|\d{{2}})"
    r"|(?:1[5-9]|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",
    re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class Column:
    """One column of the metadata, as the study takes it."""

    name: str
    role: Role
    n_known: int
    """Rows with a value."""
    n_missing: int
    classes: dict[str, int]
    """Of a species or label: rows per class, the most frequent first."""
    spellings: dict[str, tuple[str, ...]]
    """What was written otherwise, by class; under "" what means unlabelled."""
    outside: tuple[str, ...] = ()
    """What was written and is none of the vocabulary's terms, so that it means unlabelled."""
    extent: str = ""
    """Of numbers: the smallest and the largest."""

    def describe(self) -> str:
        """The column, what it is taken for, and its classes; one line."""
        parts = [f"{self.name} → {self.role}"]
        if self.classes:
            shown = [f"{name} {n}{self._others(name)}" for name, n in list(self.classes.items())[:_SHOWN]]
            more = " …" if len(self.classes) > _SHOWN else ""
            word = "class" if len(self.classes) == 1 else "classes"
            parts.append(f"{len(self.classes)} {word} ({', '.join(shown)}{more})")
        if self.extent:
            parts.append(self.extent)
        if self.n_missing:
            spelt = [one for one in self.spellings.get("", ()) if one.strip() and one not in self.outside]
            parts.append(f"{self.n_missing} missing" + (f" ({', '.join(spelt[:_SHOWN])})" if spelt else ""))
        if self.outside:
            parts.append(f"not in specimens.vocabulary: {', '.join(self.outside[:_SHOWN])}")
        if odd := self._no_numbers():
            parts.append(f"all but {', '.join(odd)} are numbers; is that one of specimens.missing?")
        if doubt := self.doubt_of_species():
            parts.append(doubt)
        return ", ".join(parts)

    def doubt_of_species(self) -> str:
        """Two species that differ in how their author is written alone; empty without any."""
        names: dict[str, list[str]] = {}
        for name in self.classes if self.role == "species" else ():
            names.setdefault(_without_author(name), []).append(name)
        twice = next((found for found in names.values() if len(found) > 1), None)
        if twice is None:
            return ""
        return f"'{twice[0]}' and '{twice[1]}' count as two species; write them alike if they are one"

    def _no_numbers(self) -> list[str]:
        """The one or two classes of a label that are no numbers where many others are."""
        odd = [name for name in self.classes if not is_number(point_decimals(name))]
        return odd if self.role == "label" and len(self.classes) > max(_MOST_ODD * len(odd), 1) > 1 else []

    def _others(self, name: str) -> str:
        """How else a class was written, in more than case and spaces."""
        others = [one for one in self.spellings.get(name, ()) if spell(" ".join(one.split())) != name]
        return f" [{', '.join(others[:_SHOWN])}]" if others else ""


def _without_author(species: str) -> str:
    """`colias hyale (linnaeus, 1758)`, `colias hyale l.` → `colias hyale`; a subspecies stays."""
    words = species.split()
    if len(words) < 2 or words[1].endswith("."):  # `colias aff. sp. 1`: what follows tells it apart
        return species
    for at, word in enumerate(words[2:], 2):
        is_author = word[0] == "(" or (word[-1] in ",." and word not in _RANKS)
        if is_author or any(re.fullmatch(r"\d{4}\)?", later) for later in words[at + 1 : at + 2]):
            return " ".join(words[:at])
    return species


def describe_columns(
    metadata: pd.DataFrame, changes: pd.DataFrame, *, files: Iterable[str], ids: Iterable[str]
) -> tuple[Column, ...]:
    """What each column is taken for.

    Args:
        metadata: cleaned, of `clean_labels`.
        changes: its report.
        files: columns that name files.
        ids: columns that name specimens.
    """
    keys: dict[str, Role] = {**dict.fromkeys(files, "file"), **dict.fromkeys(ids, "id")}
    return tuple(_describe(str(name), metadata[name], changes, keys.get(str(name))) for name in metadata)


def _describe(name: str, values: pd.Series, changes: pd.DataFrame, key: Role | None) -> Column:
    kind = column_kind(values, name)
    role = key or _role(name, kind)
    mine = changes[changes["column"] == name]
    counts = values.value_counts() if role in ("species", "label") else pd.Series(dtype=int)
    extent = ""
    if role == "number":
        numbers = values.dropna().astype(float)
        extent = f"{numbers.min():g} to {numbers.max():g}"
    return Column(
        name=name,
        role=role,
        n_known=int(values.notna().sum()),
        n_missing=int(values.isna().sum()),
        classes={str(value): int(n) for value, n in counts.items()},
        spellings={str(became): tuple(rows["found"].astype(str)) for became, rows in mine.groupby("became")},
        outside=tuple(mine.loc[mine["why"] == OUTSIDE, "found"].astype(str)),
        extent=extent,
    )


def _role(name: str, kind: Kind) -> Role:
    if name == "species" and kind != "empty":  # however many they are
        return "species"
    return "label" if kind == "classes" else kind


def column_kind(values: pd.Series, name: str = "") -> Kind:
    """What the known values of a column are, all of them.

    Dates are no classes. Numbers are none where one has decimals or more than ten differ; species, sex, view
    and clade are classes whatever they are written as.

    Args:
        values: cleaned; missing ones say nothing.
        name: of the column.
    """
    known = [str(value) for value in values.dropna().unique()]
    if not known:
        return "empty"
    if name not in _ALWAYS_CLASSES:
        if all(_DATE.fullmatch(value) for value in known):
            return "date"
        is_measured = len(known) > _MOST_DISCRETE or any("." in value for value in known)
        if is_measured and all(is_number(value) for value in known):
            return "number"
    return "classes" if len(known) <= MOST_CLASSES else "text"


def is_number(text: str) -> bool:
    """Whether a text is a finite number with a decimal point."""
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def point_decimals(text: str) -> str:
    """`20,5` → `20.5`; any other text as it is."""
    return text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text
