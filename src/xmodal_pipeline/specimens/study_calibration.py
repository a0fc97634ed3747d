"""The lines from counts to reflectance of a study, and which of them hold for a capture."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from xmodal_pipeline.errors import CaptureRejected, RunStoppedError
from xmodal_pipeline.imaging.calibration import (
    BandCalibration,
    Calibration,
    fit_grey_standards,
    measure_standard,
)
from xmodal_pipeline.imaging.raw import read_colour_bands
from xmodal_pipeline.imaging.reading import check_scale
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.grey_standards import GreyStandard, read_standards
from xmodal_pipeline.specimens.workers import count_workers

logger = logging.getLogger(__name__)

CALIBRATION_COLUMNS = ["group", "modality", "band", *BandCalibration._fields]


class _Measured(NamedTuple):
    """One standard in one band of one photograph."""

    group: str
    modality: str
    band: str
    reflectance: float
    counts: float
    is_saturated: bool


def calibrate_study(captures: pd.DataFrame, study: Study, *, n_jobs: int) -> pd.DataFrame:
    """Measure the grey standards and fit one line per group and band.

    A group is a capture, or with `specimens.calibrate_by` all captures of one value of that label; it takes
    the standards in any photograph of its own, which must have been taken with the same exposure and light.
    A standards' photograph that cannot be read is passed over with a warning.

    Args:
        captures: `capture_id, filename, uv_filename` and labels.
        study: how the files are read, and where the table of standards is.
        n_jobs: worker processes.

    Returns:
        One row per group and band (`group, modality, band, slope, intercept, r2, n_used, n_saturated,
        residual_sd, max_residual, flagged`); none for a study without standards. Without a rising line the
        slope is NaN.

    Raises:
        FileNotFoundError: if the table of standards is absent.
        ValueError: if the table is wrong, contradicts the metadata, or a disc leaves its photograph.
    """
    by_photograph: dict[str, list[GreyStandard]] = {}
    for standard in read_standards(study.root, study.settings):
        by_photograph.setdefault(standard.filename, []).append(standard)
    groups = _groups(by_photograph, captures, study.settings.calibrate_by)
    if not groups:
        return _tabulate([], study)
    work = (
        delayed(_measure)(study.root / name, group, by_photograph[name], study)
        for name, group in groups.items()
    )
    n_workers = count_workers(capture_files(captures, study.root), study.settings, n_jobs)
    parallel = Parallel(n_jobs=n_workers, return_as="generator")
    found = tqdm(parallel(work), total=len(groups), desc="Measuring grey standards", unit="photograph")
    return _tabulate([row for rows in found for row in _kept(rows)], study)


def capture_calibrations(
    calibration: pd.DataFrame, captures: pd.DataFrame, study: Study
) -> dict[str, Calibration]:
    """The lines that hold for each capture, by `capture_id`; captures without any are left out.

    Args:
        calibration: of `calibrate_study`.
        captures: `capture_id` and labels.
        study: which label groups the captures.
    """
    lines: dict[str, dict[str, BandCalibration]] = {}
    for _, row in calibration.iterrows():
        line = BandCalibration(**{name: row[name] for name in BandCalibration._fields})
        lines.setdefault(row["group"], {})[row["band"]] = line
    groups = _capture_groups(captures, study.settings.calibrate_by)
    return {capture: lines[group] for capture, group in groups.items() if group in lines}


def _capture_groups(captures: pd.DataFrame, calibrate_by: str | None) -> dict[str, str | None]:
    """The group of each capture; None where its label is missing."""
    column = captures[calibrate_by or "capture_id"]
    return {
        str(capture): None if pd.isna(group) else str(group)
        for capture, group in zip(captures["capture_id"], column, strict=True)
    }


def _groups(
    by_photograph: dict[str, list[GreyStandard]], captures: pd.DataFrame, calibrate_by: str | None
) -> dict[str, str]:
    """The group of each photograph with standards; photographs that belong to none are left out."""
    of_capture = _capture_groups(captures, calibrate_by)
    of_file = {
        (str(getattr(capture, column)), modality): of_capture[str(capture.capture_id)]
        for capture in captures.itertuples()
        for column, modality in (("filename", "rgb"), ("uv_filename", "uv"))
    }
    groups: dict[str, str] = {}
    for name, (first, *_) in by_photograph.items():
        own = {modality: of_file[name, modality] for modality in ("rgb", "uv") if (name, modality) in of_file}
        if own and first.modality is not None and first.modality not in own:
            raise RunStoppedError(
                f"{first.where}: must fill in the bands of the {next(iter(own))} photograph, which "
                f"'{name}' is, got {list(first.reflectance)}; correct the table"
            )
        known = {group for group in (first.group, *own.values()) if group is not None}
        if len(known) > 1:
            raise RunStoppedError(
                f"{first.where}: '{calibrate_by}' must agree with the metadata, "
                f"got {sorted(known)} for '{name}'; correct one of the two"
            )
        if known:
            groups[name] = known.pop()
    left_out = len(by_photograph) - len(groups)
    if left_out:
        logger.warning("%d photographs with grey standards belong to no capture of the study", left_out)
    return groups


def _measure(
    path: Path, group: str, standards: Sequence[GreyStandard], study: Study
) -> list[_Measured] | CaptureRejected:
    try:
        bands = read_colour_bands(path, standards[0].modality, study.settings)
        check_scale(path.name, next(iter(bands.values())), study)
    except CaptureRejected as rejected:
        return rejected
    lacking = [name for name in bands if name not in standards[0].reflectance]
    if lacking:
        raise RunStoppedError(
            f"{standards[0].where}: every band of '{path.name}' must have a reflectance, lacks {lacking}; "
            "fill them in"
        )
    is_srgb = study.settings.encoding == "srgb"
    rows: list[_Measured] = []
    for standard in standards:
        try:
            found = measure_standard(bands, standard.disc, study.scale, is_srgb=is_srgb)
        except ValueError as error:
            raise RunStoppedError(f"{standard.where} ('{path.name}'): {error}") from error
        rows += [
            _Measured(group, _modality(study, band), band, standard.reflectance[band], *one)
            for band, one in found.items()
        ]
    return rows


def _modality(study: Study, band: str) -> str:
    return "rgb" if band in study.rgb_bands else "uv"


def _kept(found: list[_Measured] | CaptureRejected) -> Iterable[_Measured]:
    if isinstance(found, CaptureRejected):
        logger.warning("Grey standards passed over: %s", found)
        return []
    return found


def _tabulate(measured: list[_Measured], study: Study) -> pd.DataFrame:
    layout = study.layout  # the UV photograph of standards alone may have other bands than the captures
    place = {band: at for at, band in enumerate((*layout.rgb, *layout.uv))}
    by_line: dict[tuple[str, str, str], list[_Measured]] = {}
    for one in measured:
        by_line.setdefault((one.group, one.modality, one.band), []).append(one)
    keys = sorted(by_line, key=lambda key: (key[0], place[key[2]]))
    return pd.DataFrame([(*key, *_fit(by_line[key])) for key in keys], columns=CALIBRATION_COLUMNS)


def _fit(measured: list[_Measured]) -> BandCalibration:
    return fit_grey_standards(
        np.array([one.counts for one in measured]),
        np.array([one.reflectance for one in measured]),
        np.array([one.is_saturated for one in measured], dtype=np.bool_),
    )
