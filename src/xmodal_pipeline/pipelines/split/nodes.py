"""Nodes of `split`."""

from typing import Any

import pandas as pd

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import QualityParams
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.specimens import leaks, partition
from xmodal_pipeline.specimens.prepared import Prepared, PreparedBlocks, prepare_captures
from xmodal_pipeline.specimens.shared_faults import refuse_dead_bands


def assign_partitions(
    study: Study,
    specimen_index: pd.DataFrame,
    quality_report: pd.DataFrame,
    ingest_summary: dict[str, Any],
    split: SplitParams,
) -> pd.DataFrame:
    """Divide the specimens into train, validation and test.

    Raises:
        RunStoppedError: if a band is dead in every capture.
    """
    refuse_dead_bands(specimen_index, quality_report, is_pair=study.settings.is_pair)
    return partition.assign_partitions(specimen_index, split)


def prepare(
    study: Study,
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    split: SplitParams,
    quality: QualityParams,
) -> PreparedBlocks:
    """Register, cut out, mask and resize every capture, block by block; statistics of the training ones."""
    return prepare_captures(
        study, specimen_index, partitions, registration_qa, calibration, split, n_jobs=quality.n_jobs
    )


def find_leaks(prepared: Prepared) -> pd.DataFrame:
    """Photographs that lie in two partitions under two names."""
    return leaks.find_leaks(prepared)
