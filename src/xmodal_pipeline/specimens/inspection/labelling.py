"""Tables of a folder: which one labels the captures, joined to them as a run joins it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd

from xmodal_pipeline.params.columns import column_name
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.columns import Column, Role, describe_columns
from xmodal_pipeline.specimens.grey_standards import KEY_COLUMNS as STANDARD_COLUMNS
from xmodal_pipeline.specimens.inspection.files import Folder
from xmodal_pipeline.specimens.inspection.proposal import Setting, State
from xmodal_pipeline.specimens.inspection.wording import columns_like
from xmodal_pipeline.specimens.joining import Join, join_metadata
from xmodal_pipeline.specimens.metadata import HASH_COLUMNS, clean_labels, find_metadata, read_metadata
from xmodal_pipeline.specimens.names import NameIndex, strip_suffix
from xmodal_pipeline.specimens.tables import describe_guess, read_table

_MOST_TABLES: Final = 12
_MOST_BYTES: Final = 50_000_000
_MIN_LABELLED: Final = 0.8
_MIN_FILES: Final = 0.4
"""Share of a column's values that must name files."""


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
    guess: str = ""
    """What its letters are read as, where nothing in the file says it."""

    def named(self, role: Role) -> list[Column]:
        """Its columns of a role."""
        return [column for column in self.columns if column.role == role]


@dataclass(frozen=True)
class Labelling:
    """The table that would label the captures, and how its rows and the captures find one another."""

    table: Table | None = None
    join: Join | None = None
    """Of the captures and the table."""
    settings: tuple[Setting, ...] = ()
    obstacles: tuple[str, ...] = ()

    @property
    def n_labelled(self) -> int:
        """Captures that a row serves."""
        return 0 if self.join is None else len(self.join.captures) - len(self.join.unlabelled)


def look_at_tables(folder: Folder) -> tuple[tuple[Table, ...], Table | None]:
    """Describe the tables of a folder, and say which one a run reads as metadata by itself, if any."""
    settings = SpecimensParams()
    used = find_metadata(folder.root, settings)
    paths = [folder.root / table for table in folder.tables[:_MOST_TABLES]]
    if used is not None and used not in paths:
        paths.insert(0, used)
    names = NameIndex(folder.root)
    for number, file in enumerate(folder.images):
        names.add(file, number)
    tables = tuple(_look(path, settings, names) for path in paths)
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
    found = [one for table in possible if (one := _join(captures, table, settings)) is not None]
    if found:
        best = max(found, key=lambda one: one.n_labelled)
        if is_named or best.table == default:
            return replace(best, obstacles=(*_doubts(best), *_other_headers(best)))
        if best.n_labelled:
            return replace(best, settings=(_metadata(best),), obstacles=_other_headers(best))
    renamed = [(one.path.name, suggest_key(one)) for one in tables if one.problem and not one.is_standards]
    return Labelling(
        obstacles=tuple(
            f"{name} may hold the labels: {how}, call it metadata.csv" for name, how in renamed if how
        )
    )


def suggest_key(table: Table) -> str | None:
    """Headers to rename so that a table can be the metadata; None where that is not what it lacks."""
    files, ids = table.named("file"), table.named("id") or columns_like(table.columns, "specimen_id")
    key = (files or ids)[:1]
    called = "filename" if files else "specimen_id"
    if not key or column_name(key[0].name) == called:
        return None
    renamed = {key[0].name: called}
    for name in ("species", "sex"):
        if like := columns_like(table.columns, name):
            renamed.setdefault(like[0].name, name)
    shown = ", ".join(f"'{old}' to '{new}'" for old, new in renamed.items())
    return f"rename its header{'s' if len(renamed) > 1 else ''} {shown}"


def doubts_of_values(table: Table | None) -> tuple[str, ...]:
    """Letters and species that may be written otherwise than they are meant."""
    if table is None:
        return ()
    found = (table.guess, *(one.doubt_of_species() for one in table.columns))
    return tuple(f"{table.path.name}: {one}" for one in found if one)


