"""Pictures of captures for talks and papers: RGB, UV as grey, and false colour, in full size."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

import pandas as pd
from PIL import Image
from tqdm import tqdm

from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.imaging.pictures import Picture, false_colour_picture, rgb_picture, uv_picture
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.registered import check_one_grid, corrections, read_registered
from xmodal_pipeline.specimens.study_calibration import capture_calibrations

_KINDS: Final[dict[str, Callable[..., Picture]]] = {
    "rgb": lambda one, **how: rgb_picture(one.rgb, one.rgb_mask, **how),
    "uv": lambda one, **how: uv_picture(one.uv, one.uv_mask, **how),
    "false_colour": lambda one, **how: false_colour_picture(one.rgb, one.uv, one.rgb_mask, **how),
}


def presentation_images(
    study: Study, specimen_index: pd.DataFrame, registration_qa: pd.DataFrame, calibration: pd.DataFrame
) -> dict[str, Callable[[], Image.Image]]:
    """A function per picture, called `<capture_id>_rgb`, `<capture_id>_uv` and `<capture_id>_false_colour`.

    Brightness is stretched per capture and modality up to the 99th percentile inside the mask: for display,
    not for measuring. UV is shown corrected where registration corrected it.

    Raises:
        ParametersError: where the photographs of a pair were never meant to lie on one another.
    """
    check_one_grid(study)
    files = {one.capture_id: one for one in capture_files(specimen_index, study.root)}
    transforms = corrections(registration_qa)
    lines = capture_calibrations(calibration, specimen_index, study)
    progress = tqdm(total=len(files) * len(_KINDS), desc="Drawing captures", unit="picture")

    @lru_cache(maxsize=1)  # the pictures of a capture are drawn one after the other
    def read(capture_id: str) -> Capture:
        return read_registered(files[capture_id], study, lines.get(capture_id), transforms.get(capture_id))

    def draw(capture_id: str, kind: str) -> Image.Image:
        progress.update()
        return Image.fromarray(_KINDS[kind](read(capture_id), is_linear=study.is_linear))

    return {f"{name}_{kind}": partial(draw, name, kind) for name in files for kind in _KINDS}
