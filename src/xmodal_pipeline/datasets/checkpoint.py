"""A trained model as one safetensors file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

if TYPE_CHECKING:
    from xmodal_pipeline.training import Checkpoint


class CheckpointDataset(AbstractDataset["Checkpoint", "Checkpoint"]):
    """Weights, and in the file's metadata everything needed to use them again."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> "Checkpoint":
        """Read the weights and their configuration; nothing in the file is executed."""
        # Imported here: the catalog must not pull torch into stages that need none.
        from xmodal_pipeline.training import Checkpoint

        return Checkpoint.from_file(self._path)

    def save(self, data: "Checkpoint") -> None:
        """Write the checkpoint whole or not at all."""
        data.to_file(self._path)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
