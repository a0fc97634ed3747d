"""Nodes of `ingest`."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from xmodal_pipeline.errors import (
    NO_FAULTS,
    ParametersError,
    RunStoppedError,
    UnreadFolderError,
    rejection_summary,
)
from xmodal_pipeline.imaging.study import Study, open_study
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams, SimulationParams, SpecimensParams
from xmodal_pipeline.reporting.data.captures import picture_contact_sheet
from xmodal_pipeline.reporting.data.colour import picture_bands
from xmodal_pipeline.reporting.data.labels import picture_class_balance
from xmodal_pipeline.reporting.data.registration import picture_registration
from xmodal_pipeline.reporting.figure import ReportFigure
from xmodal_pipeline.specimens.discovery import REJECTED_COLUMNS, capture_files
from xmodal_pipeline.specimens.examination import Examination, examine_captures
from xmodal_pipeline.specimens.listing import account_for, list_study
from xmodal_pipeline.specimens.shared_faults import describe_shared_faults
from xmodal_pipeline.specimens.study_calibration import calibrate_study
from xmodal_pipeline.specimens.thumbnails import Thumbnails, thumbnail_captures
from xmodal_pipeline.specimens.tree import find_tips, match_tips

logger = logging.getLogger(__name__)

_UNREAD_SHARE = 0.5
"""Where more captures than this are rejected, the settings are at fault rather than the files."""


def provide_captures(
    specimens: SpecimensParams, simulation: SimulationParams, quality: QualityParams, simulated: Path
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Simulate the specimens when no folder is named, else pass the folder through.

    Returns:
        Where the captures are; and the truth of the simulation (empty for real captures).
    """
    # Imported here, so that `kedro registry list` stays quick.
    from xmodal_pipeline.simulation import empty_simulated_truth, simulate_study

    if specimens.root is None:
        truth = simulate_study(simulation, simulated, n_jobs=quality.n_jobs)
    else:
        truth = empty_simulated_truth()
    root = simulated if specimens.root is None else specimens.root
    return {"root": str(root.resolve()), "is_simulated": specimens.root is None}, truth


def list_captures(
    capture_folder: dict[str, Any], specimens: SpecimensParams
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Find the files, join and clean the metadata, apply the filter.

    Returns:
        Captures with labels; files and rows that make no capture; label changes.

    Raises:
        UnreadFolderError: if there is no image.
        ParametersError: if there are metadata of which no row meets a capture.
    """
    try:
        listing = list_study(Path(capture_folder["root"]), specimens)
    except ParametersError as error:
        raise UnreadFolderError(str(error)) from error
    for line in listing.describe():
        logger.info("%s", line)
    if listing.unused_tables:
        logger.warning("%s", listing.describe_unused_tables())
    listing.check()
    return listing.captures, listing.rejected, listing.changes


def decide_study(
    capture_folder: dict[str, Any],
    specimens: SpecimensParams,
    capture_list: pd.DataFrame,
    registration: RegistrationParams,
) -> Study:
    """Decide scale, colour units and bands, once and for every later stage.

    Raises:
        UnreadFolderError: if the files do not tell their scale.
    """
    root = Path(capture_folder["root"])
    files = capture_files(capture_list, root)
    try:
        study = open_study(root, specimens, files, is_simulated=capture_folder["is_simulated"])
    except ParametersError as error:
        raise UnreadFolderError(str(error)) from error
    return study.model_copy(update={"registration": registration})


def calibrate(study: Study, capture_list: pd.DataFrame, quality: QualityParams) -> pd.DataFrame:
    """Fit the lines from counts to reflectance; none without grey standards."""
    return calibrate_study(capture_list, study, n_jobs=quality.n_jobs)


def examine(
    study: Study,
    capture_list: pd.DataFrame,
    unusable_files: pd.DataFrame,
    calibration: pd.DataFrame,
    registration: RegistrationParams,
    quality: QualityParams,
) -> Examination:
    """Read every capture once and judge it."""
    examination = examine_captures(capture_list, calibration, study, registration, quality)
    shared = describe_shared_faults(examination.specimen_index, examination.quality_report)
    if shared:
        logger.warning("%s", shared)
    rejected = pd.concat([unusable_files, examination.rejected_captures], ignore_index=True)
    return examination._replace(rejected_captures=rejected)


def match_tree(study: Study, specimen_index: pd.DataFrame) -> pd.DataFrame:
    """Which tip of the study's tree is which species; no rows without a tree."""
    tips = find_tips(study.root, study.settings)
    matched = match_tips(tips, specimen_index["species"] if tips else [])
    lacking = matched.loc[matched["status"] == "not_in_tree", "species"].tolist()
    if lacking:
        logger.warning(
            "tree: %d of %d species are not among its tips: %s",
            len(lacking),
            int(matched["species"].notna().sum()),
            ", ".join(lacking),
        )
    return matched


def describe_labels(study: Study, specimen_index: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Specimens per class, and labels that go together with a confounder."""
    from xmodal_pipeline.evaluation.class_balance import class_balance
    from xmodal_pipeline.evaluation.confounding import confounding_table

    return class_balance(specimen_index), confounding_table(specimen_index, study.confounders)


def describe_modalities(colour_table: pd.DataFrame, specimen_index: pd.DataFrame) -> pd.DataFrame:
    """How much the band means of each modality can say, and what the other does not know."""
    from xmodal_pipeline.evaluation.modality_information import modality_information

    return modality_information(colour_table, specimen_index)


def make_thumbnails(
    study: Study,
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    quality: QualityParams,
) -> Thumbnails:
    """Pictures of RGB, UV and their overlay, of the flagged captures first."""
    return thumbnail_captures(study, specimen_index, registration_qa, calibration, n_jobs=quality.n_jobs)


def draw_qa_figures(
    study: Study,
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    band_histograms: pd.DataFrame,
    thumbnails: Thumbnails,
    registration: RegistrationParams,
) -> tuple[ReportFigure, ReportFigure, ReportFigure, ReportFigure]:
    """The contact sheet, flagged captures first with the reason on them; registration, bands and classes."""
    return (
        picture_contact_sheet(study, specimen_index, thumbnails),
        picture_registration(study, registration_qa, registration),
        picture_bands(study, band_histograms, captures=len(specimen_index)),
        picture_class_balance(study, specimen_index),
    )


def check_rejected_share(
    specimen_index: pd.DataFrame,
    rejected_captures: pd.DataFrame,
    contact_sheet: ReportFigure,
    quality: QualityParams,
) -> dict[str, Any]:
    """Stop the run when too many captures were rejected.

    Raises:
        RunStoppedError: naming the share, the limit, and per code the count, an example and what to do.
    """
    faults = rejected_captures[~rejected_captures["code"].isin(NO_FAULTS)]
    logger.info("%s", account_for(specimen_index, rejected_captures))
    counts = {str(code): int(n) for code, n in faults["code"].value_counts().items()}
    n_read = len(specimen_index) + len(faults)
    share = len(faults) / n_read if n_read else 1.0
    if share > quality.max_rejected_share or specimen_index.empty:
        stopped = UnreadFolderError if share > _UNREAD_SHARE else RunStoppedError
        raise stopped(
            f"ingest: at most {quality.max_rejected_share:.0%} of the captures may be rejected, "
            f"got {share:.0%} ({len(faults)} of {n_read})",
            rejection_summary(faults[REJECTED_COLUMNS].itertuples(index=False)),
        )
    return {"n_accepted": len(specimen_index), "n_rejected": len(faults), "rejected_by_code": counts}
