"""Every capture read once and judged: the tables of `ingest`."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging.capture import Capture, CaptureFiles
from xmodal_pipeline.imaging.colour import colour_rows
from xmodal_pipeline.imaging.quality import capture_quality
from xmodal_pipeline.imaging.reading import read_capture
from xmodal_pipeline.imaging.registration import Registration, estimate_registration
from xmodal_pipeline.imaging.scale import resolve_scale
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams, Scale, SpecimensParams
from xmodal_pipeline.specimens.discovery import REJECTED_COLUMNS

FILE_COLUMNS = [
    "capture_id",
    "specimen_id",
    "filename",
    "uv_filename",
    "sha256",
    "height_px",
    "width_px",
    "colour_units",
    "flags",
]


class Examination(NamedTuple):
    """The tables that come out of reading every capture once."""

    specimen_index: pd.DataFrame
    rejected_captures: pd.DataFrame
    registration_qa: pd.DataFrame
    quality_report: pd.DataFrame
    colour_table: pd.DataFrame


@dataclass(frozen=True)
class _Findings:
    """What a worker sends back about one capture: numbers, never pixels."""

    sha256: str
    height_px: int
    width_px: int
    registration: dict[str, Any]
    quality: list[dict[str, Any]]
    colour: list[dict[str, Any]]
    flags: tuple[CaptureCode, ...]


def capture_files(captures: pd.DataFrame, root: Path) -> list[CaptureFiles]:
    """Where the files of each row of a capture table are."""
    return [
        CaptureFiles(capture, specimen, root / rgb, root / uv if uv else None)
        for capture, specimen, rgb, uv in zip(
            *(
                captures[name].astype(str)
                for name in ("capture_id", "specimen_id", "filename", "uv_filename")
            ),
            strict=True,
        )
    ]


def examine_captures(
    captures: pd.DataFrame,
    root: Path,
    specimens: SpecimensParams,
    registration: RegistrationParams,
    quality: QualityParams,
    *,
    is_simulated: bool = False,
) -> Examination:
    """Read every capture, judge its registration and quality, and measure its colour.

    Args:
        captures: `capture_id, specimen_id, filename, uv_filename, flags` and labels.
        root: folder that the file names are relative to.
        specimens: how the files are read; `scale` may still be `auto`.
        registration: the registration gate.
        quality: thresholds of the flags.
        is_simulated: whether the captures come from the simulation, whose white is known.

    Returns:
        The tables; a capture that cannot be used is in `rejected_captures` and in no other.
    """
    files = capture_files(captures, root)
    scale = resolve_scale(files, specimens)
    units = colour_units(specimens, scale, is_simulated=is_simulated)
    how = _Settings(specimens, scale, registration, quality, units)
    work = (delayed(_examine)(one, how) for one in files)
    parallel = Parallel(n_jobs=quality.n_jobs, return_as="generator")
    findings = list(tqdm(parallel(work), total=len(files), desc="Examining captures", unit="capture"))
    return _tabulate(captures, findings, units)


def colour_units(specimens: SpecimensParams, scale: Scale, *, is_simulated: bool) -> str:
    """What the numbers are: reflectance only where the user says that the files hold it.

    Simulated captures are white-balanced at one exposure, but for the drift between sessions: relative.
    """
    if is_simulated:
        return "relative"
    if scale in ("percent", "unit"):
        return "relative" if specimens.scale == "auto" else "reflectance"
    return "uncalibrated"


@dataclass(frozen=True)
class _Settings:
    """How every capture of a study is read and judged."""

    specimens: SpecimensParams
    scale: Scale
    registration: RegistrationParams
    quality: QualityParams
    units: str


def _examine(files: CaptureFiles, how: _Settings) -> _Findings | CaptureRejected:
    specimens, scale = how.specimens, how.scale
    try:
        capture = read_capture(files, specimens, scale)
    except CaptureRejected as rejected:
        return rejected
    layout = specimens.band_layout
    verdict = judge_registration(capture, specimens, how.registration)
    ceiling = float("inf") if scale in ("percent", "unit") else 1.0
    rows, flags = capture_quality(
        capture, layout, how.quality, ceiling=ceiling, is_aligned=specimens.registration != "off"
    )
    if verdict is not None and verdict.status in _REGISTRATION_FLAGS:
        flags = (*flags, _REGISTRATION_FLAGS[verdict.status])
    identity = {"capture_id": files.capture_id, "specimen_id": files.specimen_id}
    return _Findings(
        sha256=_digest(capture),
        height_px=capture.rgb.shape[1],
        width_px=capture.rgb.shape[2],
        registration=identity | registration_row(verdict),
        quality=[identity | row for row in rows],
        colour=colour_rows(capture, files.capture_id, files.specimen_id, layout, how.units, None),
        flags=flags,
    )


_REGISTRATION_FLAGS = {
    "failed": CaptureCode.MISREGISTERED,
    "abstained": CaptureCode.REGISTRATION_ABSTAINED,
}


def judge_registration(
    capture: Capture, specimens: SpecimensParams, params: RegistrationParams
) -> Registration | None:
    """The registration of one capture, or None where the study switches it off."""
    if specimens.registration == "off":
        return None
    correct = specimens.registration == "correct"
    return estimate_registration(capture.rgb, capture.uv, capture.rgb_mask, params, correct=correct)


def registration_row(registration: Registration | None) -> dict[str, Any]:
    """One row of `registration_qa` without its identity; all missing where registration is off."""
    names = (
        "dx_px",
        "dy_px",
        "rotation_deg",
        "scale",
        "score_before",
        "score_after",
        "margin",
        "residual_px",
    )
    if registration is None:
        return dict.fromkeys(names, float("nan")) | {"status": "off"}
    return {name: getattr(registration, name) for name in names} | {"status": registration.status}


def _digest(capture: Capture) -> str:
    digest = hashlib.sha256(capture.rgb.tobytes())
    digest.update(capture.uv.tobytes())
    return digest.hexdigest()


def _tabulate(captures: pd.DataFrame, findings: list[_Findings | CaptureRejected], units: str) -> Examination:
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
            kept.append((row, found))
    return Examination(
        specimen_index=_index(captures, kept, units),
        rejected_captures=pd.DataFrame(rejected, columns=REJECTED_COLUMNS, dtype="string"),
        registration_qa=pd.DataFrame([found.registration for _, found in kept]),
        quality_report=pd.DataFrame(_rows(found.quality for _, found in kept)),
        colour_table=pd.DataFrame(_rows(found.colour for _, found in kept)),
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
    labels = [column for column in index.columns if column not in FILE_COLUMNS]
    return index[[*FILE_COLUMNS, *labels]]
