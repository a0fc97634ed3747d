"""What every dataset of a file or folder on this machine has in common."""

from pathlib import Path
from typing import Any


class LocalPath:
    """Where a dataset lies; it stands before Kedro's class among the bases.

    It is none of Kedro's classes itself: Kedro takes down the arguments of the class below its own.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
