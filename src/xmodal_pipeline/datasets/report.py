"""The report: one HTML file."""

import re

from kedro.io import DatasetError
from kedro_datasets._typing import HTMLPreview

from xmodal_pipeline.datasets.atomic import AtomicTextDataset

_OPENING = re.compile(r"<h1.*?(?=<h2)(?:<h2.*?(?=<h2|</main>))?", re.DOTALL)
"""From the title to the second section."""
_ACTIVE = re.compile(r"<(script|style|svg)\b.*?</\1>", re.DOTALL)


class ReportDataset(AtomicTextDataset):
    """An HTML page, saved whole or not at all, whose opening Kedro-Viz shows."""

    def preview(self) -> HTMLPreview:
        """The page's title and first section, without scripts.

        Raises:
            DatasetError: if the page has no title.
        """
        opening = _OPENING.search(self.load())
        if opening is None:
            raise DatasetError(f"ReportDataset '{self._filepath}': must be a page with a title, got none")
        return HTMLPreview(_ACTIVE.sub("", opening.group()))
