"""A directory that the project owns and a node fills."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError


class DirectoryDataset(AbstractDataset[Path, Path]):
    """Hands a node the path of a directory from the catalog, so that no path stands in code.

    Loading makes the directory. It always exists as far as Kedro is concerned: the node that
    works in it, not this dataset, answers for what lies there.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Path:
        """The directory, made if need be."""
        self._path.mkdir(parents=True, exist_ok=True)
        return self._path

    def save(self, data: Path) -> None:
        """Refused: nodes write into the directory that they load."""
        raise DatasetError(
            f"DirectoryDataset '{self._path}': must not be a node's output, got {data!r}; "
            "take it as an input and write into it"
        )

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
