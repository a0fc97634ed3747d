"""A folder of finished files."""

import base64

from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import ImagePreview

from xmodal_pipeline.datasets.local import LocalPath
from xmodal_pipeline.saving import is_whole_folder, replace_folder, saved_files


class FilesDataset(LocalPath, AbstractDataset[dict[str, bytes], dict[str, bytes]]):
    """Named files of one folder, such as every figure as PNG and PDF; replaced together or not at all."""

    def load(self) -> dict[str, bytes]:
        """Content by file name."""
        return {path.name: path.read_bytes() for path in saved_files(self._path)}

    def save(self, data: dict[str, bytes]) -> None:
        """Write all files beside the folder, then put them in its place."""
        with replace_folder(self._path) as partial:
            for name, content in data.items():
                (partial / name).write_bytes(content)

    def preview(self, name: str | None = None) -> ImagePreview:
        """One picture of the folder, for Kedro-Viz.

        Args:
            name: of a PNG file; the first by name where there is none.

        Raises:
            DatasetError: if the folder has no such picture.
        """
        pictures = sorted(path for path in saved_files(self._path) if path.suffix == ".png")
        shown = [path for path in pictures if name in (None, path.name)]
        if not shown:
            found = ", ".join(path.name for path in pictures) or "none"
            raise DatasetError(f"FilesDataset '{self._path}': must hold {name or 'a picture'}, got {found}")
        return ImagePreview(base64.b64encode(shown[0].read_bytes()).decode())

    def _exists(self) -> bool:
        return is_whole_folder(self._path)
