"""Nodes of `canonical`. They import what they call, so that `kedro registry list` stays quick."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.imaging.tiff import MultispectralImage


def write_captures(
    study: Study,
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    ingest_summary: dict[str, Any],
) -> dict[str, Callable[[], MultispectralImage]]:
    """One function per accepted capture, which reads it when the catalog writes it."""
    from xmodal_pipeline.specimens.canonical import canonical_captures

    return canonical_captures(specimen_index, registration_qa, study)


def draw_presentation_images(
    study: Study,
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    ingest_summary: dict[str, Any],
) -> dict[str, Callable[[], Any]]:
    """One function per picture, which draws it when the catalog writes it."""
    from xmodal_pipeline.specimens.presentation import presentation_images

    return presentation_images(study, specimen_index, registration_qa, calibration)
