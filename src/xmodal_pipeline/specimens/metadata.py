"""The metadata table beside the images: read, cleaned with a report, joined to the captures."""

import csv
from pathlib import Path, PurePosixPath

import pandas as pd

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.discovery import REJECTED_COLUMNS

KEY_COLUMNS = ("filename", "specimen_id")
"""Columns that say which capture a row is about, and are no labels."""
CHANGE_COLUMNS = ["column", "found", "became", "n", "why"]


def find_metadata(root: Path, specimens: SpecimensParams) -> Path | None:
    """The metadata file: as named in the parameters, else `metadata.csv` in `root` or beside it, else none.

    Raises:
        FileNotFoundError: if a file is named and absent.
    """
    if specimens.metadata is None:
        return next((p for p in (root / "metadata.csv", root.parent / "metadata.csv") if p.is_file()), None)
    for path in (specimens.metadata, root / specimens.metadata):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"specimens.metadata: must be an existing file, got '{specimens.metadata}'; check the path"
    )


def key_columns(specimens: SpecimensParams) -> tuple[str, ...]:
    """The columns of this study's metadata that say which capture a row is about."""
    return (*KEY_COLUMNS, *(name for name in (specimens.rgb_column, specimens.uv_column) if name))


def read_metadata(path: Path, specimens: SpecimensParams) -> pd.DataFrame:
    """Read a metadata table as text.

    Raises:
        ValueError: as `read_table`, or if no column says which capture a row is about.
    """
    table = read_table(path, "metadata")
    pair_columns = [name for name in (specimens.rgb_column, specimens.uv_column) if name]
    if not set(pair_columns) <= set(table.columns):
        raise ValueError(
            f"metadata '{path.name}': must have the columns {pair_columns} of specimens.rgb_column and "
            f"specimens.uv_column, got {list(table.columns)}; correct their names"
        )
    if not pair_columns and not set(KEY_COLUMNS) & set(table.columns):
        raise ValueError(
            f"metadata '{path.name}': must have a column 'filename' or 'specimen_id', got "
            f"{list(table.columns)}; rename the column that identifies the captures"
        )
    return table


def read_table(path: Path, kind: str) -> pd.DataFrame:
    """Read a table as text: UTF-8 or Latin-1, comma, semicolon or tab separated.

    Args:
        path: the file.
        kind: what it holds, for the messages.

    Raises:
        ValueError: if it names a column twice, or a row is longer or shorter than the header.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = text.splitlines()
    header = lines[0] if lines else ""
    separator = max(",;\t", key=header.count)
    rows = list(csv.reader(lines, delimiter=separator))
    columns = [name.strip() for name in rows[0]] if rows else []
    if len(set(columns)) != len(columns):
        raise ValueError(f"{kind} '{path.name}': column names must be unique, got {columns}; rename one")
    width = len(columns)
    ragged = [number for number, row in enumerate(rows[1:], start=2) if row and len(row) != width]
    if ragged:
        raise ValueError(
            f"{kind} '{path.name}': every row must have {width} fields, line(s) {ragged[:5]} have not; "
            "quote values that contain the separator"
        )
    return pd.DataFrame([row for row in rows[1:] if row], columns=columns, dtype="string")


def clean_labels(metadata: pd.DataFrame, specimens: SpecimensParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Strip and case-fold every label, map vocabularies, and report each change.

    A value outside a column's vocabulary, or an empty one, becomes missing: unlabelled, never a class.

    Returns:
        The cleaned table, and the report (`column, found, became, n, why`).
    """
    cleaned = metadata.copy()
    changes: list[tuple[str, str, str, int, str]] = []
    for column in metadata.columns:
        if column in key_columns(specimens):
            cleaned[column] = metadata[column].str.strip()
            continue
        terms = {key.strip().casefold(): term for key, term in specimens.vocabulary.get(column, {}).items()}
        for value, n in metadata[column].fillna("").value_counts().items():
            found = str(value)
            became, why = _clean_label(found, terms)
            if why:
                changes.append((column, found, became or "", int(n), why))
        cleaned[column] = (
            metadata[column]
            .map(lambda value, terms=terms: _clean_label(value if pd.notna(value) else "", terms)[0])
            .astype("string")
        )
    return cleaned, pd.DataFrame(changes, columns=CHANGE_COLUMNS)