def _doubts(found: Labelling) -> tuple[str, ...]:
    """Captures without a row, where they are many, and rows that are refused."""
    if found.table is None or found.join is None:
        return ()
    join, name = found.join, found.table.path.name
    doubts = []
    if found.n_labelled < _MIN_LABELLED * len(join.captures):
        alike = [f", nearest: {miss.nearest} and {miss.name}" for miss in join.misses if miss.nearest]
        remedy = "write the names alike in both" if join.misses else "add rows for the others"
        n = f"{found.n_labelled} of {len(join.captures)}"
        doubts.append(f"only {n} captures have a row of {name}{''.join(alike[:1])}; {remedy}")
    if join.refusals:
        doubts.append(f"{name}: {join.refusals[0].reason}")
    return tuple(doubts)


def _other_headers(found: Labelling) -> tuple[str, ...]:
    """Columns of specimens and species under other headers: repeats of one specimen would be strangers."""
    if found.table is None:
        return ()
    uses = {
        "specimen_id": "photographs of one specimen stay together",
        "species": "species are compared as such",
        "sex": "it is cleaned as such",
    }
    return tuple(
        f"'{like[0].name}' of {found.table.path.name} is no '{name}': rename it so, so that {use}"
        for name, use in uses.items()
        if (like := columns_like(found.table.columns, name))
    )


def _metadata(found: Labelling) -> Setting:
    if found.table is None or found.join is None:
        raise ValueError("labelling: must have a table")
    n, table = len(found.join.captures), found.table.path
    why = f"no metadata.csv here; rows of {table.name} meet {found.n_labelled} of {n} captures"
    state: State = "certain" if found.n_labelled == n else "doubtful"
    return Setting("specimens.metadata", str(table), state, why)


def _join(captures: pd.DataFrame, table: Table, settings: SpecimensParams) -> Labelling | None:
    """Join a table to the captures as `ingest` does; None where it cannot be the metadata."""
    try:
        metadata, _ = clean_labels(read_metadata(table.path, settings), settings)
    except ValueError:
        return None
    return Labelling(table, join_metadata(captures, metadata, settings, root=settings.root or table.path))


def _look(path: Path, settings: SpecimensParams, names: NameIndex) -> Table:
    if path.stat().st_size > _MOST_BYTES:
        return Table(path, problem=f"larger than {_MOST_BYTES // 10**6} MB: no table of labels")
    problem = None
    try:
        text = read_table(path, "table")
        try:
            text = read_metadata(path, settings)  # with the headers that a run would see
        except ValueError as error:
            problem = str(error)
    except ValueError as error:
        return Table(path, problem=str(error))
    cleaned, changes = clean_labels(text, settings)
    ids = ["specimen_id", *HASH_COLUMNS]
    columns = describe_columns(cleaned, changes, files=_name_files(text, names), ids=ids)
    is_standards = set(STANDARD_COLUMNS) <= {column_name(header) for header in text.columns}
    return Table(path, len(text), columns, problem, is_standards, describe_guess(path))


def _name_files(table: pd.DataFrame, names: NameIndex) -> list[str]:
    """The columns that name images, `filename` whatever it holds.

    Names without an extension might be those of specimens: they count where two columns mostly hold such
    names, and never the same.
    """
    found, bare = ["filename"], {}
    for column in table.columns:
        written = [str(value) for value in table[column].dropna() if str(value).strip()]
        files = [names.find(value) for value in written]
        n_suffixed = sum(
            strip_suffix(value) != value and bool(file) for value, file in zip(written, files, strict=True)
        )
        if n_suffixed > _MIN_FILES * len(written):
            found.append(str(column))
        elif sum(len(file) == 1 for file in files) > _MIN_FILES * len(written):
            bare[str(column)] = {number for file in files for number in file}
    are_pairs = len(bare) == 2 and set.isdisjoint(*bare.values())
    return [*found, *bare] if are_pairs else found
