"""Stock datasets, saved whole or not at all.

kedro-datasets 9.6 opens the target for writing before it serialises, so an error half-way leaves a truncated
file that `exists()` accepts.
"""

import math
import re
from collections.abc import Iterator
from copy import copy
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
from kedro.io.core import DatasetError
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.partitions import PartitionedDataset
from kedro_datasets.text import TextDataset

from xmodal_pipeline.saving import MANIFEST, is_whole_folder, open_folder, replace_file, replace_folder


class _WholeFile:
    """Sends what a stock dataset of one local file writes through `replace_file`."""

    _protocol: str
    _filepath: PurePosixPath
    _version: Any
    _get_save_path: Any
    _invalidate_cache: Any

    def save(self, data: Any) -> None:
        """Write the file, then put it in place."""
        if self._protocol != "file":
            raise DatasetError(
                f"{type(self).__name__} '{self._filepath}': must be a local file, got protocol "
                f"'{self._protocol}'; save it here and copy it there"
            )
        with replace_file(Path(self._get_save_path())) as partial:
            twin = copy(self)
            twin._filepath, twin._version = PurePosixPath(partial), None
            super(_WholeFile, twin).save(data)  # type: ignore[misc]
        self._invalidate_cache()


class AtomicParquetDataset(_WholeFile, ParquetDataset):  # type: ignore[misc]
    """A table as Parquet, saved whole or not at all."""


class OptionalParquetDataset(AtomicParquetDataset):
    """A table that a study may lack: without its file it loads empty.

    It always exists as far as Kedro is concerned, so that no run is refused for want of it.
    """

    def load(self) -> pd.DataFrame:
        """The table, or one without rows and columns."""
        return super().load() if super()._exists() else pd.DataFrame()

    def _exists(self) -> bool:
        return True


class AtomicCSVDataset(_WholeFile, CSVDataset):  # type: ignore[misc]
    """A table as CSV, for R and spreadsheets; saved whole or not at all.

    A spreadsheet runs a cell that begins like a formula, wherever its text came from: such texts and column
    names are written behind an apostrophe, which makes them text again (OWASP, CSV Injection). Numbers stay.
    """

    def save(self, data: pd.DataFrame) -> None:
        """Write the table without formulas, then put the file in place."""
        super().save(without_formulas(data))


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Of what a spreadsheet takes for a formula, or cuts off before it looks for one."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """A copy for CSV: texts and column names carry an apostrophe where they begin like a formula."""
    defused = table.copy(deep=False)
    for name in table.select_dtypes(exclude=["number", "bool", "datetime", "timedelta"]):
        defused[name] = table[name].map(_defuse, na_action="ignore")
    return defused.rename(columns=_defuse)


def _defuse(value: Any) -> Any:
    is_formula = isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(value)
    return f"'{value}" if is_formula else value


class AtomicJSONDataset(_WholeFile, JSONDataset):  # type: ignore[misc]
    """Strict JSON, saved whole or not at all: NaN and infinity, which most readers refuse, have no place."""

    def save(self, data: Any) -> None:
        """Write the object, then put it in place.

        Raises:
            ValueError: if a number is NaN or infinite.
        """
        faults = list(_find_not_finite(data, ""))
        if faults:
            raise ValueError(
                f"AtomicJSONDataset '{self._filepath}': numbers must be finite, got {', '.join(faults[:5])}; "
                "write null, or say why there is no number"
            )
        super().save(data)


def _find_not_finite(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _find_not_finite(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for position, one in enumerate(value):
            yield from _find_not_finite(one, f"{path}[{position}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path} = {value}"


class AtomicTextDataset(_WholeFile, TextDataset):  # type: ignore[misc]
    """Text, such as one HTML file, saved whole or not at all."""


class AtomicPartitionedDataset(PartitionedDataset):  # type: ignore[misc]
    """Files of one dataset class in a local folder.

    With `overwrite: true` they are replaced together or not at all; else each is saved as its class does.
    """

    def load(self) -> dict[str, Any]:
        """A function per partition that loads it."""
        if self._overwrite:
            open_folder(Path(self._path))
        loaded: dict[str, Any] = super().load()
        return {name: load for name, load in loaded.items() if name != MANIFEST}

    def save(self, data: dict[str, Any]) -> None:
        """Write every partition; a function is called when its turn comes."""
        if not self._overwrite:
            super().save(data)
            return
        with replace_folder(Path(self._path)) as partial:
            twin = copy(self)
            twin._path, twin._overwrite = str(partial), False
            super(AtomicPartitionedDataset, twin).save(data)
        self._invalidate_caches()

    def _exists(self) -> bool:
        return is_whole_folder(Path(self._path)) if self._overwrite else bool(super()._exists())
