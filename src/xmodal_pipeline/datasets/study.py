"""What a study is and where its captures are, as JSON that stays right when a project is copied or moved."""

import os
from pathlib import Path
from typing import Any

from xmodal_pipeline.datasets.atomic import AtomicJSONDataset
from xmodal_pipeline.imaging.study import Study


class CaptureFolderDataset(AtomicJSONDataset):
    """`root` and `is_simulated`. Simulated captures belong to the project, and are named from here on."""

    def load(self) -> dict[str, Any]:
        """With `root` as it is from here."""
        stored: dict[str, Any] = super().load()
        return stored | {"root": str((self._folder / stored["root"]).resolve())}

    def save(self, data: dict[str, Any]) -> None:
        """Write it, then put it in place."""
        root = os.path.relpath(data["root"], self._folder) if data["is_simulated"] else data["root"]
        super().save(data | {"root": root})

    @property
    def _folder(self) -> Path:
        return Path(self._get_load_path()).parent.resolve()


class StudyDataset(CaptureFolderDataset):
    """A `Study`, checked when it is loaded; saved whole or not at all."""

    def load(self) -> Study:  # type: ignore[override]  # the whole study, of which the folder is a part
        """The study as ingest decided it."""
        return Study.model_validate(super().load())

    def save(self, data: Study) -> None:  # type: ignore[override]
        """Write the study, then put it in place."""
        super().save(data.model_dump(mode="json"))
