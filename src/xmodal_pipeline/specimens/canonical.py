"""Captures as one file each, for other programs: registered bands and mask, in the unit of their files."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.raw import read_raw
from xmodal_pipeline.imaging.reading import read_counts
from xmodal_pipeline.imaging.registration import Registration, apply_registration
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.imaging.tiff import MultispectralImage
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.registered import check_one_grid, corrections

_MASK_BAND = "mask"
_MASK_LEVEL = 255
"""Of the specimen where bands are integers; 1 where they are floats."""


def canonical_captures(
    specimen_index: pd.DataFrame, registration_qa: pd.DataFrame, study: Study
) -> dict[str, Callable[[], MultispectralImage]]:
    """A function per capture that reads it in canonical form when called, so that memory stays flat.

    Raises:
        ParametersError: where the photographs of a pair were never meant to lie on one another.
    """
    check_one_grid(study)
    files = capture_files(specimen_index, study.root)
    transforms = corrections(registration_qa)
    progress = tqdm(total=len(files), desc="Writing captures", unit="capture")

    def read(one: CaptureFiles) -> MultispectralImage:
        progress.update()
        return canonical_capture(one, study, transforms.get(one.capture_id))

    return {one.capture_id: partial(read, one) for one in files}


def canonical_capture(
    files: CaptureFiles, study: Study, registration: Registration | None
) -> MultispectralImage:
    """One capture as it was measured, with UV laid on RGB and the mask as its last band.

    Bands keep the numbers and the data type of their files (float32 where the two photographs of a pair
    differ in type); only a UV band that registration moved is interpolated, and rounded where its type is
    integer. No encoding is undone and no calibration applied.

    Args:
        files: where the capture is.
        study: how it is read.
        registration: applied to UV where its status is `corrected`.
    """
    raw = read_raw(files, study.settings)
    mask = read_counts(files, study).rgb_mask
    kind = raw.rgb.dtype if raw.rgb.dtype == raw.uv.dtype else np.dtype(np.float32)
    level = _MASK_LEVEL if kind.kind in "ui" else 1
    uv = raw.uv if registration is None else _registered(raw.uv, registration)
    bands = np.concatenate(
        [raw.rgb.astype(kind), uv.astype(kind), mask[None].astype(kind) * kind.type(level)]
    )
    return MultispectralImage(bands, (*study.bands, _MASK_BAND))


def _registered(uv: NDArray[Any], registration: Registration) -> NDArray[Any]:
    moved = apply_registration(uv.astype(np.float32), registration)
    # Linear interpolation stays within the values around, so rounding cannot overflow the type.
    return np.rint(moved).astype(uv.dtype) if uv.dtype.kind in "ui" else moved
