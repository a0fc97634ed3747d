"""Nodes of `train`. Torch is imported inside them, so that other stages start without it.

A checkpoint is therefore `Any` in their signatures: Kedro evaluates every annotation.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.specimens.stores import ArrayStore


def train_variant(  # noqa: PLR0913 - one argument per catalog entry that training reads
    captures: dict[str, Any],
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    masks: ArrayStore,
    channel_statistics: dict[str, Any],
    training: TrainingParams,
    loss: LossParams,
    augmentation: AugmentationParams,
    variant: dict[str, Any],
    training_state: Path,
) -> tuple[Any, pd.DataFrame, list[dict[str, Any]]]:
    """Train one variant; returns checkpoint, history and diagnostics."""
    from xmodal_pipeline.training import FitConfig, TrainingStores, fit

    layout = SpecimensParams.model_validate(captures["specimens"]).band_layout
    is_calibrated = (specimen_index["colour_units"] != "uncalibrated").all()
    config = FitConfig.model_validate(
        {
            "name": variant["fusion_type"] + ("" if variant["use_modality_specific"] else "_shared"),
            "variant": variant,
            "training": training,
            "loss": loss,
            "augmentation": augmentation,
            "photometry": augmentation.photometry or ("reflectance" if is_calibrated else "uncalibrated"),
            "rgb_bands": layout.rgb,
            # A UV photograph may hold fewer bands than a pair could have.
            "uv_bands": layout.uv[: uv_images.shape[1]],
            "image_size": rgb_images.shape[-1],
            "statistics": channel_statistics,
        }
    )
    stores = TrainingStores.from_tables(rgb_images, uv_images, masks, specimen_index, partitions)
    result = fit(config, stores, training_state)
    return result.checkpoint, result.history, [dict(found) for found in result.diagnostics]
