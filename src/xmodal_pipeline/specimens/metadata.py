"""The metadata table beside the images: found, read, and its labels cleaned with a report."""

from pathlib import Path

import pandas as pd

from xmodal_pipeline.params.columns import column_name
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.columns import OUTSIDE, is_number, point_decimals
from xmodal_pipeline.specimens.discovery import EXPECTED_HASHES, FILE_COLUMNS
from xmodal_pipeline.specimens.names import compose, is_quotable
from xmodal_pipeline.specimens.tables import read_table

KEY_COLUMNS = ("filename", "specimen_id")
"""Columns that say which capture a row is about, and are no labels."""
HASH_COLUMNS = ("sha256", "uv_sha256")
"""Columns with the SHA-256 of a row's file, or of a pair's RGB and UV file."""
RESERVED_COLUMNS = frozenset(
    {*FILE_COLUMNS, *EXPECTED_HASHES, "partition", "modality", "patch"} - {*KEY_COLUMNS, *HASH_COLUMNS}
)
"""Columns that the tables of the pipeline have beside labels, so that no label may be called so."""
_MOST_LETTERS = 1000
_TOO_LONG = f"longer than {_MOST_LETTERS} characters: unlabelled"
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
    """The columns of this study's metadata that say which capture a row is about, and what its files are."""
    pair = (name for name in (specimens.rgb_column, specimens.uv_column) if name)
    return (*KEY_COLUMNS, *HASH_COLUMNS, *pair)


def label_columns(metadata: pd.DataFrame, specimens: SpecimensParams) -> list[str]:
    """The other columns."""
    return [column for column in metadata.columns if column not in key_columns(specimens)]


def read_metadata(path: Path, specimens: SpecimensParams) -> pd.DataFrame:
    """Read a metadata table as text, its columns called as `column_name` says; none without a header.

    Raises:
        ValueError: as `read_table`; if no column says which capture a row is about, if two headers differ in
            case, spaces and underscores only, or if one is reserved.
    """
    table = read_table(path, "metadata")
    headers = list(table.columns)
    table.columns = pd.Index([column_name(header) for header in headers])
    if len(set(table.columns)) != len(headers):
        raise ValueError(
            f"metadata '{path.name}': column names must differ in more than case, spaces and underscores, "
            f"got {headers}; rename one"
        )
    reserved = [h for h, name in zip(headers, table.columns, strict=True) if name in RESERVED_COLUMNS]
    if reserved:
        raise ValueError(
            f"metadata '{path.name}': labels must not be called as columns that the pipeline itself writes, "
            f"got {reserved}; rename them, such as 'my_{reserved[0]}'"
        )
    pair_columns = [name for name in (specimens.rgb_column, specimens.uv_column) if name]
    if not set(pair_columns) <= set(table.columns):
        raise ValueError(
            f"metadata '{path.name}': must have the columns {pair_columns} of specimens.rgb_column and "
            f"specimens.uv_column, got {headers}; correct their names"
        )
    if not pair_columns and not set(KEY_COLUMNS) & set(table.columns):
        raise ValueError(
            f"metadata '{path.name}': must have a column 'filename' or 'specimen_id', got "
            f"{headers}; rename the column that identifies the captures"
        )
    return table.drop(columns="", errors="ignore")


def clean_labels(metadata: pd.DataFrame, specimens: SpecimensParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Strip and case-fold every label, map vocabularies, and report each change.

    A value outside a column's vocabulary, one of `specimens.missing`, or one of more than 1,000 characters
    becomes missing: unlabelled, never a class. Control characters count as spaces. Where a column holds
    numbers, a decimal comma becomes a point. Ids and file names keep their case.

    Returns:
        The cleaned table, and the report (`column, found, became, n, why`).
    """
    cleaned = metadata.copy()
    missing = {"", *(_fold(spelling) for spelling in specimens.missing)}
    changes: list[tuple[str, str, str, int, str]] = []
    for column in metadata.columns:
        counts = metadata[column].fillna("").value_counts()
        if column in key_columns(specimens):
            became = {str(found): _clean_key(str(found), missing) for found in counts.index}
        else:
            terms = {_fold(key): term for key, term in specimens.vocabulary.get(column, {}).items()}
            became = _clean_column([str(found) for found in counts.index], terms, missing)
        changes += [
            (column, str(found)[:_MOST_LETTERS], became[str(found)][0] or "", int(n), became[str(found)][1])
            for found, n in counts.items()
            if became[str(found)][1]
        ]
        values = [became["" if pd.isna(value) else str(value)][0] for value in metadata[column]]
        cleaned[column] = pd.array(values, dtype="string")
    return cleaned, pd.DataFrame(changes, columns=CHANGE_COLUMNS)


def _fold(text: str) -> str:
    spaced = "".join(letter if is_quotable(letter) else " " for letter in compose(text))
    return " ".join(spaced.split()).casefold()


def _clean_key(found: str, missing: set[str]) -> tuple[str | None, str]:
    if len(found) > _MOST_LETTERS:
        return None, _TOO_LONG
    return (None if _fold(found) in missing else compose(found)), ""


def _clean_column(
    spellings: list[str], terms: dict[str, str], missing: set[str]
) -> dict[str, tuple[str | None, str]]:
    """What each spelling of a column becomes, and why it changes."""
    cleaned = {found: _clean_label(found, terms, missing) for found in spellings}
    known = [value for value, _ in cleaned.values() if value is not None]
    pointed = {value: point_decimals(value) for value in known}
    if not terms and any(v != p for v, p in pointed.items()) and all(is_number(p) for p in pointed.values()):
        return {
            found: (value, why) if value is None else (pointed[value], why or _decimal_reason(value))
            for found, (value, why) in cleaned.items()
        }
    return cleaned


def _decimal_reason(value: str) -> str:
    return "decimal comma" if point_decimals(value) != value else ""


def _clean_label(found: str, terms: dict[str, str], missing: set[str]) -> tuple[str | None, str]:
    if len(found) > _MOST_LETTERS:
        return None, _TOO_LONG
    value = _fold(found)
    if value in terms:
        return terms[value], "" if terms[value] == found else "cleaned"
    if value in missing:
        return None, "missing: unlabelled"
    if terms and value not in terms.values():
        return None, OUTSIDE
    return value, "" if value == found else "cleaned"
