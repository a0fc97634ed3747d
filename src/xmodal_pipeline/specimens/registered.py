"""Captures for other eyes than a model's: read, calibrated, and UV laid on RGB."""

from dataclasses import replace

import pandas as pd

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.imaging.calibration import Calibration
from xmodal_pipeline.imaging.capture import Capture, CaptureFiles
from xmodal_pipeline.imaging.reading import read_capture
from xmodal_pipeline.imaging.registration import Registration, apply_registration, registration_of
from xmodal_pipeline.imaging.study import Study


def check_one_grid(study: Study) -> None:
    """Refuse to put into one file or picture what was never meant to lie on one another.

    Raises:
        ParametersError: where the photographs of a pair are not registered.
    """
    if not study.shares_grid:
        raise ParametersError(
            "canonical: the two photographs of a pair must lie on one another to share a file, got "
            "specimens.registration off; set it to correct or check and run ingest again"
        )


def read_registered(
    files: CaptureFiles, study: Study, calibration: Calibration | None, registration: Registration | None
) -> Capture:
    """One capture in unit scale, with UV corrected where registration corrected it.

    Args:
        files: where it is.
        study: how it is read.
        calibration: the line of each band; None where the capture has none.
        registration: applied to UV where its status is `corrected`.

    Raises:
        CaptureRejected: as `read_capture`.
    """
    capture = read_capture(files, study, calibration)
    if registration is None:
        return capture
    return replace(capture, uv=apply_registration(capture.uv, registration))


def corrections(registration_qa: pd.DataFrame) -> dict[str, Registration]:
    """The transform of every capture whose registration is to be corrected, by capture."""
    corrected = registration_qa[registration_qa["status"] == "corrected"]
    return {row["capture_id"]: registration_of(row) for row in corrected.to_dict("records")}
