"""One picture as a PNG file."""

import base64

from kedro.io import AbstractDataset
from kedro_datasets._typing import ImagePreview
from PIL import Image

from xmodal_pipeline.datasets.local import LocalPath
from xmodal_pipeline.saving import replace_file


class PictureDataset(LocalPath, AbstractDataset[Image.Image, Image.Image]):
    """A picture, saved whole or not at all."""

    def load(self) -> Image.Image:
        """The picture."""
        with Image.open(self._path) as picture:
            return picture.copy()

    def save(self, data: Image.Image) -> None:
        """Write the file, then put it in place."""
        with replace_file(self._path) as partial:
            data.save(partial, "PNG")

    def preview(self) -> ImagePreview:
        """The picture, for Kedro-Viz."""
        return ImagePreview(base64.b64encode(self._path.read_bytes()).decode())
