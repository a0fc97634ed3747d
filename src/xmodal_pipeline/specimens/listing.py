"""A study before any pixel is read: what its folder and table hold, and what each is taken for."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from xmodal_pipeline.errors import NO_FAULTS, ParametersError
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.agreement import Disagreement, settle_labels
from xmodal_pipeline.specimens.columns import Column, describe_columns
from xmodal_pipeline.specimens.discovery import discover_captures
from xmodal_pipeline.specimens.filtering import apply_filter
from xmodal_pipeline.specimens.folder import TABLE_SUFFIXES
from xmodal_pipeline.specimens.grey_standards import list_standards_only, read_standards
from xmodal_pipeline.specimens.joining import Join, join_metadata
from xmodal_pipeline.specimens.metadata import (
    HASH_COLUMNS,
    clean_labels,
    find_metadata,
    label_columns,
    read_metadata,
)
from xmodal_pipeline.specimens.names import quote
from xmodal_pipeline.specimens.sides import describe_unlabelled_sides
from xmodal_pipeline.specimens.tables import describe_guess


@dataclass(frozen=True)
class Listing:
    """The captures of a study with their labels, and an account of everything else that lies there."""

    captures: pd.DataFrame
    """`capture_id, specimen_id, filename, uv_filename, flags` and one column per label."""
    rejected: pd.DataFrame
    """Files and rows that make no capture (`filename, code, reason`)."""
    changes: pd.DataFrame
    """What cleaning changed in the labels, of `clean_labels`."""
    table: Path | None
    """The metadata."""
    guess: str
    """What its letters are read as, where nothing in the file says it."""
    columns: tuple[Column, ...]
    join: Join
    disagreements: tuple[Disagreement, ...]
    unused_tables: tuple[str, ...]
    """Tables beside the images that no parameter names."""

    def describe(self) -> list[str]:
        """The account, a line per fact; of columns one each."""
        lines = [f"{self.table.name}: {column.describe()}" for column in self.columns if self.table]
        if self.table:
            if self.guess:
                lines.insert(0, f"{self.table.name}: {self.guess}")
            lines.append(f"{self.table.name}: {self.join.describe()}")
            lines += [
                f"{self.table.name}: {sides}" for sides in [describe_unlabelled_sides(self.captures)] if sides
            ]
        lines += [disagreement.describe() for disagreement in self.disagreements]
        left_out = _counts(self.rejected["code"], "; left out: ")
        return [*lines, f"{len(self.captures)} captures to read{left_out}"]

    def describe_unused_tables(self) -> str:
        """Which tables are not read, and how they would be; empty where there are none."""
        if not self.unused_tables:
            return ""
        names = ", ".join(self.unused_tables)
        if self.table:
            return f"not read: {names}; the labels are those of {self.table.name}"
        return (
            f"not read: {names}; no metadata.csv: for labels, set specimens.metadata={self.unused_tables[0]}"
        )

    def check(self) -> None:
        """Refuse metadata that are about other captures.

        Raises:
            ParametersError: if there are rows and captures, and not one row serves a capture.
        """
        if self.table and self.join.n_rows and len(self.join.captures) and not self.join.used:
            raise ParametersError(
                f"metadata '{self.table.name}': rows must name captures, {self.join.describe()}; correct the "
                "names in the table, or name another in specimens.metadata"
            )


def list_study(root: Path, specimens: SpecimensParams) -> Listing:
    """Find the files, join and clean the metadata, apply the filter, and let the labels of a specimen agree.

    Raises:
        ParametersError: as `discover_captures` and `apply_filter`.
        FileNotFoundError: as `find_metadata` and `read_standards`.
        ValueError: as `read_metadata` and `read_standards`.
    """
    path = find_metadata(root, specimens)
    table = read_metadata(path, specimens) if path else None
    metadata, changes = clean_labels(pd.DataFrame() if table is None else table, specimens)
    known = None if table is None else metadata
    without = list_standards_only(read_standards(root, specimens))
    found, unusable = discover_captures(root, specimens, known, without)
    join = join_metadata(found, known, specimens, root=root)
    listed, filtered = apply_filter(join.captures, specimens.filter)
    captures, disagreements = settle_labels(listed, label_columns(metadata, specimens), specimens)
    file_columns = [specimens.rgb_column, specimens.uv_column, "filename"]
    return Listing(
        captures=captures,
        rejected=pd.concat([unusable, join.unused_rows, filtered], ignore_index=True).astype("string"),
        changes=changes,
        table=path,
        guess=describe_guess(path) if path else "",
        columns=describe_columns(
            metadata,
            changes,
            files=[name for name in file_columns if name],
            ids=["specimen_id", *HASH_COLUMNS],
        ),
        join=join,
        disagreements=disagreements,
        unused_tables=_unused_tables(root, path, specimens),
    )


def _unused_tables(root: Path, metadata: Path | None, specimens: SpecimensParams) -> tuple[str, ...]:
    named = [metadata, *(p for p in (specimens.grey_standards, specimens.receptors, specimens.tree) if p)]
    used = {path.resolve() for one in named if one for path in (one, root / one)}
    return tuple(
        quote(path.name)
        for path in sorted(root.iterdir())
        if path.suffix.lower() in TABLE_SUFFIXES and path.is_file() and path.resolve() not in used
    )


def account_for(specimen_index: pd.DataFrame, rejected: pd.DataFrame) -> str:
    """What became of every file and row of a study, by code; one line.

    Args:
        specimen_index: the accepted captures.
        rejected: `filename, code, reason` of all others.
    """
    is_fault = ~rejected["code"].isin(NO_FAULTS)
    faults, others = rejected.loc[is_fault, "code"], rejected.loc[~is_fault, "code"]
    flags = [set(codes.split(";")) - {""} for codes in specimen_index["flags"]]
    return (
        f"{len(specimen_index) + len(faults)} captures read: {len(specimen_index)} accepted, of which "
        f"{sum(map(bool, flags))} flagged{_counts((code for codes in flags for code in codes), ' (', ')')}; "
        f"{len(faults)} rejected{_counts(faults, ' (', ')')}{_counts(others, '; not read: ')}"
    )


def _counts(codes: Iterable[str], before: str, after: str = "") -> str:
    counts = sorted(Counter(codes).items(), key=lambda item: (-item[1], item[0]))
    counted = ", ".join(f"{n} {code}" for code, n in counts)
    return f"{before}{counted}{after}" if counted else ""
