"""Nodes of `train`. Torch is imported inside them, so that other stages start without it.

A checkpoint is therefore `Any` in their signatures: Kedro evaluates every annotation.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.reporting.content import ReportFigure
from xmodal_pipeline.reporting.figures import draw_augmented_views
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.specimens.stores import ArrayStore


@dataclass(frozen=True)
class StoredBands:
    """What every training on one set of stores shares."""

    rgb_bands: tuple[str, ...]
    uv_bands: tuple[str, ...]
    image_size: int
    statistics: dict[str, Any]
    is_calibrated: bool

    @classmethod
    def of(
        cls,
        captures: dict[str, Any],
        specimen_index: pd.DataFrame,
        rgb_images: ArrayStore,
        uv_images: ArrayStore,
        channel_statistics: dict[str, Any],
    ) -> Self:
        """Bands, size and statistics of the stores."""
        layout = SpecimensParams.model_validate(captures["specimens"]).band_layout
        return cls(
            rgb_bands=layout.rgb,
            # A UV photograph may hold fewer bands than a pair could have.
            uv_bands=layout.uv[: uv_images.shape[1]],
            image_size=rgb_images.shape[-1],
            statistics=channel_statistics,
            is_calibrated=bool((specimen_index["colour_units"] != "uncalibrated").all()),
        )

    def photometry(self, augmentation: AugmentationParams) -> Literal["reflectance", "uncalibrated"]:
        """The preset in force: as the study says, else what its captures allow."""
        return augmentation.photometry or ("reflectance" if self.is_calibrated else "uncalibrated")

    def fit_config(
        self,
        training: TrainingParams,
        loss: LossParams,
        augmentation: AugmentationParams,
        variant: dict[str, Any],
    ) -> Any:
        """One variant's training run on these stores, a `FitConfig`."""
        from xmodal_pipeline.training import FitConfig

        return FitConfig.model_validate(
            {
                "name": variant["fusion_type"] + ("" if variant["use_modality_specific"] else "_shared"),
                "variant": variant,
                "training": training,
                "loss": loss,
                "augmentation": augmentation,
                "photometry": self.photometry(augmentation),
                "rgb_bands": self.rgb_bands,
                "uv_bands": self.uv_bands,
                "image_size": self.image_size,
                "statistics": self.statistics,
            }
        )


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
    from xmodal_pipeline.training import TrainingStores, fit

    stored = StoredBands.of(captures, specimen_index, rgb_images, uv_images, channel_statistics)
    config = stored.fit_config(training, loss, augmentation, variant)
    stores = TrainingStores.from_tables(rgb_images, uv_images, masks, specimen_index, partitions)
    result = fit(config, stores, training_state)
    return result.checkpoint, result.history, [dict(found) for found in result.diagnostics]


def draw_training_views(  # noqa: PLR0913 - one argument per catalog entry that training reads
    captures: dict[str, Any],
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    masks: ArrayStore,
    channel_statistics: dict[str, Any],
    training: TrainingParams,
    augmentation: AugmentationParams,
) -> ReportFigure:
    """Picture the views that training takes of four captures in its first epochs."""
    from xmodal_pipeline.training import TrainingStores, sample_views

    specimens = SpecimensParams.model_validate(captures["specimens"])
    stored = StoredBands.of(captures, specimen_index, rgb_images, uv_images, channel_statistics)
    photometry, geometry = stored.photometry(augmentation), augmentation.geometry
    samples = sample_views(
        TrainingStores.from_tables(rgb_images, uv_images, masks, specimen_index, partitions),
        augmentation,
        photometry,
        channel_statistics,
        captures=4,
        views=3,
        seed=training.seed,
    )
    return draw_augmented_views(
        *samples,
        settings=(
            f"Crops keep {geometry.crop_scale[0]:.0%} to {geometry.crop_scale[1]:.0%} of the image, "
            f"rotations reach ±{geometry.rotation_deg:g}°; photometry for {photometry} captures; "
            f"seed {training.seed}."
        ),
        is_linear=specimens.encoding is not None or not specimens.is_pair,
        names=ModalityNames(specimens.rgb_name, specimens.uv_name),
    )
