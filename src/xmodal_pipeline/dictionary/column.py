"""What is said of a table and of a column."""

from collections.abc import Mapping
from typing import NamedTuple


class Column(NamedTuple):
    """What one column holds."""

    meaning: str
    """In a sentence, with what a missing value says."""
    unit: str = ""
    """Of its numbers; empty for words, names and yes or no."""
    is_always_there: bool = True
    """False where only some studies or variants have it."""


class Table(NamedTuple):
    """What one table is."""

    row: str
    """What a row stands for."""
    columns: Mapping[str, Column]
    """By name; `*` stands for any letters, as in `x*` for `x1`, `x2`, …"""


SHARE = "share, 0 to 1"
COUNT = "count"
PIXELS = "px"
DEGREES = "degrees"
UNITLESS = "unitless"
COLOUR_UNITS = Column("`reflectance`, `relative` (alike within the study) or `uncalibrated` (camera units).")

CAPTURE_ID = {
    "capture_id": Column("Name of the capture, unique in the study."),
    "specimen_id": Column("Name of the specimen; captures that share it are of one organism."),
}
FEATURES = {
    **CAPTURE_ID,
    "partition": Column("`train`, `validation` or `test`; `applied` for new captures through a checkpoint."),
    "modality": Column("`rgb`, `uv`, or `joint`: the vector of both."),
    "x*": Column("Coordinates of the vector, x1 to xD.", UNITLESS),
}
