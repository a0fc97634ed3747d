"""One figure of the report: its pages as files for print and slides, and its words."""

import base64
import json
from typing import Any

from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import ImagePreview

from xmodal_pipeline.datasets.files import FilesDataset
from xmodal_pipeline.datasets.local import LocalPath
from xmodal_pipeline.reporting.figure import ReportFigure
from xmodal_pipeline.saving import open_folder

_WORDS_FILE = "figure.json"
_WORDS = ("name", "title", "caption", "reason", "is_narrow")


class FigureDataset(LocalPath, AbstractDataset[ReportFigure, ReportFigure]):
    """A folder with every page in both widths as PNG and PDF, and the caption beside them.

    It is replaced whole or not at all.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._files = FilesDataset(filepath=filepath)

    def load(self) -> ReportFigure:
        """The figure with all its pages."""
        words, files = self._load_words(), self._files.load()
        versions = {
            width: tuple({ending: files[name] for ending, name in page.items()} for page in pages)
            for width, pages in words.pop("versions").items()
        }
        return ReportFigure(**words, versions=versions)

    def save(self, data: ReportFigure) -> None:
        """Write the files, then put them in place."""
        words = {name: getattr(data, name) for name in _WORDS} | {"versions": data.file_names}
        self._files.save(data.files | {_WORDS_FILE: json.dumps(words, indent=2).encode()})

    def preview(self) -> ImagePreview:
        """The first page of the version that the report shows, for Kedro-Viz.

        Raises:
            DatasetError: if there was nothing to draw.
        """
        words = self._load_words()
        if not words["versions"]:
            raise DatasetError(f"FigureDataset '{self._path}': there is no picture: {words['reason']}")
        first = words["versions"]["single" if words["is_narrow"] else "double"][0]
        picture = (self._path / first["png"]).read_bytes()
        return ImagePreview(base64.b64encode(picture).decode())

    def _load_words(self) -> dict[str, Any]:
        words: dict[str, Any] = json.loads(
            (open_folder(self._path) / _WORDS_FILE).read_text(encoding="utf-8")
        )
        expected = [*_WORDS, "versions"]
        if set(words) != set(expected):  # of an earlier version of this package
            raise DatasetError(
                f"FigureDataset '{self._path}': must hold {', '.join(expected)}, got {', '.join(words)}; run "
                "the pipeline that draws it again"
            )
        return words

    def _exists(self) -> bool:
        return self._files.exists()
