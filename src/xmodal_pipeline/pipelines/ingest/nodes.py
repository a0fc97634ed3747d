"""Nodes of `ingest`."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams, SimulationParams, SpecimensParams
from xmodal_pipeline.reporting import ingest_figures
from xmodal_pipeline.reporting.contact_sheet import thumbnail_captures
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.specimens.discovery import REJECTED_COLUMNS, discover_captures
from xmodal_pipeline.specimens.examination import Examination, examine_captures
from xmodal_pipeline.specimens.metadata import clean_labels, find_metadata, join_metadata, read_metadata
from xmodal_pipeline.specimens.stores import ArrayStore, StoreBlock

logger = logging.getLogger(__name__)


def provide_captures(
    specimens: SpecimensParams, simulation: SimulationParams, quality: QualityParams, simulated: Path
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Simulate the specimens when no folder is named, else pass the folder through.

    Returns:
        Where the captures are and how they are to be read, for every later stage; and the truth of the
        simulation (empty for real captures).
    """
    # Imported here, so that `kedro registry list` stays quick.
    from xmodal_pipeline.specimens.simulation import empty_simulated_truth, simulate_study

    if specimens.root is None:
        truth = simulate_study(simulation, simulated, n_jobs=quality.n_jobs)
    else:
        truth = empty_simulated_truth()
    root = simulated if specimens.root is None else specimens.root
    captures = {
        "root": str(root.resolve()),
        "is_simulated": specimens.root is None,
        "specimens": specimens.model_dump(mode="json"),
    }
    return captures, truth


def list_captures(
    captures: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Find the files, join and clean the metadata, apply the filter.

    Returns:
        Captures with labels; files and rows that make no capture; label changes.
    """
    specimens = SpecimensParams.model_validate(captures["specimens"])
    root = Path(captures["root"])
    found, unusable = discover_captures(root, specimens)
    path = find_metadata(root, specimens)
    metadata, changes = clean_labels(
        read_metadata(path) if path else pd.DataFrame(columns=["filename"]), specimens.vocabulary
    )
    joined, unused = join_metadata(found, metadata if path else None)
    listed, filtered = _apply_filter(joined, specimens.filter)
    return listed, pd.concat([unusable, unused, filtered], ignore_index=True).astype("string"), changes


def _apply_filter(joined: pd.DataFrame, query: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    empty = pd.DataFrame(columns=REJECTED_COLUMNS)
    if query is None:
        return joined, empty
    kept = joined.query(query, engine="python", local_dict={}, global_dict={})
    left_out = joined.drop(kept.index)["filename"]
    reason = f"left out by the filter {query!r}"
    filtered = pd.DataFrame({"filename": left_out, "code": CaptureCode.FILTERED.value, "reason": reason})
    return kept.reset_index(drop=True), filtered


def examine(
    captures: dict[str, Any],
    capture_list: pd.DataFrame,
    unusable_files: pd.DataFrame,
    registration: RegistrationParams,
    quality: QualityParams,
) -> Examination:
    """Read every capture once and judge it."""
    specimens = SpecimensParams.model_validate(captures["specimens"])
    examination = examine_captures(
        capture_list,
        Path(captures["root"]),
        specimens,
        registration,
        quality,
        is_simulated=captures["is_simulated"],
    )
    rejected = pd.concat([unusable_files, examination.rejected_captures], ignore_index=True)
    return examination._replace(rejected_captures=rejected)


def make_thumbnails(
    captures: dict[str, Any],
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    quality: QualityParams,
) -> StoreBlock:
    """Pictures of RGB, UV and their overlay, of the flagged captures first."""
    return thumbnail_captures(
        specimen_index,
        registration_qa,
        Path(captures["root"]),
        SpecimensParams.model_validate(captures["specimens"]),
        n_jobs=quality.n_jobs,
    )


def draw_contact_sheet(
    captures: dict[str, Any], specimen_index: pd.DataFrame, thumbnails: ArrayStore
) -> Figure:
    """The contact sheet: flagged captures first, with the reason on them."""
    specimens = SpecimensParams.model_validate(captures["specimens"])
    return ingest_figures.draw_contact_sheet(
        thumbnails[:],
        list(thumbnails.capture_ids),
        specimen_index.set_index("capture_id").loc[list(thumbnails.capture_ids), "flags"].tolist(),
        names=ModalityNames(specimens.rgb_name, specimens.uv_name),
    )


def check_rejected_share(
    specimen_index: pd.DataFrame,
    rejected_captures: pd.DataFrame,
    contact_sheet: bytes,
    quality: QualityParams,
) -> dict[str, Any]:
    """Stop the run when too many captures were rejected.

    Raises:
        ValueError: naming the share, the limit and the count per code.
    """
    # A row without a file and a capture left out by the filter are no fault of a file.
    faults = rejected_captures[
        ~rejected_captures["code"].isin([CaptureCode.NO_CAPTURE, CaptureCode.FILTERED])
    ]
    counts = {str(code): int(n) for code, n in faults["code"].value_counts().items()}
    n_read = len(specimen_index) + len(faults)
    share = len(faults) / n_read if n_read else 1.0
    if share > quality.max_rejected_share or specimen_index.empty:
        raise ValueError(
            f"ingest: at most {quality.max_rejected_share:.0%} of the captures may be rejected, "
            f"got {share:.0%} ({len(faults)} of {n_read}: {counts}); look at rejected_captures, mend the "
            "files, or raise quality.max_rejected_share"
        )
    logger.info("%d captures accepted, %d rejected %s", len(specimen_index), len(faults), counts or "")
    return {"n_accepted": len(specimen_index), "n_rejected": len(faults), "rejected_by_code": counts}
