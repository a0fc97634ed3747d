"""Whether the bands of one modality lie on one another."""

from xmodal_pipeline.imaging.capture import Bands, Mask
from xmodal_pipeline.imaging.registration.geometry import Shift
from xmodal_pipeline.imaging.registration.verdict import (
    CLEARLY_WORSE,
    has_structure,
    is_placed,
    look,
)
from xmodal_pipeline.imaging.registration.views import make_scene
from xmodal_pipeline.imaging.structure import Plane
from xmodal_pipeline.params.ingest import RegistrationParams

_SURE_MARGIN = 0.08
"""Where a band would fit. Of 756 bands of the demo, none displaced, two fitted elsewhere by chance, with .03
and .05; of bands moved by 3 px nine in ten have more than this."""


def find_displaced_bands(bands: Bands, mask: Mask, params: RegistrationParams) -> dict[int, Shift]:
    """Bands that lie beside the first one, as where the camera moved between two exposures of a stack.

    A band is displaced where another place fits it by the whole gate and a wide margin, and fits clearly
    better than where it is: bands that show different patterns fit nowhere, and are not named.

    Args:
        bands: (bands, height, width) of one modality.
        mask: (height, width), True = specimen.
        params: the gate of RGB and UV.

    Returns:
        Shift against the first band, by index of the band.
    """
    found = {}
    for k in range(1, len(bands)):
        shift = _displacement(bands[0], bands[k], mask, params)
        if shift is not None:
            found[k] = shift
    return found


def _displacement(first: Plane, band: Plane, mask: Mask, params: RegistrationParams) -> Shift | None:
    scene = make_scene(first, band, mask, working_size_px=params.working_size_px)
    if not has_structure(scene, params):
        return None
    finding = look(scene, params)
    is_far = finding.shift.length_px >= params.max_residual_px * scene.detail_reduction
    fits_there = is_placed(finding, scene, params) and finding.after.margin > _SURE_MARGIN
    return finding.shift if is_far and fits_there and finding.before.margin < CLEARLY_WORSE else None
