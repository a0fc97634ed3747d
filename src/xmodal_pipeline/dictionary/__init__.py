"""The data dictionary: every table that a run writes, and what each of its columns holds, in which unit.

The reference in the documents is made from it, and a test compares it with the tables of a run.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from xmodal_pipeline.dictionary.captures import CAPTURE_TABLES
from xmodal_pipeline.dictionary.column import Column, Table
from xmodal_pipeline.dictionary.models import MODEL_TABLES
from xmodal_pipeline.dictionary.numbers import NUMBER_TABLES

__all__ = ["TABLES", "Column", "Table", "find_column"]

TABLES: Final[Mapping[str, Table]] = CAPTURE_TABLES | MODEL_TABLES | NUMBER_TABLES
"""By entry of the catalog, spelt as in `conf/base/catalog_*.yml`, without those that say it again as CSV."""


def find_column(table: str, name: str) -> str | None:
    """The key under which a column is described; None where it is not.

    Args:
        table: a key of `TABLES`.
        name: of a column. Its own name goes before a pattern, such as `x*` of `x12`.
    """
    columns = TABLES[table].columns
    if name in columns:
        return name
    return next((key for key in columns if fnmatchcase(name, key)), None)
