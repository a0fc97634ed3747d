"""Pictures of a study's captures, for the contact sheet."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from xmodal_pipeline.imaging.calibration import Calibration
from xmodal_pipeline.imaging.capture import Capture, CaptureFiles
from xmodal_pipeline.imaging.patches import PatchesError, read_patches
from xmodal_pipeline.imaging.pictures import make_thumbnail
from xmodal_pipeline.imaging.registration import Registration
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.registered import corrections, read_registered
from xmodal_pipeline.specimens.study_calibration import capture_calibrations
from xmodal_pipeline.specimens.workers import count_workers

MOST = 216
"""Captures on the sheet: eight pages."""
MOST_UNFLAGGED = 54
"""Captures on the sheet with nothing to say against them: two pages to compare the others with."""
SIDE_PX = 96


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Pictures of some captures of a study."""

    capture_ids: tuple[str, ...]
    pictures: NDArray[np.uint8]
    """(captures, 3, side, side, 3), sRGB: RGB, UV and overlay."""

    def __len__(self) -> int:
        return len(self.capture_ids)


def thumbnail_captures(
    study: Study,
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    *,
    n_jobs: int,
) -> Thumbnails:
    """RGB, UV and overlay of the captures that most deserve a look.

    Flagged captures come first, up to `MOST`, the rarest reasons before the frequent ones run out of room;
    then up to `MOST_UNFLAGGED` others, spread evenly over the index. UV is shown corrected where registration
    corrected it.
    """
    chosen = _choose(specimen_index)
    files = capture_files(chosen, study.root)
    transforms = corrections(registration_qa)
    lines = capture_calibrations(calibration, chosen, study)
    work = (
        delayed(_picture)(one, study, lines.get(one.capture_id), transforms.get(one.capture_id))
        for one in files
    )
    n_workers = count_workers(files, study.settings, n_jobs)
    pictures = np.array(Parallel(n_jobs=n_workers)(work), dtype=np.uint8).reshape(-1, 3, SIDE_PX, SIDE_PX, 3)
    return Thumbnails(tuple(one.capture_id for one in files), pictures)


def _choose(specimen_index: pd.DataFrame) -> pd.DataFrame:
    flagged = specimen_index[specimen_index["flags"] != ""]
    turn = flagged.groupby("flags").cumcount().sort_values(kind="stable")
    flagged = flagged.loc[turn.index[:MOST].sort_values()]
    rest = specimen_index[specimen_index["flags"] == ""]
    wanted = min(MOST - len(flagged), MOST_UNFLAGGED, len(rest))
    return pd.concat([flagged, rest.iloc[np.linspace(0, len(rest) - 1, wanted).astype(int)]])


def _picture(
    files: CaptureFiles, study: Study, calibration: Calibration | None, registration: Registration | None
) -> NDArray[np.uint8]:
    capture = read_registered(files, study, calibration, registration)
    regions = _number_regions(files, study, capture)
    return make_thumbnail(capture, SIDE_PX, is_linear=study.is_linear, regions=regions)


def _number_regions(files: CaptureFiles, study: Study, capture: Capture) -> NDArray[np.int32] | None:
    """(height, width): the patch of each pixel, the last where several overlap; None without patches.

    A file that cannot be used is flagged on the capture, which shows then without.
    """
    source, shape = study.settings.patches, (capture.rgb.shape[1], capture.rgb.shape[2])
    if source is None:
        return None
    try:
        patches = read_patches(
            files.rgb_path,
            source,
            shape,
            orientation=capture.orientation,
            limits=study.settings.limits,
        )
    except PatchesError:
        return None
    numbered = np.zeros(shape, dtype=np.int32)
    for number, pixels in enumerate((patches or {}).values(), start=1):
        numbered.flat[pixels] = number
    return numbered
