"""Pictures of a study's captures, for the contact sheet."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from xmodal_pipeline.imaging.calibration import Calibration
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.reading import read_capture
from xmodal_pipeline.imaging.registration import Registration, apply_registration
from xmodal_pipeline.imaging.scale import resolve_scale
from xmodal_pipeline.params.ingest import Scale, SpecimensParams
from xmodal_pipeline.reporting.thumbnails import make_thumbnail
from xmodal_pipeline.specimens.calibrating import capture_calibrations
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.stores import StoreBlock
from xmodal_pipeline.specimens.storing import corrections

MOST = 216
"""Captures on the sheet: eight pages."""
MOST_UNFLAGGED = 54
"""Captures on the sheet with nothing to say against them: two pages to compare the others with."""
SIDE_PX = 96


def thumbnail_captures(
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    root: Path,
    specimens: SpecimensParams,
    *,
    n_jobs: int,
) -> StoreBlock:
    """RGB, UV and overlay of the captures that most deserve a look.

    Flagged captures come first, up to `MOST`, the rarest reasons before the frequent ones run out of room;
    then up to `MOST_UNFLAGGED` others, spread evenly over the index. UV is shown corrected where registration
    corrected it.

    Returns:
        All rows of a store: uint8, (captures, 3, side, side, 3).
    """
    chosen = _choose(specimen_index)
    files = capture_files(chosen, root)
    scale = resolve_scale(capture_files(specimen_index, root), specimens)
    transforms = corrections(registration_qa)
    lines = capture_calibrations(calibration, chosen, specimens)
    work = (
        delayed(_picture)(one, specimens, scale, lines.get(one.capture_id), transforms.get(one.capture_id))
        for one in files
    )
    pictures = np.array(Parallel(n_jobs=n_jobs)(work), dtype=np.uint8).reshape(-1, 3, SIDE_PX, SIDE_PX, 3)
    return StoreBlock(0, len(files), tuple(one.capture_id for one in files), pictures)


def _choose(specimen_index: pd.DataFrame) -> pd.DataFrame:
    flagged = specimen_index[specimen_index["flags"] != ""]
    turn = flagged.groupby("flags").cumcount().sort_values(kind="stable")
    flagged = flagged.loc[turn.index[:MOST].sort_values()]
    rest = specimen_index[specimen_index["flags"] == ""]
    wanted = min(MOST - len(flagged), MOST_UNFLAGGED, len(rest))
    return pd.concat([flagged, rest.iloc[np.linspace(0, len(rest) - 1, wanted).astype(int)]])


def _picture(
    files: CaptureFiles,
    specimens: SpecimensParams,
    scale: Scale,
    calibration: Calibration | None,
    registration: Registration | None,
) -> NDArray[np.uint8]:
    capture = read_capture(files, specimens, scale, calibration)
    if registration is not None:
        capture = replace(capture, uv=apply_registration(capture.uv, registration))
    is_linear = specimens.encoding is not None or not specimens.is_pair
    return make_thumbnail(capture, SIDE_PX, is_linear=is_linear)
