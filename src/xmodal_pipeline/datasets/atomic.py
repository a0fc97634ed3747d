"""Stock datasets whose failed save leaves the good file in place.

kedro-datasets 9.6 opens the target for writing before it serialises, so an error half-way leaves a
truncated file that `exists()` accepts. Inside an fsspec transaction the bytes go to a temporary name
and are moved only when the save ends well.
"""

from typing import Any

from kedro_datasets.json import JSONDataset
from kedro_datasets.matplotlib import MatplotlibDataset
from kedro_datasets.pandas import ParquetDataset
from kedro_datasets.text import TextDataset


class AtomicParquetDataset(ParquetDataset):  # type: ignore[misc]
    """A table as Parquet, saved whole or not at all."""

    def save(self, data: Any) -> None:
        """Write the table, then put it in place."""
        with self._fs.transaction:
            super().save(data)


class AtomicJSONDataset(JSONDataset):  # type: ignore[misc]
    """JSON, saved whole or not at all."""

    def save(self, data: Any) -> None:
        """Write the object, then put it in place."""
        with self._fs.transaction:
            super().save(data)


class AtomicTextDataset(TextDataset):  # type: ignore[misc]
    """Text, such as one HTML file, saved whole or not at all."""

    def save(self, data: str) -> None:
        """Write the text, then put it in place."""
        with self._fs.transaction:
            super().save(data)


class AtomicFigureDataset(MatplotlibDataset):  # type: ignore[misc]
    """One figure, saved whole or not at all; loaded as the bytes of its file."""

    def save(self, data: Any) -> None:
        """Write the figure, then put it in place."""
        with self._fs.transaction:
            super().save(data)

    def load(self) -> bytes:
        """The file's content: a figure cannot be had back, but a node may wait for it."""
        with self._fs.open(str(self._get_load_path()), "rb") as file:
            content: bytes = file.read()
        return content
