"""Prepared captures on disk: NPY files that are memory-mapped when read, and a manifest."""

from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
from kedro.io import AbstractDataset, DatasetError

from xmodal_pipeline.datasets.local import LocalPath
from xmodal_pipeline.saving import is_whole_folder, open_folder, replace_folder, reserve
from xmodal_pipeline.specimens.prepared import Manifest, Prepared, PreparedBlocks

_FILES = {"rgb": "rgb_images.npy", "uv": "uv_images.npy", "masks": "masks.npy"}
_TYPES: dict[str, np.dtype[Any]] = {
    "rgb": np.dtype(np.float16),
    "uv": np.dtype(np.float16),
    "masks": np.dtype(np.uint8),
}
_MANIFEST = "manifest.json"


class PreparedDataset(LocalPath, AbstractDataset[PreparedBlocks, Prepared]):
    """Saves the arrays block by block, whole or not at all, and loads them as memory maps.

    Their room on the disk is taken before the first block is made: hours of work do not end for want of it.
    """

    def load(self) -> Prepared:
        """All captures, the arrays memory-mapped read-only."""
        folder = open_folder(self._path)
        manifest = Manifest.model_validate_json((folder / _MANIFEST).read_text(encoding="utf-8"))
        arrays = {
            name: np.load(folder / file, mmap_mode="r", allow_pickle=False) for name, file in _FILES.items()
        }
        return Prepared(**arrays, **dict(manifest))

    def save(self, data: PreparedBlocks) -> None:
        """Make every block and write it, then put all in place.

        Raises:
            DatasetError: if the blocks are not as many rows as were announced, or the last has no manifest.
        """
        with replace_folder(self._path) as partial:
            manifest = self._write_blocks(data, partial)
            (partial / _MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")

    def _write_blocks(self, data: PreparedBlocks, folder: Path) -> Manifest:
        manifest, rows = None, 0
        with ExitStack() as opened:
            files = {name: opened.enter_context((folder / file).open("wb")) for name, file in _FILES.items()}
            for name, file in files.items():
                _begin(file, data.shapes[name], _TYPES[name])
            for block in data:
                for name, file in files.items():
                    file.write(np.ascontiguousarray(getattr(block, name), _TYPES[name]).view(np.uint8).data)
                manifest, rows = block.manifest, rows + len(block.rgb)
        if manifest is None or rows != data.shapes["rgb"][0]:
            raise DatasetError(
                f"PreparedDataset '{self._path}': blocks must be {data.shapes['rgb'][0]} rows and end with a "
                f"manifest, got {rows} rows; run the stage again"
            )
        return manifest

    def _exists(self) -> bool:
        return is_whole_folder(self._path)


def _begin(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Write the header of an NPY file and take the room of what follows it."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    reserve(file, file.tell() + int(np.prod(shape)) * dtype.itemsize)
