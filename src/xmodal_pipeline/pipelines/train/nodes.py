"""Nodes of `train`. Torch is imported inside them, so that other stages start without it.

A checkpoint is therefore `Any` in their signatures: Kedro evaluates every annotation.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.reporting.figure import ReportFigure
from xmodal_pipeline.reporting.training.views import picture_augmented_views
from xmodal_pipeline.specimens.leaks import ADVICE, LEAKAGE, describe_leaks
from xmodal_pipeline.specimens.prepared import Prepared


def train_variant(
    prepared: Prepared,
    training: TrainingParams,
    loss: LossParams,
    augmentation: AugmentationParams,
    variant: dict[str, Any],
    training_state: Path,
) -> tuple[Any, pd.DataFrame, list[dict[str, Any]]]:
    """Train one variant; returns checkpoint, history and diagnostics."""
    from xmodal_pipeline.training import FitConfig, fit

    config = FitConfig.for_prepared(prepared, training, loss, augmentation, variant)
    result = fit(config, prepared, training_state)
    return result.checkpoint, result.history, [dict(found) for found in result.diagnostics]


def stack_histories(**histories: pd.DataFrame) -> pd.DataFrame:
    """All epochs of all variants, each named in the column `variant`; a term that it lacks is empty."""
    return pd.concat([one.assign(variant=name) for name, one in histories.items()], ignore_index=True)


def stack_diagnostics(leaks: pd.DataFrame, **diagnostics: list[dict[str, Any]]) -> pd.DataFrame:
    """What looked wrong, of the data first and then of each variant: `code, variant, finding, advice`."""
    rows = [(LEAKAGE, "all", describe_leaks(leaks), ADVICE)] if len(leaks) else []
    rows += [
        (one["code"], name, one["message"], one["advice"])
        for name, found in diagnostics.items()
        for one in found
    ]
    return pd.DataFrame(rows, columns=["code", "variant", "finding", "advice"], dtype=str)


def draw_training_views(
    study: Study, prepared: Prepared, training: TrainingParams, augmentation: AugmentationParams
) -> ReportFigure:
    """Picture the views that training takes of four captures in its first epochs."""
    from xmodal_pipeline.training import photometry_in_force, sample_views

    geometry = augmentation.geometry
    photometry = photometry_in_force(augmentation, is_calibrated=prepared.is_calibrated)
    return picture_augmented_views(
        study,
        *sample_views(prepared, augmentation, captures=4, views=3, seed=training.seed),
        settings=(
            f"Crops keep {geometry.crop_scale[0]:.0%} to {geometry.crop_scale[1]:.0%} of the image, "
            f"rotations reach ±{geometry.rotation_deg:g}°; photometry as for {photometry} captures; "
            f"seed {training.seed}."
        ),
    )
