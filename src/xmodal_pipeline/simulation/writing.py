"""Writing a simulated study: files, metadata and the table of its truth."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from xmodal_pipeline.params.ingest import SimulationParams
from xmodal_pipeline.saving import replace_folder
from xmodal_pipeline.simulation.camera import Offset, draw_session_gains, photograph
from xmodal_pipeline.simulation.faults import Fault, fault_offset, spoil_bands, spoil_counts
from xmodal_pipeline.simulation.species import colours, draw_individuals
from xmodal_pipeline.simulation.study import (
    CAPTURE_STREAM,
    SESSION_STREAM,
    SPECIMEN_STREAM,
    PlannedCapture,
    SpeciesTruth,
    make_species,
    plan_captures,
    species_roles,
    stream,
)

simulated_truth_columns: dict[str, str] = {
    "capture_id": "str",
    "specimen_id": "str",
    "species": "str",
    "sex": "str",
    "morph": "str",
    "role": "str",
    "dx_px": "float64",
    "dy_px": "float64",
    "rotation_deg": "float64",
    "scale": "float64",
    "fault": "str",
    "sex_delta_rgb": "float64",
    "sex_delta_uv": "float64",
    "sex_uv_adds": "float64",
    "sex_delta_uv_sd": "float64",
    "sex_delta_pattern": "float64",
    "morph_delta_rgb": "float64",
    "morph_delta_uv": "float64",
}
"""Columns of `simulated_truth` and their types. `morph` is empty where a species has one morph."""

_METADATA_COLUMNS = ("filename", "specimen_id", "species", "sex", "morph", "session", "view")
_MARKER = "simulation.json"
_MASK_LEVEL = 255


def empty_simulated_truth() -> pd.DataFrame:
    """`simulated_truth` of a study that was not simulated."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in simulated_truth_columns.items()})


def simulate_study(params: SimulationParams, root: Path, *, n_jobs: int = -1) -> pd.DataFrame:
    """Photograph a study of invented specimens and write it as a folder that ingest can read.

    The folder appears whole or not at all: files are made beside it and moved at the end. A folder that
    an earlier simulation wrote is replaced; any other non-empty folder is left alone.

    Args:
        params: who is in the study and which effects are planted.
        root: the folder to make: one 7-band uint16 TIFF per capture (R, G, B, UV1, UV2, UV3, mask 0/255;
            one page, planar, deflate) and metadata.csv.
        n_jobs: worker processes; the result does not depend on it.

    Returns:
        `simulated_truth`, one row per capture in the order of `simulated_truth_columns`.

    Raises:
        FileExistsError: if `root` has content that no simulation wrote.
        ValueError: if the study cannot be made as asked.
    """
    _check_free(root)
    roles = species_roles(params)
    captures = plan_captures(params, roles)
    found = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(make_species)(params, index, role) for index, role in enumerate(roles)
    )
    truths: list[SpeciesTruth] = list(tqdm(found, total=len(roles), desc="simulated species", unit="species"))
    with replace_folder(root) as partial:
        written = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(write_capture)(params, capture, truths[capture.species_index], partial)
            for capture in captures
        )
        rows = list(tqdm(written, total=len(captures), desc="simulated captures", unit="capture"))
        _write_metadata(partial, captures, truths)
        (partial / _MARKER).write_text(
            json.dumps({"simulation": params.model_dump()}, indent=1), encoding="utf-8"
        )
    return pd.DataFrame(rows).astype(simulated_truth_columns)[list(simulated_truth_columns)]


def _check_free(root: Path) -> None:
    if root.exists() and any(root.iterdir()) and not (root / _MARKER).exists():
        raise FileExistsError(
            f"simulated study: folder must be empty or written by an earlier simulation, got "
            f"'{root}' with other content; choose another folder"
        )


def specimen_id(capture: PlannedCapture, species: str) -> str:
    """`Genus_species_sex_NNN`."""
    return f"{species}_{'male' if capture.is_male else 'female'}_{capture.specimen:03d}"


def capture_id(capture: PlannedCapture, species: str) -> str:
    """The file's stem: the specimen, with `_b` for its second capture."""
    return specimen_id(capture, species) + ("_b" if capture.is_repeat else "")


def _morph(capture: PlannedCapture) -> str:
    return "" if capture.is_orange is None else ("orange" if capture.is_orange else "yellow")


def make_stack(
    params: SimulationParams, capture: PlannedCapture, truth: SpeciesTruth
) -> tuple[NDArray[Any], Offset]:
    """The 7-band stack of one capture as written, and where its UV lies."""
    species = truth.species
    number = capture.duplicate_of or capture.specimen
    individual = draw_individuals(species, stream(params, SPECIMEN_STREAM, capture.species_index, number), 1)
    look = colours(species, individual, np.array([capture.is_male]), np.array([capture.is_orange is True]))
    rng = stream(params, CAPTURE_STREAM, capture.species_index, number, int(capture.is_repeat))
    shift = rng.uniform(-params.max_shift_px, params.max_shift_px, 2)
    offset = fault_offset(capture.fault, Offset(float(shift[0]), float(shift[1])), rng)
    gains = draw_session_gains(stream(params, SESSION_STREAM, capture.session))
    bands, mask = photograph(
        species, individual, look, size=params.image_size_px, offset=offset, gains=gains, rng=rng
    )
    bands = spoil_bands(bands, mask, capture.fault, rng)
    counts = np.round(np.clip(bands, 0.0, 1.0) * np.iinfo(np.uint16).max).astype(np.uint16)
    stack = np.concatenate([counts, (_MASK_LEVEL * mask[None]).astype(np.uint16)])
    return spoil_counts(stack, capture.fault), offset


def write_capture(
    params: SimulationParams, capture: PlannedCapture, truth: SpeciesTruth, folder: Path
) -> dict[str, str | float]:
    """Make one capture, write it and return its row of `simulated_truth`."""
    name = capture_id(capture, truth.species.name)
    stack, offset = make_stack(params, capture, truth)
    path = folder / f"{name}.tif"
    tifffile.imwrite(
        path, stack, planarconfig="separate", photometric="minisblack", compression="zlib", metadata=None
    )
    if capture.fault is Fault.TRUNCATED:
        os.truncate(path, path.stat().st_size // 2)
    return {
        "capture_id": name,
        "specimen_id": specimen_id(capture, truth.species.name),
        "species": truth.species.name,
        "sex": "male" if capture.is_male else "female",
        "morph": _morph(capture),
        "role": truth.species.role.value,
        **offset._asdict(),
        "fault": capture.fault.value,
        **{name: value for name, value in vars(truth).items() if name != "species"},
    }


def _write_metadata(folder: Path, captures: list[PlannedCapture], truths: list[SpeciesTruth]) -> None:
    rows = []
    for capture in captures:
        species = truths[capture.species_index].species.name
        if capture.fault is Fault.NO_METADATA:
            continue
        values = (
            f"{capture_id(capture, species)}.tif",
            specimen_id(capture, species),
            species,
            "male" if capture.is_male else "female",
            _morph(capture),
            f"session_{capture.session + 1:02d}",
            "dorsal",
        )
        rows.append(dict(zip(_METADATA_COLUMNS, values, strict=True)))
    pd.DataFrame(rows, columns=list(_METADATA_COLUMNS)).to_csv(folder / "metadata.csv", index=False)
