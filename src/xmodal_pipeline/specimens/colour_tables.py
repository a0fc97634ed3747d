"""Colour of every capture: which patches are measured, and the tables that come out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from xmodal_pipeline.errors import CaptureCode, ParametersError
from xmodal_pipeline.imaging.capture import Capture, CaptureFiles
from xmodal_pipeline.imaging.colour import Region, catch_rows, colour_rows, list_regions
from xmodal_pipeline.imaging.patches import ENTIRE, FRAME, WHOLE, PatchesError, Pixels, read_patches
from xmodal_pipeline.imaging.receptors import (
    TETRAHEDRAL,
    ReceptorModel,
    read_receptors,
    relative_catches,
    tetrahedral,
)
from xmodal_pipeline.imaging.registration import Registration, matrix_to_uv
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import SpecimensParams

_TETRACHROMAT = ("u", "s", "m", "l")
"""Names that pavo takes for four receptors, from short to long wavelength."""
_SHARE = "_relative"
"""Ending of the columns of shares where the receptors are not four."""
_IDENTITY = ["capture_id", "specimen_id", "patch", "n_px"]


class ColourFindings(NamedTuple):
    """What one capture's colour is."""

    colour: list[dict[str, Any]]
    """Rows of `colour_table`."""
    catches: list[dict[str, Any]]
    """Rows of `receptor_table` before shares are taken."""
    flags: tuple[CaptureCode, ...] = ()
    note: str = ""
    """Why there is a flag, or why something was not measured; for the log."""


def find_receptors(root: Path, specimens: SpecimensParams) -> ReceptorModel | None:
    """The study's coefficients, from the file as named or inside `root`; None where none is named.

    Raises:
        ParametersError: if the file is absent or does not fit the layout.
    """
    if specimens.receptors is None:
        return None
    layout = specimens.band_layout
    path = next((p for p in (specimens.receptors, root / specimens.receptors) if p.is_file()), None)
    if path is None:
        raise ParametersError(
            f"specimens.receptors: must be an existing file, got '{specimens.receptors}'; check the path"
        )
    try:
        return read_receptors(path, (*layout.rgb, *layout.uv))
    except (ValueError, OSError) as error:
        raise ParametersError(f"specimens.receptors: {error}") from error


def check_receptor_units(model: ReceptorModel | None, units: str) -> None:
    """Coefficients are made for reflectance; counts or relative values would give numbers without meaning.

    Raises:
        ParametersError: if there are coefficients and the captures do not hold reflectance.
    """
    if model is not None and units != "reflectance":
        raise ParametersError(
            f"specimens.receptors: cone catches need reflectance, got {units} captures; calibrate them "
            "(specimens.grey_standards), name the scale of calibrated files (specimens.scale: percent or "
            "unit), or set specimens.receptors to null"
        )


def measure_colour(
    capture: Capture,
    files: CaptureFiles,
    study: Study,
    registration: Registration | None,
    *,
    receptors: ReceptorModel | None,
) -> ColourFindings:
    """Measure one capture whole and patch by patch, UV where the registration says it lies.

    Args:
        capture: as read.
        files: where it is; patch files are looked for beside it.
        study: bands and their units, source of the patches, and what the coefficients multiply.
        registration: of this capture; None where the study switches it off.
        receptors: the study's coefficients, if it has any.
    """
    shape = (capture.rgb.shape[1], capture.rgb.shape[2])
    patches, flag, note = _find_patches(files.rgb_path, study.settings, shape, capture.orientation)
    entire = FRAME if study.settings.mask == "none" else WHOLE
    regions = list_regions(capture, patches, matrix_to_uv(study, registration, shape), entire=entire)
    flags: tuple[CaptureCode, ...] = (flag,) if flag else ()
    if flag is None:
        flags, note = _check_patches(files.rgb_path, patches, regions, capture.orientation)
    identity = {"capture_id": files.capture_id, "specimen_id": files.specimen_id}
    catches: list[dict[str, Any]] = []
    if receptors is not None:
        # A pair may have fewer UV bands than its layout names.
        lacking = [band for band in receptors.bands if band not in study.bands]
        if lacking:
            note = f"capture '{files.rgb_path.name}': has no catches, specimens.receptors needs its {lacking}"
        else:
            factor = 100.0 if study.settings.receptor_scale == "percent" else 1.0
            catches = catch_rows(capture, regions, identity, study, receptors, factor=factor)
    colour = colour_rows(capture, regions, identity, study)
    return ColourFindings(colour, catches, flags, note)


