"""Tables of a folder: which one labels the captures, and how many of its rows meet a file."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

import pandas as pd

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.grey_standards import KEY_COLUMNS as STANDARD_COLUMNS
from xmodal_pipeline.specimens.inspection.columns import Column, describe_columns, plain
from xmodal_pipeline.specimens.inspection.folder import Folder
from xmodal_pipeline.specimens.inspection.proposal import Setting, State
from xmodal_pipeline.specimens.metadata import (
    clean_labels,
    find_metadata,
    join_metadata,
    read_metadata,
    read_table,
)

_MOST_TABLES: Final = 12
_MOST_BYTES: Final = 50_000_000
_SHOWN_MISSES: Final = 3
_MIN_LABELLED: Final = 0.8
_MOST_COMPARED: Final = 300
"""Rows and captures among which near misses are looked for."""
_ID_WORDS: Final = frozenset(
    {"id", "specimen", "specimenno", "specimennumber", "catalogno", "catalognumber", "code"}
)


@dataclass(frozen=True)
class Table:
    """One table of text beside the images."""

    path: Path
    n_rows: int = 0
    columns: tuple[Column, ...] = ()
    problem: str | None = None
    """Why it cannot be the metadata, as the reader says it."""
    is_standards: bool = False
    """Whether it has the columns of grey standards."""

    def named(self, role: str) -> list[Column]:
        """Its columns of a role."""
        return [column for column in self.columns if column.role == role]


@dataclass(frozen=True)
class Labelling:
    """The table that would label the captures, and how its rows and the captures find one another."""

    table: Table | None = None
    n_labelled: int = 0
    """Captures that have a row."""
    n_unused: int = 0
    """Rows without a capture."""
    nearest: tuple[tuple[str, str], ...] = ()
    """Unused rows with the unlabelled capture whose name is most alike."""
    settings: tuple[Setting, ...] = ()
    obstacles: tuple[str, ...] = ()


def look_at_tables(folder: Folder) -> tuple[tuple[Table, ...], Table | None]:
    """Describe the tables of a folder, and say which one a run reads as metadata by itself, if any."""
    settings = SpecimensParams()
    used = find_metadata(folder.root, settings)
    paths = [folder.root / table for table in folder.tables[:_MOST_TABLES]]
    if used is not None and used not in paths:
        paths.insert(0, used)
    stems = {file.stem.casefold() for file in folder.images}
    tables = tuple(_look(path, settings, stems) for path in paths)
    return tables, next((table for table in tables if table.path == used), None)


def choose_table(
    captures: pd.DataFrame, tables: Sequence[Table], default: Table | None, settings: SpecimensParams
) -> Labelling:
    """The table that a run reads by itself, else the one whose rows meet most captures.

    Args:
        captures: as discovered.
        tables: all that stand in the folder.
        default: the one that a run reads by itself, if there is one.
        settings: layout and pairs proposed so far.
    """
    is_named = settings.rgb_column is not None  # the pairs come from a table already
    if default is not None and default.problem is not None and not is_named:
        how = suggest_key(default) if default.columns else None
        return Labelling(obstacles=(f"{default.path.name} cannot be the metadata: {how or default.problem}",))
    possible = (
        [default] if default and not is_named else [one for one in tables if one.problem is None or is_named]
    )
    matched = [(table, match_rows(captures, table, settings)) for table in possible]
    found = [(table, one) for table, one in matched if one is not None]
    if found:
        table, best = max(found, key=lambda pair: pair[1].n_labelled)
        if table == default or is_named:
            return replace(best, obstacles=(*_unmet(best, len(captures)), *_unused_id(table)))
        if best.n_labelled:
            return replace(
                best, settings=(_metadata(table, best, len(captures)),), obstacles=_unused_id(table)
            )
    renamed = [(one.path.name, suggest_key(one)) for one in tables if one.problem and not one.is_standards]
    return Labelling(
        obstacles=tuple(
            f"{name} may hold the labels: {how}, call it metadata.csv" for name, how in renamed if how
        )
    )


def suggest_key(table: Table) -> str | None:
    """Which header to rename so that a table can be the metadata; None where no column names the captures."""
    files = table.named("file name")
    if files:
        return f"rename its header '{files[0].name}' to 'filename'"
    ids = table.named("id") or [column for column in table.columns if plain(column.name) in _ID_WORDS]
    return f"rename its header '{ids[0].name}' to 'specimen_id'" if ids else None


def _unmet(found: Labelling, n_captures: int) -> tuple[str, ...]:
    """Captures without a row, where they are many."""
    if found.table is None or not n_captures or found.n_labelled >= _MIN_LABELLED * n_captures:
        return ()
    near = "".join(f"; nearest: row '{row}' and capture '{name}'" for row, name in found.nearest[:1])
    return (
        f"only {found.n_labelled} of {n_captures} captures meet a row of {found.table.path.name}{near}; "
        "write the names alike in both",
    )


def _unused_id(table: Table) -> tuple[str, ...]:
    """A column that names specimens under another header, without which their repeats are strangers."""
    like = [column.name for column in table.columns if plain(column.name) in _ID_WORDS]
    if not like or table.named("id"):
        return ()
    return (
        f"'{like[0]}' of {table.path.name} is not used: rename it to 'specimen_id', so that photographs of "
        "one specimen stay together",
    )


def _metadata(table: Table, found: Labelling, n_captures: int) -> Setting:
    why = f"no metadata.csv here; rows of {table.path.name} meet {found.n_labelled} of {n_captures} captures"
    state: State = "certain" if found.n_labelled == n_captures else "doubtful"
    return Setting("specimens.metadata", str(table.path), state, why)


def match_rows(captures: pd.DataFrame, table: Table, settings: SpecimensParams) -> Labelling | None:
    """Join a table to the captures as `ingest` does, and name the nearest misses; None where it cannot be."""
    try:
        metadata, _ = clean_labels(read_metadata(table.path, settings), settings)
    except ValueError:
        return None
    if captures.empty:
        return Labelling(table)
    joined, unused = join_metadata(captures, metadata, settings)
    lost = joined["flags"].str.contains(CaptureCode.NO_METADATA.value)
    unlabelled = list(joined.loc[lost, "capture_id"].astype(str))[:_MOST_COMPARED]
    nearest: list[tuple[str, str]] = []
    for row in unused["filename"].astype(str)[:_MOST_COMPARED]:
        if unlabelled and len(nearest) < _SHOWN_MISSES:
            nearest.append((row, _nearest(row, unlabelled)))
    return Labelling(table, int((~lost).sum()), len(unused), tuple(nearest))


def _nearest(row: str, names: list[str]) -> str:
    """The name that ends in the same number, whatever its zeros, else the one spelt most alike."""
    number = _last_number(row)
    alike = [name for name in names if number is not None and _last_number(name) == number]
    return difflib.get_close_matches(row, alike or names, n=1, cutoff=0)[0]


def _last_number(name: str) -> int | None:
    numbers = re.findall(r"\d+", PurePosixPath(name).stem)
    return int(numbers[-1]) if numbers else None


def _look(path: Path, settings: SpecimensParams, stems: set[str]) -> Table:
    if path.stat().st_size > _MOST_BYTES:
        return Table(path, problem=f"larger than {_MOST_BYTES // 10**6} MB: no table of labels")
    problem = None
    try:
        text = read_table(path, "table")
        try:
            text = read_metadata(path, settings)  # with the headers that a run would see
        except ValueError as error:
            problem = str(error)
        columns = describe_columns(text, settings, stems)
    except ValueError as error:
        return Table(path, problem=str(error))
    is_standards = set(STANDARD_COLUMNS) <= set(text.columns)
    return Table(path, len(text), columns, problem, is_standards)
