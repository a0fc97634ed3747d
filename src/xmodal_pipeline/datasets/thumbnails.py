"""Pictures of captures as one NPZ file."""

import numpy as np
from kedro.io import AbstractDataset

from xmodal_pipeline.datasets.local import LocalPath
from xmodal_pipeline.saving import replace_file
from xmodal_pipeline.specimens.thumbnails import Thumbnails


class ThumbnailsDataset(LocalPath, AbstractDataset[Thumbnails, Thumbnails]):
    """`Thumbnails`, saved whole or not at all."""

    def load(self) -> Thumbnails:
        """All pictures, in memory."""
        with np.load(self._path, allow_pickle=False) as file:
            return Thumbnails(tuple(file["capture_ids"].tolist()), file["pictures"])

    def save(self, data: Thumbnails) -> None:
        """Write the file, then put it in place."""
        with replace_file(self._path) as partial, partial.open("wb") as file:
            np.savez(file, capture_ids=np.array(data.capture_ids, np.str_), pictures=data.pictures)
