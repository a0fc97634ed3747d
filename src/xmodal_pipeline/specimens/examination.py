"""Every capture read once and judged: the tables of `ingest`."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging.calibration import Calibration
from xmodal_pipeline.imaging.capture import Capture, CaptureFiles
from xmodal_pipeline.imaging.quality import capture_quality
from xmodal_pipeline.imaging.reading import calibrate_capture, check_hashes, read_counts
from xmodal_pipeline.imaging.receptors import ReceptorModel
from xmodal_pipeline.imaging.registration import (
    Registration,
    Shift,
    estimate_registration,
    find_displaced_bands,
    lay_mask,
    matrix_to_uv,
    registration_row,
)
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams
from xmodal_pipeline.specimens.band_histograms import BandCounts, count_capture, sum_histograms
from xmodal_pipeline.specimens.colour_tables import (
    ColourFindings,
    check_receptor_units,
    find_receptors,
    measure_colour,
    tabulate_catches,
)
from xmodal_pipeline.specimens.discovery import (
    EXPECTED_HASHES,
    FILE_COLUMNS,
    REJECTED_COLUMNS,
    capture_files,
)
from xmodal_pipeline.specimens.rigs import RigVerdict, rig_row, settle_rigs
from xmodal_pipeline.specimens.study_calibration import capture_calibrations
from xmodal_pipeline.specimens.workers import count_workers

logger = logging.getLogger(__name__)


class Examination(NamedTuple):
    """The tables that come out of reading every capture once."""

    specimen_index: pd.DataFrame
    rejected_captures: pd.DataFrame
    registration_qa: pd.DataFrame
    quality_report: pd.DataFrame
    colour_table: pd.DataFrame
    receptor_table: pd.DataFrame
    band_histograms: pd.DataFrame


@dataclass(frozen=True)
class _Findings:
    """What a worker sends back about one capture: numbers, never pixels."""

    sha256: str
    height_px: int
    width_px: int
    registration: dict[str, Any]
    quality: list[dict[str, Any]]
    colour: ColourFindings
    histograms: dict[str, BandCounts]
    flags: tuple[CaptureCode, ...]


def examine_captures(
    captures: pd.DataFrame,
    calibration: pd.DataFrame,
    study: Study,
    registration: RegistrationParams,
    quality: QualityParams,
) -> Examination:
    """Read every capture, judge its registration and quality, and measure its colour.

    Args:
        captures: `capture_id, specimen_id, filename, uv_filename, flags` and labels.
        calibration: the lines of the study, of `calibrate_study`; empty without grey standards.
        study: how the files are read.
        registration: the registration gate.
        quality: thresholds of the flags.

    Returns:
        The tables; a capture that cannot be used is in `rejected_captures` and in no other.

    Raises:
        ParametersError: if there are receptor coefficients, and the captures do not hold reflectance.
    """
    files = capture_files(captures, study.root)
    receptors = find_receptors(study.root, study.settings)
    check_receptor_units(receptors, study.colour_units)
    how = _Settings(study, registration, quality, receptors)
    lines = capture_calibrations(calibration, captures, study)
    n_jobs = count_workers(files, study.settings, quality.n_jobs)
    rigs = settle_rigs(captures, files, study, registration, n_jobs=n_jobs)
    work = (delayed(_examine)(one, lines.get(one.capture_id), rigs.get(one.capture_id), how) for one in files)
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    findings = list(tqdm(parallel(work), total=len(files), desc="Examining captures", unit="capture"))
    return _tabulate(captures, findings, study.colour_units, receptors)


@dataclass(frozen=True)
class _Settings:
    """How every capture of a study is read and judged."""

    study: Study
    registration: RegistrationParams
    quality: QualityParams
    receptors: ReceptorModel | None


def _examine(
    files: CaptureFiles, calibration: Calibration | None, rig: RigVerdict | None, how: _Settings
) -> _Findings | CaptureRejected:
    study = how.study
    try:
        check_hashes(files)
        counts = read_counts(files, study)
        capture = calibrate_capture(counts, files, study, calibration)
    except CaptureRejected as rejected:
        return rejected
    verdict = rig.registration if rig else judge_registration(capture, study, how.registration)
    is_counts = study.scale not in ("percent", "unit") or calibration is not None
    to_uv = matrix_to_uv(study, verdict, (capture.rgb.shape[1], capture.rgb.shape[2]))
    placed = capture if to_uv is None else replace(capture, uv_mask=lay_mask(capture.uv_mask, to_uv))
    if not placed.uv_mask.any():
        reason = "UV must lie within its frame, the registration puts the whole specimen beyond it"
        return CaptureRejected(files.rgb_path.name, CaptureCode.EMPTY_MASK, reason)
    rows, flags = capture_quality(
        placed,
        study,
        how.quality,
        ceiling=1.0 if is_counts else float("inf"),
        calibration=calibration,
        is_aligned=verdict is not None,
        to_uv=to_uv,
        displaced={} if study.settings.is_pair else _displaced_bands(capture, how),
    )
    if calibration is not None and any(line.flagged for line in calibration.values()):
        flags = (*flags, CaptureCode.POOR_CALIBRATION)
    if verdict is not None and verdict.status in _REGISTRATION_FLAGS:
        flags = (*flags, _REGISTRATION_FLAGS[verdict.status])
    colour = measure_colour(capture, files, study, verdict, receptors=how.receptors)
    identity = {"capture_id": files.capture_id, "specimen_id": files.specimen_id}
    return _Findings(
        sha256=_digest(counts),  # a copy in another session, with other lines, is a copy still
        height_px=capture.rgb.shape[1],
        width_px=capture.rgb.shape[2],
        registration=identity | registration_row(verdict) | rig_row(rig),
        quality=[identity | row for row in rows],
        colour=colour,
        histograms=count_capture(placed),
        flags=(*counts.flags, *flags, *colour.flags),
    )


_REGISTRATION_FLAGS = {
    "failed": CaptureCode.MISREGISTERED,
    "abstained": CaptureCode.REGISTRATION_ABSTAINED,
}


def _displaced_bands(capture: Capture, how: _Settings) -> dict[str, dict[int, Shift]]:
    """Of a stack, which is made of several exposures; the bands of one photograph cannot part."""
    modalities = {"rgb": (capture.rgb, capture.rgb_mask), "uv": (capture.uv, capture.uv_mask)}
    return {name: find_displaced_bands(*pair, how.registration) for name, pair in modalities.items()}


def judge_registration(capture: Capture, study: Study, params: RegistrationParams) -> Registration | None:
    """The registration of one capture, or None where the study switches it off."""
    if study.settings.registration == "off":
        return None
    correct = study.settings.registration == "correct"
    return estimate_registration(capture.rgb, capture.uv, capture.rgb_mask, params, correct=correct)


def _digest(capture: Capture) -> str:
    digest = hashlib.sha256()
    for band in (*capture.rgb, *capture.uv):
        digest.update(np.ascontiguousarray(band).data)
    return digest.hexdigest()


def _tabulate(
    captures: pd.DataFrame,
    findings: list[_Findings | CaptureRejected],
    units: str,
    receptors: ReceptorModel | None,
) -> Examination:
    rejected: list[tuple[str, str, str]] = []
    kept: list[tuple[int, _Findings]] = []
    seen: dict[str, str] = {}
    for row, found in enumerate(findings):
        filename = str(captures["filename"].iloc[row])
        if isinstance(found, CaptureRejected):
            rejected.append((filename, found.code.value, found.reason))
        elif found.sha256 in seen:
            reason = f"the same pixels as '{seen[found.sha256]}'"
            rejected.append((filename, CaptureCode.DUPLICATE.value, reason))
        else:
            seen[found.sha256] = filename
            if found.colour.note:
                logger.warning("%s", found.colour.note)
            kept.append((row, found))
    return Examination(
        specimen_index=_index(captures, kept, units),
        rejected_captures=pd.DataFrame(rejected, columns=REJECTED_COLUMNS, dtype="string"),
        registration_qa=pd.DataFrame([found.registration for _, found in kept]),
        quality_report=pd.DataFrame(_rows(found.quality for _, found in kept)),
        colour_table=pd.DataFrame(_rows(found.colour.colour for _, found in kept)),
        receptor_table=tabulate_catches(_rows(found.colour.catches for _, found in kept), receptors),
        band_histograms=sum_histograms((found.histograms, found.quality) for _, found in kept),
    )


def _rows(groups: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [row for group in groups for row in group]


def _index(captures: pd.DataFrame, kept: list[tuple[int, _Findings]], units: str) -> pd.DataFrame:
    index = captures.iloc[[row for row, _ in kept]].reset_index(drop=True)
    index["sha256"] = [found.sha256 for _, found in kept]
    index["height_px"] = [found.height_px for _, found in kept]
    index["width_px"] = [found.width_px for _, found in kept]
    index["colour_units"] = units
    index["flags"] = [
        ";".join(code for code in (flags, *(flag.value for flag in found.flags)) if code)
        for flags, (_, found) in zip(index["flags"], kept, strict=True)
    ]
    labels = [column for column in index.columns if column not in (*FILE_COLUMNS, *EXPECTED_HASHES)]
    return index[[*FILE_COLUMNS, *labels]]
