"""How UV lies on RGB: measured, judged, and undone."""

from xmodal_pipeline.imaging.registration.bands import find_displaced_bands
from xmodal_pipeline.imaging.registration.geometry import (
    Matrix,
    Registration,
    RegistrationStatus,
    Shift,
    Transform,
    apply_registration,
    lay_mask,
    matrix_to_uv,
    pixels_in_uv,
    registration_matrix,
    registration_of,
    registration_row,
)
from xmodal_pipeline.imaging.registration.mirror import is_mirrored
from xmodal_pipeline.imaging.registration.rig import Sighting, find_rig, settle_on_rig
from xmodal_pipeline.imaging.registration.turn import is_similarity_available
from xmodal_pipeline.imaging.registration.verdict import estimate_registration

__all__ = [
    "Matrix",
    "Registration",
    "RegistrationStatus",
    "Shift",
    "Sighting",
    "Transform",
    "apply_registration",
    "estimate_registration",
    "find_displaced_bands",
    "find_rig",
    "is_mirrored",
    "is_similarity_available",
    "lay_mask",
    "matrix_to_uv",
    "pixels_in_uv",
    "registration_matrix",
    "registration_of",
    "registration_row",
    "settle_on_rig",
]
