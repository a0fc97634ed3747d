"""Stock datasets whose failed save leaves the good file in place.

kedro-datasets 9.6 opens the target for writing before it serialises, so an error half-way leaves a
truncated file that `exists()` accepts. Inside an fsspec transaction the bytes go to a temporary name
and are moved only when the save ends well.
"""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.text import TextDataset


class AtomicParquetDataset(ParquetDataset):  # type: ignore[misc]
    """A table as Parquet, saved whole or not at all."""

    def save(self, data: Any) -> None:
        """Write the table, then put it in place."""
        with self._fs.transaction:
            super().save(data)


class OptionalParquetDataset(AtomicParquetDataset):
    """A table that a study may lack: without its file it loads empty.

    It always exists as far as Kedro is concerned, so that no run is refused for want of it.
    """

    def load(self) -> pd.DataFrame:
        """The table, or one without rows and columns."""
        return super().load() if super()._exists() else pd.DataFrame()

    def _exists(self) -> bool:
        return True


class AtomicCSVDataset(CSVDataset):  # type: ignore[misc]
    """A table as CSV, for R and spreadsheets; saved whole or not at all."""

    def save(self, data: Any) -> None:
        """Write the table, then put it in place."""
        with self._fs.transaction:
            super().save(data)


class AtomicJSONDataset(JSONDataset):  # type: ignore[misc]
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
        with self._fs.transaction:
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


class AtomicTextDataset(TextDataset):  # type: ignore[misc]
    """Text, such as one HTML file, saved whole or not at all."""

    def save(self, data: str) -> None:
        """Write the text, then put it in place."""
        with self._fs.transaction:
            super().save(data)
