"""A folder of finished files."""

import shutil
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset


class FilesDataset(AbstractDataset[dict[str, bytes], dict[str, bytes]]):
    """Named files of one folder, such as every figure as PNG and PDF; replaced together or not at all."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, bytes]:
        """Content by file name."""
        return {path.name: path.read_bytes() for path in sorted(self._path.iterdir())}

    def save(self, data: dict[str, bytes]) -> None:
        """Write all files beside the folder, then put them in its place."""
        partial = self._path.with_name(self._path.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, content in data.items():
            (partial / name).write_bytes(content)
        shutil.rmtree(self._path, ignore_errors=True)
        partial.rename(self._path)

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
