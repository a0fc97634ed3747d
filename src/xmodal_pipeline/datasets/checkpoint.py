"""A trained model as one safetensors file."""

from typing import TYPE_CHECKING

from kedro.io import AbstractDataset

from xmodal_pipeline.datasets.local import LocalPath

if TYPE_CHECKING:
    from xmodal_pipeline.training import Checkpoint


class CheckpointDataset(LocalPath, AbstractDataset["Checkpoint", "Checkpoint"]):
    """Weights, and in the file's metadata everything needed to use them again."""

    def load(self) -> "Checkpoint":
        """Read the weights and their configuration; nothing in the file is executed."""
        # Imported here: the catalog must not pull torch into stages that need none.
        from xmodal_pipeline.training import Checkpoint

        return Checkpoint.from_file(self._path)

    def save(self, data: "Checkpoint") -> None:
        """Write the checkpoint whole or not at all."""
        data.to_file(self._path)
