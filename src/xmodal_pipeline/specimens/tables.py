"""Tables that people save from spreadsheets and R, read as text."""

import codecs
import csv
import io
import re
from pathlib import Path

import pandas as pd

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How files of Excel and LibreOffice begin."""
_GUESSES = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}
"""Encodings that no file says it has."""
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_table(path: Path, kind: str) -> pd.DataFrame:
    """Read a table as text: UTF-8, UTF-16 or Windows-1252; comma, semicolon or tab separated.

    Args:
        path: the file.
        kind: what it holds, for the messages.

    Raises:
        ValueError: if it is a workbook, names a column twice, or a row is longer or shorter than the header.
    """
    text = _decode(path, kind)
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    separator = max(",;\t", key=header.count)
    rows = _rows(text, separator)
    columns = [name.strip() for name in rows[0][1]] if rows else []
    if len(set(columns)) != len(columns):
        raise ValueError(f"{kind} '{path.name}': column names must be unique, got {columns}; rename one")
    width = len(columns)
    filled = [(line, row) for line, row in rows[1:] if any(cell.strip() for cell in row)]
    ragged = [line for line, row in filled if len(row) != width]
    if ragged:
        raise ValueError(
            f"{kind} '{path.name}': every row must have {width} fields, line(s) {ragged[:5]} have not; "
            "quote values that contain the separator"
        )
    return pd.DataFrame([row for _, row in filled], columns=columns, dtype="string")


def describe_guess(path: Path) -> str:
    """What a table's letters are read as where nothing in the file says it; empty for UTF-8 and UTF-16.

    Windows-1252 and Latin-1 take bytes that meant other letters: `P³eæ` was `Płeć`.
    """
    content = path.read_bytes()
    if content.startswith((*_WORKBOOKS, *_UTF_16)):
        return ""
    encoding = _encoding(content)
    if encoding not in _GUESSES:
        return ""
    word = re.search(r"\w*[^\x00-\x7f]\w*", content.decode(encoding))
    shown = f", such as {word[0]!r}" if word else ""
    return f"read as {_GUESSES[encoding]}{shown}: if letters are wrong, save the sheet as CSV UTF-8"


def _rows(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Each row, and the line that it ends on."""
    before = csv.field_size_limit(len(text) + 1)  # the module's own limit is 128 kB
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        return [(reader.line_num, row) for row in reader]
    finally:
        csv.field_size_limit(before)


def _decode(path: Path, kind: str) -> str:
    content = path.read_bytes()
    if content.startswith(_WORKBOOKS):
        raise ValueError(
            f"{kind} '{path.name}': must be a text table, got a workbook; save the sheet as CSV (UTF-8)"
        )
    if content.startswith(_UTF_16):
        return content.decode("utf-16")
    return content.decode(_encoding(content))


def _encoding(content: bytes) -> str:
    # Latin-1 last: it takes every byte, also the five that Windows-1252 leaves undefined.
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"
