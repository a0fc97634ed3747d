"""Array stores on disk: one memory-mapped NPY per store, and a manifest that is written last."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from kedro.io import AbstractDataset, DatasetError

from xmodal_pipeline.specimens.stores import ArrayStore, StoreBlock

_ARRAY, _MANIFEST = "array.npy", "manifest.json"


class ArrayStoreDataset(AbstractDataset[StoreBlock, ArrayStore]):
    """Saves an array block by block and loads it as a memory map.

    A generator node yields `StoreBlock`s in row order. They are written into `<store>.partial`; the
    block that reaches the last row renames it to `<store>`, so a store that exists is complete.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self._partial = self._path.with_name(self._path.name + ".partial")
        self.metadata = metadata

    def load(self) -> ArrayStore:
        """The store, its array memory-mapped read-only."""
        manifest = json.loads((self._path / _MANIFEST).read_text())
        array = np.load(self._path / _ARRAY, mmap_mode="r", allow_pickle=False)
        return ArrayStore(tuple(manifest["capture_ids"]), array)

    def save(self, data: StoreBlock) -> None:
        """Write one block; the last one completes the store."""
        stop = data.start + len(data.array)
        if data.start == 0:
            self._begin(data)
        capture_ids = self._written(data.start)
        array = np.load(self._partial / _ARRAY, mmap_mode="r+", allow_pickle=False)
        array[data.start : stop] = data.array
        array.flush()
        del array  # closes the map: a mapped file cannot be renamed everywhere
        capture_ids.extend(data.capture_ids)
        (self._partial / _MANIFEST).write_text(json.dumps({"capture_ids": capture_ids}))
        if stop == data.total:
            self._finish()

    def _begin(self, data: StoreBlock) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        shape = (data.total, *data.array.shape[1:])
        np.lib.format.open_memmap(self._partial / _ARRAY, mode="w+", dtype=data.array.dtype, shape=shape)

    def _written(self, start: int) -> list[str]:
        if start == 0:
            return []
        manifest = self._partial / _MANIFEST
        written: list[str] = json.loads(manifest.read_text())["capture_ids"] if manifest.exists() else []
        if len(written) != start:
            raise DatasetError(
                f"ArrayStoreDataset '{self._path}': blocks must come in row order, got row {start} after "
                f"{len(written)} rows; run the stage again from its first row"
            )
        return written

    def _finish(self) -> None:
        with (self._partial / _ARRAY).open("rb") as file:
            os.fsync(file.fileno())
        old = self._path.with_name(self._path.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        if self._path.exists():
            self._path.rename(old)
        self._partial.rename(self._path)
        shutil.rmtree(old, ignore_errors=True)

    def _exists(self) -> bool:
        return (self._path / _MANIFEST).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
