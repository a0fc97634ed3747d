"""A table that names both photographs of each pair, for pairs that no suffix joins."""

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Final

import pandas as pd

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.discovery import CAPTURE_COLUMNS, REJECTED_COLUMNS
from xmodal_pipeline.specimens.inspection.folder import Folder
from xmodal_pipeline.specimens.inspection.names import UV_WORDS, VISIBLE_WORDS, WordPairs
from xmodal_pipeline.specimens.inspection.tables import Table
from xmodal_pipeline.specimens.metadata import clean_labels, join_metadata, read_metadata

RGB_FILE: Final = "rgb_file"
UV_FILE: Final = "uv_file"
_WORD: Final = re.compile(
    rf"(^|[ _.\-])({'|'.join(sorted(VISIBLE_WORDS | UV_WORDS))})(?=[ _.\-]|$)", re.IGNORECASE
)


def list_pairs(folder: Folder, words: WordPairs) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Captures, called as their visible photograph without the word for its light; and images left over."""
    bare = [_bare(rgb) for rgb, _ in words.pairs]
    n = Counter(one.name for one in bare)
    ids = [one.name if n[one.name] == 1 else str(one) for one in bare]
    rows = [(name, str(rgb), str(uv)) for name, (rgb, uv) in zip(ids, words.pairs, strict=True)]
    paired = {file for pair in words.pairs for file in pair}
    reason = "no second photograph of the same name"
    left = [
        (str(file), CaptureCode.MISSING_PAIR.value, reason) for file in folder.images if file not in paired
    ]
    return pd.DataFrame(rows, columns=CAPTURE_COLUMNS), pd.DataFrame(left, columns=REJECTED_COLUMNS)


def label_pairs(captures: pd.DataFrame, table: Table | None, settings: SpecimensParams) -> pd.DataFrame:
    """Metadata of pairs joined by columns: `specimen_id`, `rgb_file`, `uv_file`, and the labels."""
    metadata = None
    if table is not None:
        metadata, _ = clean_labels(read_metadata(table.path, settings), settings)
    joined, _ = join_metadata(captures, metadata, settings)
    labels = [name for name in joined if name not in {*CAPTURE_COLUMNS, "specimen_id", "flags"}]
    files = joined.rename(columns={"filename": RGB_FILE, "uv_filename": UV_FILE})
    return files[["specimen_id", RGB_FILE, UV_FILE, *labels]]


def _bare(rgb: PurePosixPath) -> PurePosixPath:
    """The path of a photograph without the word for its light, without its extension."""
    words = VISIBLE_WORDS | UV_WORDS
    folders = [part for part in rgb.parent.parts if part.casefold() not in words]
    name = _WORD.sub("", rgb.stem).strip(" _.-")
    return PurePosixPath(*folders, name) if name or folders else PurePosixPath(rgb.stem)
