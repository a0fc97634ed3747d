"""Nodes of `split`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from xmodal_pipeline.params.ingest import QualityParams, SpecimensParams
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.specimens import leaks, partition, storing
from xmodal_pipeline.specimens.stores import ArrayStore, StoreBlock


def assign_partitions(
    specimen_index: pd.DataFrame,
    ingest_summary: dict[str, Any],
    split: SplitParams,
) -> pd.DataFrame:
    """Divide the specimens into train, validation and test."""
    return partition.assign_partitions(specimen_index, split)


def prepare_stores(
    captures: dict[str, Any],
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    ingest_summary: dict[str, Any],
    split: SplitParams,
    quality: QualityParams,
) -> Iterator[tuple[StoreBlock, StoreBlock, StoreBlock]]:
    """Register, cut out, mask and resize every capture, block by block."""
    yield from storing.prepare_stores(
        specimen_index,
        registration_qa,
        calibration,
        Path(captures["root"]),
        SpecimensParams.model_validate(captures["specimens"]),
        split,
        n_jobs=quality.n_jobs,
    )


def find_leaks(
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
) -> pd.DataFrame:
    """Photographs that lie in two partitions under two names."""
    return leaks.find_leaks(rgb_images, uv_images, specimen_index, partitions)


def measure_channels(
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    masks: ArrayStore,
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
) -> dict[str, dict[str, list[float]]]:
    """Mean and spread of every band over the training foreground."""
    train = partitions.loc[partitions["partition"] == "train", "specimen_id"]
    is_train = specimen_index["specimen_id"].isin(train).to_numpy()
    return storing.channel_statistics(rgb_images, uv_images, masks, is_train)
