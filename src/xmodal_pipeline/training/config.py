"""Everything that decides a training run, as one value that travels with its weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from xmodal_pipeline.augmentation import PhotometryPreset
from xmodal_pipeline.imaging.recipe import Recipe
from xmodal_pipeline.models import CrossModalModel, build_model
from xmodal_pipeline.models.weights import fingerprint, standardise_for_weights
from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.params.variants import VariantParams
from xmodal_pipeline.specimens.prepared import Prepared

LEAST_EPOCHS = 20
"""Of a budget of captures: below, a schedule of warm-up and cosine has hardly begun."""


class BandStatistics(ParamsModel):
    """What images are standardised by, per band, in unit scale.

    Mean and standard deviation over the training foreground; with pretrained weights, moved so that these see
    the values they know.
    """

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
    recipe: Recipe | None = None
    """How the captures were read, registered and cut out."""
    weights_sha256: str | None = None
    """Of the file that `training.weights` names: its content decides the run, not where it lies."""

    @classmethod
    def for_prepared(
        cls,
        prepared: Prepared,
        training: TrainingParams,
        loss: LossParams,
        augmentation: AugmentationParams,
        variant: Mapping[str, Any],
    ) -> Self:
        """The run of one variant on these captures: their bands, size, statistics and photometry, its epochs.

        Args:
            prepared: all captures.
            training: how to train.
            loss: what to minimise.
            augmentation: how views are made.
            variant: a `VariantParams` as plain values.
        """
        statistics = prepared.statistics
        if training.is_pretrained:
            statistics = standardise_for_weights(training.backbone, statistics)
        return cls.model_validate(
            {
                "name": variant["fusion_type"] + ("" if variant["use_modality_specific"] else "_shared"),
                "variant": variant,
                "training": in_epochs(training, len(prepared.rows_of("train"))),
                "loss": loss,
                "augmentation": augmentation,
                "photometry": photometry_in_force(augmentation, is_calibrated=prepared.is_calibrated),
                "rgb_bands": prepared.rgb_bands,
                "uv_bands": prepared.uv_bands,
                "image_size": prepared.image_size,
                "statistics": statistics,
                "recipe": prepared.recipe,
                "weights_sha256": None if training.weights is None else fingerprint(training.weights),
            }
        )

    def channel_statistics(self) -> dict[str, dict[str, tuple[float, ...]]]:
        """The statistics as plain numbers, by modality."""
        return {name: {"mean": stats.mean, "sd": stats.sd} for name, stats in self.statistics.items()}

    def identity(self) -> dict[str, Any]:
        """What two runs of the same training have in common, as plain values: no place of a file, no limit.

        Limits say which files are read at all; which captures these left is another part of an identity.
        """
        without: dict[str, Any] = {"training": {"weights"}, "recipe": {"settings": {"limits"}}}
        return self.model_dump(mode="json", exclude=without)

    def without_paths(self) -> Self:
        """The same for another machine: the name of the file of weights, not where it lay."""
        weights = self.training.weights
        return self if weights is None else self.starting_from(weights=Path(weights.name))

    def starting_from(self, *, pretrained: bool = False, weights: Path | None = None) -> Self:
        """The same run from other weights: timm's, those of a file, or none."""
        update = {"pretrained": pretrained, "weights": weights}
        return self.model_copy(update={"training": self.training.model_copy(update=update)})

    def blank_model(self) -> CrossModalModel:
        """The model as it is built, for weights that are loaded into it next."""
        return self.starting_from().initial_model()

    def initial_model(self) -> CrossModalModel:
        """The model before any training here: weights drawn from torch's generator, or pretrained.

        Raises:
            ValueError: if the weights cannot be had, or are of another model.
        """
        return build_model(
            self.variant,
            self.training,
            rgb_bands=len(self.rgb_bands),
            uv_bands=len(self.uv_bands),
            image_size=self.image_size,
            unimodal_joint=self.loss.joint_mode == "comm",
        )


def in_epochs(training: TrainingParams, captures: int) -> TrainingParams:
    """A budget of captures as the epochs that see them: the last whole one included, and at least 20.

    Args:
        training: the section `training`; without a budget it stays.
        captures: that train.
    """
    if training.captures_seen is None:
        return training
    epochs = max(LEAST_EPOCHS, -(-training.captures_seen // max(captures, 1)))
    return training.model_copy(update={"max_epochs": epochs, "captures_seen": None})


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
