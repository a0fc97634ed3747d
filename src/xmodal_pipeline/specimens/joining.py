"""Which row of the metadata serves which capture: none where that is uncertain, and each accounted for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.discovery import EXPECTED_HASHES, REJECTED_COLUMNS
from xmodal_pipeline.specimens.metadata import HASH_COLUMNS, label_columns
from xmodal_pipeline.specimens.names import (
    NameIndex,
    compose,
    nearest,
    nearest_candidates,
    spell,
    strip_suffix,
)

_VIEW = "view"
_FIRST_ROW = 2
"""Of a spreadsheet whose first row is the header."""
_SHOWN = 3
_LOOKED_UP = 20
"""Missed rows for which a similar name is looked for; that takes time."""


@dataclass(frozen=True)
class Miss:
    """A row that met no capture."""

    row: int
    """As a spreadsheet numbers it, the header being row 1."""
    name: str
    """What the row calls its capture."""
    nearest: str | None
    """The capture without a row that is called most like it, if any is."""


@dataclass(frozen=True)
class Refusal:
    """Rows that are not used, because it is not certain what they mean."""

    rows: tuple[int, ...]
    name: str
    """What the first of the rows calls its capture."""
    captures: tuple[str, ...]
    """The captures that stay unlabelled for it."""
    reason: str


@dataclass(frozen=True)
class Join:
    """Captures with their specimens and labels; each row of the table is used, missed or refused."""

    captures: pd.DataFrame
    """As discovered, with `specimen_id`, `flags` and one column per label."""
    n_rows: int
    """Rows of the table."""
    used: tuple[int, ...]
    """Rows that serve a capture."""
    misses: tuple[Miss, ...]
    refusals: tuple[Refusal, ...]
    unlabelled: tuple[str, ...]
    """Captures that no row serves."""

    @property
    def unused_rows(self) -> pd.DataFrame:
        """Rows that serve no capture (`filename, code, reason`), each under what it calls its capture."""
        rows = [
            (
                miss.name,
                CaptureCode.NO_CAPTURE.value,
                f"row {miss.row} of the metadata met no file{_hint(miss)}",
            )
            for miss in self.misses
        ]
        rows += [
            (refusal.name, CaptureCode.AMBIGUOUS_METADATA.value, refusal.reason) for refusal in self.refusals
        ]
        return pd.DataFrame(rows, columns=REJECTED_COLUMNS)

    def describe(self) -> str:
        """How many rows met a capture and how many captures a row, with the nearest misses; one line."""
        refused = self.n_rows - len(self.used) - len(self.misses)
        parts = [f"{len(self.used)} of {self.n_rows} rows met a file"]
        near = [f"{miss.nearest} and {miss.name}" for miss in self.misses if miss.nearest][:_SHOWN]
        if near:
            parts.append(f"nearest: {', '.join(near)}")
        elif self.misses:
            parts.append(f"not met: {', '.join(miss.name for miss in self.misses[:_SHOWN])}")
        if refused:
            parts.append(f"{refused} rows refused: {self.refusals[0].reason}")
        if self.unlabelled:
            parts.append(
                f"{len(self.unlabelled)} of {len(self.captures)} captures have no row: "
                f"{', '.join(self.unlabelled[:_SHOWN])}{' …' if len(self.unlabelled) > _SHOWN else ''}"
            )
        return "; ".join(parts)


def _hint(miss: Miss) -> str:
    return f"; nearest: {miss.nearest}" if miss.nearest else ""


def join_metadata(
    captures: pd.DataFrame, metadata: pd.DataFrame | None, specimens: SpecimensParams, *, root: Path
) -> Join:
    """Give each capture its specimen and labels, where it is certain which row is its own.

    A row with a file name serves the capture whose file it names (see `NameIndex`), and no other. A row
    without serves the captures called as its specimen, or beginning with that and a separator, unless another
    specimen of the table goes on like that. Where several rows mean one capture, they must agree in every
    label, or the capture's name must contain the `view` of one of them.

    Args:
        captures: of `discover_captures`.
        metadata: cleaned; None leaves every capture unlabelled, a specimen of its own.
        specimens: the settings of the study.
        root: the folder, whose name may stand in the table's paths.
    """
    if metadata is None:
        joined = captures.assign(specimen_id=captures["capture_id"], flags="")
        return Join(joined, 0, (), (), (), ())
    rows = _Rows(metadata.reset_index(drop=True), specimens)
    files = [_files_of(capture, specimens) for capture in captures.itertuples(index=False)]
    ids = [str(capture) for capture in captures["capture_id"]]
    claims, refusals = _claim_by_name(rows, files, ids, root)
    refused = {capture for refusal in refusals for capture in refusal.captures}
    free = [at for at, capture in enumerate(ids) if at not in claims and capture not in refused]
    claims |= _claim_by_specimen(rows, {at: files[at][-1].name for at in free})
    served: dict[int, list[int]] = {}
    for at, claimants in claims.items():
        mine = _agreeing(rows, claimants, files[at][-1].name)
        if mine:
            served[at] = mine
        else:
            refusals.append(_disagreement(rows, claimants, ids[at]))
    used = {row for mine in served.values() for row in mine}
    doubted = {row - _FIRST_ROW for refusal in refusals for row in refusal.rows}
    unmet = [row for row in range(rows.n) if row not in used | doubted]
    unserved = [at for at in range(len(ids)) if at not in served]
    return Join(
        captures=_fill(captures, rows, served, refusals),
        n_rows=rows.n,
        used=tuple(sorted(row + _FIRST_ROW for row in used)),
        misses=_misses(rows, unmet, {files[at][-1].name: ids[at] for at in unserved}),
        refusals=tuple(refusals),
        unlabelled=tuple(ids[at] for at in unserved),
    )


class _Rows:
    """The table, and what each row calls its capture."""

    def __init__(self, table: pd.DataFrame, specimens: SpecimensParams) -> None:
        self.n = len(table)
        self.labels = label_columns(table, specimens)
        self.cells = {name: _known(table, name) for name in (*self.labels, "specimen_id")}
        self.hashes = {
            expected: _known(table, name)
            for name, expected in zip(HASH_COLUMNS, EXPECTED_HASHES, strict=True)
            if name in table
        }
        self.files = _known(table, specimens.rgb_column or "filename")
        self.specimens = self.cells["specimen_id"]

    def name(self, row: int) -> str:
        """What a row calls its capture; empty where it names none."""
        return self.files.get(row) or self.specimens.get(row) or ""

    def values(self, rows: Sequence[int], column: str) -> list[str]:
        """The known values of some rows, each once."""
        known = self.cells[column]
        return list(dict.fromkeys(known[row] for row in rows if row in known))


def _known(table: pd.DataFrame, column: str) -> dict[int, str]:
    """What a column says, by row."""
    if column not in table:
        return {}
    return {row: compose(str(name)) for row, name in enumerate(table[column]) if pd.notna(name)}


def _files_of(capture: tuple[object, ...], specimens: SpecimensParams) -> list[PurePosixPath]:
    """The files of a capture, and last the name that they share, without suffix and extension."""
    rgb, uv = PurePosixPath(capture.filename), capture.uv_filename  # type: ignore[attr-defined]
    stem = strip_suffix(compose(rgb.name)).removesuffix(compose(specimens.rgb_suffix or ""))
    shared = rgb.with_name(stem) if stem else rgb
    return [rgb, *([PurePosixPath(uv)] if uv else []), shared]


def _claim_by_name(
    rows: _Rows, files: list[list[PurePosixPath]], ids: list[str], root: Path
) -> tuple[dict[int, list[int]], list[Refusal]]:
    """The rows that name each capture's file, and rows whose name several captures have."""
    names = NameIndex(root.resolve())
    for at, own in enumerate(files):
        for file in own:
            names.add(file, at)
    claims: dict[int, list[int]] = {}
    refusals: list[Refusal] = []
    for row, name in rows.files.items():
        meant = names.find(name)
        if len(meant) == 1:
            claims.setdefault(meant[0], []).append(row)
        elif meant:
            mine = tuple(ids[at] for at in meant)
            reason = (
                f"row {row + _FIRST_ROW} names '{name}', which {len(mine)} captures are called "
                f"({', '.join(mine[:_SHOWN])}{' …' if len(mine) > _SHOWN else ''}); write their folders"
            )
            refusals.append(Refusal((row + _FIRST_ROW,), name, mine, reason))
    # A file that one row names by its folder is that row's; the doubtful row is refused all the same.
    return claims, refusals


