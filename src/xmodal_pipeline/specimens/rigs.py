"""Captures taken with one camera set-up share one registration."""

from collections.abc import Hashable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from xmodal_pipeline.errors import CaptureRejected
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.reading import read_counts
from xmodal_pipeline.imaging.registration import (
    Registration,
    Sighting,
    Transform,
    estimate_registration,
    find_rig,
    settle_on_rig,
)
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import RegistrationParams

ALL = "all"
"""The whole study is one rig."""


class RigVerdict(NamedTuple):
    """The registration of one capture under its rig."""

    name: str
    rig: Transform
    registration: Registration


def rig_row(verdict: RigVerdict | None) -> dict[str, Any]:
    """The columns of a capture's rig in `registration_qa`: its name and transform; missing without one."""
    row: dict[str, Any] = {"rig": verdict.name if verdict else ""}
    for field in fields(Transform):
        row[f"rig_{field.name}"] = getattr(verdict.rig, field.name) if verdict else float("nan")
    return row


def settle_rigs(
    captures: pd.DataFrame,
    files: Sequence[CaptureFiles],
    study: Study,
    params: RegistrationParams,
    *,
    n_jobs: int,
) -> dict[str, RigVerdict]:
    """One transform per rig, and the verdict on each capture under it.

    Every file is read once for this, before the examination reads it again: colour must be measured where the
    rig says that UV lies, and the rig is known only once all its captures were seen.

    Args:
        captures: the table, with the column that names the rigs.
        files: where they are, in the same order.
        study: how they are read.
        params: `rig` names the column, or is `all`; null settles nothing.
        n_jobs: worker processes.

    Returns:
        By capture. A capture without a rig, or whose rig has fewer than three captures that show where UV
        lies, is not in it, and is judged by itself; nor is one that cannot be read.
    """
    if params.rig is None or study.settings.registration != "correct":
        return {}
    work = (delayed(_judge_alone)(one, study, params) for one in files)
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    alone = list(tqdm(parallel(work), total=len(files), desc="Registering rigs", unit="capture"))
    names = [ALL] * len(files) if params.rig == ALL else captures[params.rig].tolist()
    members: dict[Hashable, list[int]] = {}
    for row, name in enumerate(names):
        if not pd.isna(name) and str(name):
            members.setdefault(str(name), []).append(row)
    verdicts: dict[str, RigVerdict] = {}
    for name, rows in members.items():
        seen = {row: found for row in rows if (found := alone[row]) is not None}
        rig = find_rig(list(seen.values()))
        if rig is not None:
            verdicts |= {
                files[row].capture_id: RigVerdict(str(name), rig, settle_on_rig(found, rig, params))
                for row, found in seen.items()
            }
    return verdicts


def _judge_alone(files: CaptureFiles, study: Study, params: RegistrationParams) -> Sighting | None:
    try:
        capture = read_counts(files, study)
    except CaptureRejected:
        return None  # the examination says why
    mask = capture.rgb_mask
    own = estimate_registration(capture.rgb, capture.uv, mask, params, correct=True)
    if own.status == "corrected" and own.is_turned:
        return Sighting(own, (0.0, 0.0))  # a similarity is given about the image's centre
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    return Sighting(own, (float(columns.mean()) - (width - 1) / 2, float(rows.mean()) - (height - 1) / 2))