def _find_patches(
    path: Path, settings: SpecimensParams, shape: tuple[int, int], orientation: int
) -> tuple[dict[str, Pixels], CaptureCode | None, str]:
    if settings.patches is None:
        return {}, None, ""
    try:
        patches = read_patches(path, settings.patches, shape, orientation=orientation, limits=settings.limits)
    except PatchesError as error:
        return {}, CaptureCode.BAD_PATCHES, f"capture '{path.name}': {error}"
    if patches is None:
        return {}, CaptureCode.NO_PATCHES, ""
    return patches, None, ""


def _check_patches(
    path: Path, patches: dict[str, Pixels], regions: Sequence[Region], orientation: int
) -> tuple[tuple[CaptureCode, ...], str]:
    turned = (CaptureCode.TURNED_PATCHES,) if patches and orientation != 1 else ()
    outside = sorted(patches.keys() - {region.name for region in regions})
    if not outside:
        return turned, ""
    note = f"capture '{path.name}': every patch must have a pixel inside the mask, got none for {outside}"
    return (*turned, CaptureCode.BAD_PATCHES), f"{note}; they are not measured"


def tabulate_catches(rows: list[dict[str, Any]], model: ReceptorModel | None) -> pd.DataFrame:
    """`receptor_table`: catches, their shares, and for four receptors the place in the tetrahedron.

    Args:
        rows: of `measure_colour`.
        model: the coefficients; None gives a table without rows.

    Returns:
        Columns capture_id, specimen_id, patch, n_px, `<receptor>_catch` …, then the shares (u, s, m, l for
        four receptors, else `<receptor>_relative`), n_raised (catches too small for a share) and, for four,
        `TETRAHEDRAL`. `lum` has a catch and no share.
    """
    if model is None or not rows:
        kinds = dict.fromkeys(_IDENTITY, "string") | {"n_px": "int64"}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    table = pd.DataFrame(rows)
    catches = table[[f"{name}_catch" for name in model.chromatic]].to_numpy(np.float64)
    shares, raised = relative_catches(catches)
    is_tetrachromat = len(model.chromatic) == len(_TETRACHROMAT)
    names = _TETRACHROMAT if is_tetrachromat else [f"{name}{_SHARE}" for name in model.chromatic]
    table[list(names)] = shares
    table["n_raised"] = raised
    if is_tetrachromat:
        table[list(TETRAHEDRAL)] = tetrahedral(shares)
    return table


def catch_features(receptor_table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Colour as an eye sees it, over the whole specimen: what cone catches alone tell of a label.

    Args:
        receptor_table: of `tabulate_catches`.

    Returns:
        `cone_catches`, the relative catches, and for four receptors `r_vec`, the distance from the achromatic
        centre; each indexed by `capture_id`, without captures that have no shares. Empty without catches.
    """
    whole = receptor_table[receptor_table["patch"].isin(ENTIRE)].set_index("capture_id")
    shares = [name for name in whole.columns if name in _TETRACHROMAT or str(name).endswith(_SHARE)]
    whole = whole.dropna(subset=shares)
    if whole.empty:
        return {}
    return {"cone_catches": whole[shares]} | ({"r_vec": whole[["r_vec"]]} if "r_vec" in whole else {})