def _claim_by_specimen(rows: _Rows, names: dict[int, str]) -> dict[int, list[int]]:
    """For captures that no row names by file, the rows of the specimen that they are called after."""
    by_id: dict[str, list[int]] = {}
    for row, specimen in rows.specimens.items():
        if row not in rows.files:
            by_id.setdefault(spell(specimen), []).append(row)
    continued = {spell(one[: cut + 1]) for one in rows.specimens.values() for cut in _separators(one)}
    claims: dict[int, list[int]] = {}
    for at, name in names.items():
        for cut in [len(name), *reversed(_separators(name))]:
            mine = by_id.get(spell(name[:cut]))
            if mine is None:
                continue
            exact = [row for row in mine if rows.specimens[row] == name[:cut]]
            if cut == len(name) or spell(name[: cut + 1]) not in continued:
                claims[at] = exact or mine
            break  # of a specimen that others continue, it is not certain what a longer name means
    return claims


def _separators(name: str) -> list[int]:
    return [at for at, letter in enumerate(name) if at and not letter.isalnum()]


def _agreeing(rows: _Rows, claimants: list[int], name: str) -> list[int]:
    """The rows that serve a capture: all where they agree, else those of the view in its name; or none."""
    if not _differences(rows, claimants):
        return claimants
    words = set(re.split(r"[\W_]+", spell(name)))
    views = rows.cells.get(_VIEW, {})
    mine = [row for row in claimants if row in views and spell(views[row]) in words]
    return mine if mine and not _differences(rows, mine) else []


