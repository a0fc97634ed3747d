"""Prepared captures on disk: memory-mapped NPY files, and a manifest that is written last."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from kedro.io import AbstractDataset, DatasetError

from xmodal_pipeline.specimens.prepared import Manifest, Prepared, PreparedBlock

_FILES = {"rgb": "rgb_images.npy", "uv": "uv_images.npy", "masks": "masks.npy"}
_MANIFEST = "manifest.json"


class PreparedDataset(AbstractDataset[PreparedBlock, Prepared]):
    """Saves the arrays block by block and loads them as memory maps.

    A generator node yields `PreparedBlock`s in row order. They are written into `<folder>.partial`; the last
    one, with the manifest, renames it to `<folder>`, so that one which exists is complete.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self._partial = self._path.with_name(self._path.name + ".partial")
        self._written = 0
        self.metadata = metadata

    def load(self) -> Prepared:
        """All captures, the arrays memory-mapped read-only."""
        manifest = Manifest.model_validate_json((self._path / _MANIFEST).read_text(encoding="utf-8"))
        arrays = {
            name: np.load(self._path / file, mmap_mode="r", allow_pickle=False)
            for name, file in _FILES.items()
        }
        return Prepared(**arrays, **dict(manifest))

    def save(self, data: PreparedBlock) -> None:
        """Write one block; the last one completes the folder."""
        if data.start == 0:
            self._begin(data)
        if data.start != self._written:
            raise DatasetError(
                f"PreparedDataset '{self._path}': blocks must come in row order, got row {data.start} after "
                f"{self._written} rows; run the stage again from its first row"
            )
        stop = data.start + len(data.rgb)
        for name, file in _FILES.items():
            array = np.load(self._partial / file, mmap_mode="r+", allow_pickle=False)
            array[data.start : stop] = getattr(data, name)
            array.flush()
            del array  # closes the map: a mapped file cannot be renamed everywhere
        self._written = stop
        if data.manifest is not None:
            self._finish(data.manifest)

    def _begin(self, data: PreparedBlock) -> None:
        self._written = 0
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        for name, file in _FILES.items():
            block = getattr(data, name)
            shape = (data.total, *block.shape[1:])
            np.lib.format.open_memmap(self._partial / file, mode="w+", dtype=block.dtype, shape=shape)

    def _finish(self, manifest: Manifest) -> None:
        (self._partial / _MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
        for file in (*_FILES.values(), _MANIFEST):
            with (self._partial / file).open("rb") as written:
                os.fsync(written.fileno())
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
