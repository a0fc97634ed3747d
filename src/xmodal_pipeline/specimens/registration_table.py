"""`registration_qa`: a row per capture, and the transforms that it asks for."""

from typing import Any

import pandas as pd

from xmodal_pipeline.imaging.registration import Registration
from xmodal_pipeline.specimens.rigs import RigVerdict


def registration_row(registration: Registration | None, rig: RigVerdict | None = None) -> dict[str, Any]:
    """One row of `registration_qa` without its identity; missing where registration is off, or no rig."""
    names = (
        "dx_px",
        "dy_px",
        "rotation_deg",
        "scale",
        "score_before",
        "score_after",
        "margin",
        "residual_px",
        "measured_rotation_deg",
        "measured_scale",
        "detectable_rotation_deg",
        "detectable_scale_error",
    )
    of_rig = {
        "rig": rig.name if rig else "",
        "rig_dx_px": rig.rig.dx_px if rig else float("nan"),
        "rig_dy_px": rig.rig.dy_px if rig else float("nan"),
        "rig_rotation_deg": rig.rig.rotation_deg if rig else float("nan"),
        "rig_scale": rig.rig.scale if rig else float("nan"),
    }
    if registration is None:
        return dict.fromkeys(names, float("nan")) | {"status": "off"} | of_rig
    return {name: getattr(registration, name) for name in names} | {"status": registration.status} | of_rig


def corrections(registration_qa: pd.DataFrame) -> dict[str, Registration]:
    """The transform of every capture whose registration is to be corrected, by capture."""
    corrected = registration_qa[registration_qa["status"] == "corrected"]
    names = [name for name in Registration.__dataclass_fields__ if name in registration_qa]
    return {row["capture_id"]: Registration(**{n: row[n] for n in names}) for _, row in corrected.iterrows()}