def _differences(rows: _Rows, some: Sequence[int]) -> dict[str, list[str]]:
    """Columns in which some rows hold different known values."""
    found = {column: rows.values(some, column) for column in rows.cells} if len(some) > 1 else {}
    return {column: values for column, values in found.items() if len(values) > 1}


def _disagreement(rows: _Rows, claimants: list[int], capture: str) -> Refusal:
    differ = [
        f"{column} ({', '.join(values[:_SHOWN])})" for column, values in _differences(rows, claimants).items()
    ]
    numbers = tuple(row + _FIRST_ROW for row in claimants)
    reason = (
        f"rows {', '.join(map(str, numbers[:5]))} are about '{capture}' and differ in {', '.join(differ)}; "
        "keep one, or tell them apart by file name or view"
    )
    return Refusal(numbers, rows.name(claimants[0]), (capture,), reason)


def _misses(rows: _Rows, unmet: list[int], unserved: dict[str, str]) -> tuple[Miss, ...]:
    candidates = nearest_candidates(unserved)
    misses = []
    for n, row in enumerate(unmet):
        near = nearest(rows.name(row), candidates, is_loose=n < _LOOKED_UP)
        misses.append(Miss(row + _FIRST_ROW, rows.name(row), unserved[near] if near else None))
    return tuple(misses)


def _fill(
    captures: pd.DataFrame, rows: _Rows, served: dict[int, list[int]], refusals: list[Refusal]
) -> pd.DataFrame:
    joined = captures.copy()
    for column in rows.labels:
        values = [next(iter(rows.values(served.get(at, []), column)), pd.NA) for at in range(len(captures))]
        joined[column] = pd.array(values, dtype="string")
    joined["specimen_id"] = [
        next(iter(rows.values(served.get(at, []), "specimen_id")), capture)
        for at, capture in enumerate(captures["capture_id"])
    ]
    for column, known in rows.hashes.items():
        joined[column] = pd.array(
            [
                next((known[row] for row in served.get(at, []) if row in known), pd.NA)
                for at in range(len(captures))
            ],
            dtype="string",
        )
    doubtful = {capture for refusal in refusals for capture in refusal.captures}
    joined["flags"] = [
        "" if at in served else _UNSERVED[capture in doubtful]
        for at, capture in enumerate(captures["capture_id"])
    ]
    return joined


_UNSERVED = {True: CaptureCode.AMBIGUOUS_METADATA.value, False: CaptureCode.NO_METADATA.value}
