"""A folder of finished files."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from xmodal_pipeline.saving import is_whole_folder, replace_folder, saved_files


class FilesDataset(AbstractDataset[dict[str, bytes], dict[str, bytes]]):
    """Named files of one folder, such as every figure as PNG and PDF; replaced together or not at all."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, bytes]:
        """Content by file name."""
        return {path.name: path.read_bytes() for path in saved_files(self._path)}

    def save(self, data: dict[str, bytes]) -> None:
        """Write all files beside the folder, then put them in its place."""
        with replace_folder(self._path) as partial:
            for name, content in data.items():
                (partial / name).write_bytes(content)

    def _exists(self) -> bool:
        return is_whole_folder(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
