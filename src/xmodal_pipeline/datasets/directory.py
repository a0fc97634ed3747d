"""A directory that the project owns and a node fills."""

from pathlib import Path

from kedro.io import AbstractDataset, DatasetError

from xmodal_pipeline.datasets.local import LocalPath


class DirectoryDataset(LocalPath, AbstractDataset[Path, Path]):
    """Hands a node the path of a directory from the catalog, so that no path stands in code.

    Loading makes the directory. It always exists as far as Kedro is concerned: the node that
    works in it, not this dataset, answers for what lies there.
    """

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