def _clean_label(found: str, terms: dict[str, str]) -> tuple[str | None, str]:
    value = " ".join(found.split()).casefold()
    if not value:
        return None, "missing: unlabelled"
    if terms and value not in terms and value not in terms.values():
        return None, "not in the vocabulary: unlabelled"
    value = terms.get(value, value)
    return value, "" if value == found else "cleaned"


def join_metadata(
    captures: pd.DataFrame, metadata: pd.DataFrame | None, specimens: SpecimensParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give each capture its specimen and labels.

    A capture without a row is kept, unlabelled, with the flag NO_METADATA; a row without a capture is
    reported under NO_CAPTURE, but for pairs joined by columns, whose rows `discover_captures` reports.

    Returns:
        `captures` with `specimen_id`, `flags` and one column per label; and the unused rows
        (`filename, code, reason`).
    """
    joined = captures.copy()
    if metadata is None:
        return joined.assign(specimen_id=joined["capture_id"], flags=""), _unused([])
    keys = key_columns(specimens)
    row_of = _match_rows(captures, metadata, specimens.rgb_column or "filename")
    matched = metadata.iloc[[row for row in row_of if row is not None]]
    labels = [column for column in metadata.columns if column not in keys]
    for column in labels:
        values = [metadata[column].iloc[row] if row is not None else pd.NA for row in row_of]
        joined[column] = pd.array(values, dtype="string")
    ids = metadata.get("specimen_id")
    joined["specimen_id"] = [
        str(ids.iloc[row]) if ids is not None and row is not None and pd.notna(ids.iloc[row]) else capture
        for row, capture in zip(row_of, captures["capture_id"], strict=True)
    ]
    joined["flags"] = ["" if row is not None else CaptureCode.NO_METADATA.value for row in row_of]
    if specimens.rgb_column is not None:
        return joined, _unused([])
    key = next(column for column in KEY_COLUMNS if column in metadata)
    return joined, _unused([str(k) for k in metadata[key].drop(matched.index)])


def _unused(keys: list[str]) -> pd.DataFrame:
    rows = [(key, CaptureCode.NO_CAPTURE.value, "a metadata row without a usable file") for key in keys]
    return pd.DataFrame(rows, columns=REJECTED_COLUMNS)


def _match_rows(captures: pd.DataFrame, metadata: pd.DataFrame, name_column: str) -> list[int | None]:
    """The metadata row of each capture, by file name where the table has one, else by specimen."""
    if name_column in metadata:
        by_name: dict[str, int] = {}
        for row, name in enumerate(metadata[name_column]):
            if pd.notna(name):
                path = PurePosixPath(str(name).replace("\\", "/"))
                for spelling in (str(path), path.name, path.stem):
                    by_name.setdefault(spelling, row)
        return [_row_by_name(capture, by_name) for capture in captures.itertuples()]
    by_id = {str(name): row for row, name in enumerate(metadata["specimen_id"]) if pd.notna(name)}
    return [_row_by_specimen(PurePosixPath(str(name)).name, by_id) for name in captures["capture_id"]]


def _row_by_name(capture: tuple[object, ...], by_name: dict[str, int]) -> int | None:
    for filename in (capture.filename, capture.uv_filename, capture.capture_id):  # type: ignore[attr-defined]
        path = PurePosixPath(str(filename))
        for spelling in (str(path), path.name, path.stem):
            if spelling and spelling in by_name:
                return by_name[spelling]
    return None


def _row_by_specimen(capture: str, by_id: dict[str, int]) -> int | None:
    """The specimen whose id is the capture's name, or the longest id that it starts with."""
    if capture in by_id:
        return by_id[capture]
    starts = [i for i in by_id if capture.startswith(i) and not capture[len(i)].isalnum()]
    return by_id[max(starts, key=len)] if starts else None
