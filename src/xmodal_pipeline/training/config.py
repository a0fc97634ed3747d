"""Everything that decides a training run, as one value that travels with its weights."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from xmodal_pipeline.augmentation import PhotometryPreset
from xmodal_pipeline.models import CrossModalModel, build_model
from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.split import Crop
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.params.variants import VariantParams
from xmodal_pipeline.specimens.prepared import Prepared


class BandStatistics(ParamsModel):
    """Mean and standard deviation of each band over the training foreground, unit scale."""

    mean: tuple[float, ...]
    sd: tuple[float, ...]


class FitConfig(ParamsModel):
    """One variant's training run, without the captures."""

    name: str
    """Name of the variant, one of `xmodal_pipeline.params.variants.VARIANTS`."""
    variant: VariantParams
    training: TrainingParams
    loss: LossParams
    augmentation: AugmentationParams
    photometry: PhotometryPreset
    rgb_bands: tuple[str, ...] = Field(min_length=3, max_length=3)
    uv_bands: tuple[str, ...] = Field(min_length=1, max_length=3)
    image_size: int = Field(ge=16)
    statistics: dict[str, BandStatistics]
    crop: Crop | None = None
    """As `Prepared.crop`."""

    @classmethod
    def for_prepared(
        cls,
        prepared: Prepared,
        training: TrainingParams,
        loss: LossParams,
        augmentation: AugmentationParams,
        variant: Mapping[str, Any],
    ) -> Self:
        """The run of one variant on these captures: their bands, size, statistics and photometry.

        Args:
            prepared: all captures.
            training: how to train.
            loss: what to minimise.
            augmentation: how views are made.
            variant: a `VariantParams` as plain values.
        """
        return cls.model_validate(
            {
                "name": variant["fusion_type"] + ("" if variant["use_modality_specific"] else "_shared"),
                "variant": variant,
                "training": training,
                "loss": loss,
                "augmentation": augmentation,
                "photometry": photometry_in_force(augmentation, is_calibrated=prepared.is_calibrated),
                "rgb_bands": prepared.rgb_bands,
                "uv_bands": prepared.uv_bands,
                "image_size": prepared.image_size,
                "statistics": prepared.statistics,
                "crop": prepared.crop,
            }
        )

    def channel_statistics(self) -> dict[str, dict[str, tuple[float, ...]]]:
        """The statistics as plain numbers, by modality."""
        return {name: {"mean": stats.mean, "sd": stats.sd} for name, stats in self.statistics.items()}

    def initial_model(self) -> CrossModalModel:
        """The model before any training here: weights drawn from torch's generator, or pretrained."""
        return build_model(
            self.variant,
            self.training,
            rgb_bands=len(self.rgb_bands),
            uv_bands=len(self.uv_bands),
            image_size=self.image_size,
            unimodal_joint=self.loss.joint_mode == "comm",
        )


def photometry_in_force(augmentation: AugmentationParams, *, is_calibrated: bool) -> PhotometryPreset:
    """The preset that the parameters name, else what the captures allow."""
    return augmentation.photometry or ("reflectance" if is_calibrated else "uncalibrated")


def differing_keys(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Name the keys of two nested mappings whose values differ, with both values.

    Args:
        before: the older values.
        now: the newer values.
        prefix: dotted path of the two mappings, for the names.
    """
    found: list[str] = []
    for key in sorted(before.keys() | now.keys()):
        one, other = before.get(key), now.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differing_keys(one, other, f"{prefix}{key}.")
        elif one != other:
            found.append(f"{prefix}{key} ({one} before, {other} now)")
    return found
