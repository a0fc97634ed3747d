"""`registration_qa`: what it says of rigs, and the transforms that it asks for."""

from dataclasses import fields
from typing import Any

import pandas as pd

from xmodal_pipeline.imaging.registration import Registration, Transform, registration_of
from xmodal_pipeline.specimens.rigs import RigVerdict


def rig_row(verdict: RigVerdict | None) -> dict[str, Any]:
    """The columns of a capture's rig: its name and transform; missing without one."""
    row: dict[str, Any] = {"rig": verdict.name if verdict else ""}
    for field in fields(Transform):
        row[f"rig_{field.name}"] = getattr(verdict.rig, field.name) if verdict else float("nan")
    return row


def corrections(registration_qa: pd.DataFrame) -> dict[str, Registration]:
    """The transform of every capture whose registration is to be corrected, by capture."""
    corrected = registration_qa[registration_qa["status"] == "corrected"]
    return {row["capture_id"]: registration_of(row) for row in corrected.to_dict("records")}
