"""What pixels of a few captures tell: scale, mask, registration; and a sheet of how they look."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from xmodal_pipeline.errors import CaptureRejected, ParametersError
from xmodal_pipeline.imaging.capture import Capture, CaptureFiles, Mask
from xmodal_pipeline.imaging.pictures import Picture, make_thumbnail
from xmodal_pipeline.imaging.reading import read_counts
from xmodal_pipeline.imaging.registration import estimate_registration, is_similarity_available
from xmodal_pipeline.imaging.study import Study, open_study
from xmodal_pipeline.imaging.tiff import ImageHeader
from xmodal_pipeline.params.ingest import MaskSource, RegistrationParams, SpecimensParams
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.inspection.files import Folder
from xmodal_pipeline.specimens.inspection.proposal import Setting, State

MOST_CAPTURES: Final = 12
_MOST_PIXELS: Final = 60_000_000
"""Pixels × bands of the sample, so that a look at large photographs takes seconds."""
_PLAUSIBLE: Final = (0.01, 0.95)
"""Share of the frame that a specimen covers."""
_INVERTED_BORDER: Final = 0.5
"""A mask that covers more of the frame's border than this may be inverted."""
SIDE_PX: Final = 128
_PER_ROW: Final = 2
_GAP_PX: Final = 6
_CAPTION_PX: Final = 14
_MOST_LETTERS: Final = 60


@dataclass(frozen=True, eq=False)
class Look:
    """What a sample of captures shows."""

    settings: tuple[Setting, ...]
    n_sampled: int
    names: tuple[str, ...] = ()
    pictures: NDArray[np.uint8] | None = None
    """(captures, 3, side, side, 3): RGB, UV and overlay, sRGB, the outline of the mask drawn in."""
    rejected: tuple[CaptureRejected, ...] = ()
    """Captures of the sample that the settings do not read."""


def look_at_pixels(captures: pd.DataFrame, settings: SpecimensParams, folder: Folder) -> Look:
    """Read a sample of captures with the layout proposed so far, and decide scale, mask and registration.

    Args:
        captures: as discovered.
        settings: layout and pairs.
        folder: where they lie; its headers decide how many captures are read.
    """
    root, header = folder.root, folder.common_header()
    files = capture_files(captures.assign(specimen_id=captures["capture_id"]), root)
    sample = _sample(files, header)
    scale, study = _decide_scale(root, sample, settings)
    whole = _read(sample, study, "none")
    if not any(isinstance(found, Capture) for found in whole):
        return Look((), len(sample), rejected=tuple(one for one in whole if isinstance(one, CaptureRejected)))
    mask, read = _decide_mask(sample, study, has_alpha=folder.has_alpha)
    study = study.model_copy(
        update={"settings": study.settings.model_copy(update={"mask": mask.value or "none"})}
    )
    good = [(one, found) for one, found in zip(sample, read, strict=True) if isinstance(found, Capture)]
    rejected = tuple(found for found in read if isinstance(found, CaptureRejected))
    found = (scale, mask, *_decide_registration([capture for _, capture in good], study))
    pictures = [make_thumbnail(capture, SIDE_PX, is_linear=study.is_linear) for _, capture in good]
    return Look(
        found,
        len(sample),
        tuple(one.capture_id for one, _ in good),
        np.array(pictures) if pictures else None,
        rejected,
    )


def draw_sheet(look: Look) -> Picture | None:
    """RGB, UV and overlay of each capture looked at, with its name; None where none could be read.

    Args:
        look: its pictures are (captures, 3, side, side, 3).
    """
    if look.pictures is None:
        return None
    n, panels, side = look.pictures.shape[:3]
    width, height = panels * side + _GAP_PX, side + _CAPTION_PX + _GAP_PX
    rows = -(-n // _PER_ROW)
    sheet = Image.new("RGB", (min(n, _PER_ROW) * width + _GAP_PX, rows * height + _GAP_PX), "white")
    pen = ImageDraw.Draw(sheet)
    for at, (name, picture) in enumerate(zip(look.names, look.pictures, strict=True)):
        left, top = _GAP_PX + at % _PER_ROW * width, _GAP_PX + at // _PER_ROW * height
        pen.text((left, top), name[-_MOST_LETTERS:], fill="black")
        for panel, pixels in enumerate(picture):
            sheet.paste(Image.fromarray(pixels), (left + panel * side, top + _CAPTION_PX))
    return np.asarray(sheet)


def _sample(files: Sequence[CaptureFiles], header: ImageHeader | None) -> list[CaptureFiles]:
    if not files or header is None:
        return []
    n_pixels = header.height_px * header.width_px * header.n_bands * (1 if files[0].uv_path is None else 2)
    n = int(np.clip(_MOST_PIXELS // n_pixels, 1, min(MOST_CAPTURES, len(files))))
    return [files[at] for at in sorted({round(at) for at in np.linspace(0, len(files) - 1, n)})]


def _decide_scale(root: Path, sample: list[CaptureFiles], settings: SpecimensParams) -> tuple[Setting, Study]:
    """The scale, and a study as which the sample can be shown."""
    key = "specimens.scale"
    try:
        study = open_study(root, settings, sample)
    except ParametersError as error:
        why = str(error).removeprefix("specimens.scale: auto must be able to tell uint8, uint16, percent or ")
        why = f"the files do not tell: {why.removeprefix('unit, got ')}"
        # The pictures need some scale; which one does not change how they look.
        shown = settings.model_copy(update={"scale": "uint16" if "uint16" in why else "unit"})
        unknown = Setting(key, None, "unknown", why, ("uint8", "uint16", "percent", "unit"))
        return unknown, open_study(root, shown, sample)
    why = f"auto reads {study.scale} from data type and range of {len(sample)} captures"
    if study.scale in ("percent", "unit"):
        why += f"; write {study.scale} instead if the files hold calibrated reflectance"
        return Setting(key, "auto", "doubtful", why, (study.scale,)), study
    return Setting(key, "auto", "certain", why), study


def _decide_mask(
    sample: list[CaptureFiles], study: Study, *, has_alpha: bool
) -> tuple[Setting, list[Capture | CaptureRejected]]:
    """The first source that finds a specimen in every capture of the sample, else none."""
    key = "specimens.mask"
    sources: list[MaskSource] = []
    if study.layout.mask is not None:
        sources.append("band")
    if study.settings.is_pair and has_alpha:
        sources.append("alpha")
    sources.append("white_background")
    failures = []
    for source in sources:
        read = _read(sample, study, source)
        masks = [one.rgb_mask for one in read if isinstance(one, Capture)]
        if source == "band" and masks and len(masks) * 2 >= len(read):
            return _band_setting(masks, len(read)), read
        verdict = _implausible(masks, read)
        if verdict is None:
            areas = [float(mask.mean()) for mask in masks]
            frame = f"{min(areas):.0%} to {max(areas):.0%} of the frame"
            why = f"outlines {frame} in {len(masks)} of {len(read)} captures"
            state: State = "certain" if source == "alpha" else "doubtful"
            look = "" if source == "alpha" else "; look at the outlines on the sheet"
            return Setting(key, source, state, why + look, (*_regions(study), "none")), read
        failures.append(f"{source}: {verdict}")
    read = _read(sample, study, "none")
    remedy = "" if study.settings.patches else "; add a mask band, or draw regions and set patches"
    why = f"no outline is found: the whole frame would be measured{remedy} ({'; '.join(failures)})"
    return Setting(key, "none", "doubtful", why, _regions(study)), read


def _regions(study: Study) -> tuple[str, ...]:
    return ("patches",) if study.settings.patches else ()


def _band_setting(masks: list[Mask], n: int) -> Setting:
    areas = [float(mask.mean()) for mask in masks]
    why = (
        f"the band selects {min(areas):.0%} to {max(areas):.0%} of the frame in {len(masks)} of {n} captures"
    )
    inverted = sum(_border_share(mask) > _INVERTED_BORDER for mask in masks)
    if inverted * 2 > len(masks):
        why = f"in {inverted} of {len(masks)} captures the mask covers the frame's border: is it inverted?"
        return Setting("specimens.mask", "band", "doubtful", why, ("none",))
    return Setting("specimens.mask", "band", "certain", why)


def _implausible(masks: list[Mask], read: Sequence[Capture | CaptureRejected]) -> str | None:
    rejected = [one for one in read if isinstance(one, CaptureRejected)]
    if rejected:
        reason = rejected[0].reason.split(";")[0].split(", got [")[0]
        return f"fails in {len(rejected)} of {len(read)}, {reason}"
    odd = [mask for mask in masks if not _PLAUSIBLE[0] <= mask.mean() <= _PLAUSIBLE[1]]
    odd += [mask for mask in masks if _border_share(mask) > _INVERTED_BORDER]
    return f"covers nothing or nearly all in {len(odd)} of {len(read)}" if odd or not masks else None


def _border_share(mask: Mask) -> float:
    return float(np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean())


def _read(sample: list[CaptureFiles], study: Study, mask: MaskSource) -> list[Capture | CaptureRejected]:
    settings = study.settings.model_copy(update={"mask": mask})
    found: list[Capture | CaptureRejected] = []
    for one in sample:
        try:
            found.append(read_counts(one, study.model_copy(update={"settings": settings})))
        except CaptureRejected as rejected:
            found.append(rejected)
    return found


def _decide_registration(captures: list[Capture], study: Study) -> tuple[Setting, ...]:
    """Whether UV lies on RGB, or can be moved there, in the sample."""
    if not captures or study.settings.registration == "off":
        return ()
    params = RegistrationParams()
    statuses = [
        estimate_registration(one.rgb, one.uv, one.rgb_mask, params, correct=True).status for one in captures
    ]
    counts = {status: statuses.count(status) for status in ("ok", "corrected", "failed", "abstained")}
    shown = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    why = f"UV on RGB in {len(captures)} captures: {shown}"
    key = "specimens.registration"
    if (counts["failed"] + counts["abstained"]) * 4 > len(captures):
        turned = "" if is_similarity_available() else "; turned ones need the extra [registration]"
        ask = f"are they views of one scene?{turned}" if counts["failed"] else "too little structure to judge"
        return (Setting(key, "correct", "doubtful", f"{why}; {ask}", ("off", "check")),)
    return (Setting(key, "correct", "certain", why),)
