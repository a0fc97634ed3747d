"""Nodes of `evaluate`. They import what they call, so that `kedro registry list` stays quick."""

from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from xmodal_pipeline.evaluation.species_export import average_species, tabulate_species
from xmodal_pipeline.imaging.colour import colour_features
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.params.train import TrainingParams
from xmodal_pipeline.specimens.colour import catch_features
from xmodal_pipeline.specimens.stores import ArrayStore

_THREADS = 1
"""Thousands of small products: several threads only wait for one another, on a busy machine for minutes."""

_LEARNT = "learnt"
"""Features of one variant, until `stack_uv_value` gives them the variant's name."""


def evaluate_variant(
    embeddings: pd.DataFrame,
    projections: pd.DataFrame,
    opposite_views: pd.DataFrame,
    specimen_index: pd.DataFrame,
    captures: dict[str, Any],
    evaluation: EvaluationParams,
) -> dict[str, Any]:
    """Alignment, retrieval, classification and geometry of one variant."""
    from xmodal_pipeline.evaluation import protocol

    specimens = captures["specimens"]
    with threadpool_limits(limits=_THREADS):
        return protocol.evaluate_variant(
            embeddings,
            projections,
            opposite_views,
            specimen_index,
            evaluation,
            label=specimens["label"],
            confounders=specimens["confounders"],
        )


def evaluate_baselines(  # noqa: PLR0913 - one argument per catalog entry that baselines are made from
    captures: dict[str, Any],
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    masks: ArrayStore,
    silhouette_views: pd.DataFrame,
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    unlearnt_embeddings: pd.DataFrame,
    receptor_table: pd.DataFrame,
    training: TrainingParams,
    evaluation: EvaluationParams,
) -> dict[str, Any]:
    """What chance, species, colour, cone catches, outlines, PCA + CCA and an unlearnt encoder reach."""
    from xmodal_pipeline.evaluation import protocol

    unlearnt = "pretrained_encoder" if training.pretrained else "untrained_encoder"
    with threadpool_limits(limits=_THREADS):
        return protocol.evaluate_baselines(
            rgb_images,
            uv_images,
            masks,
            silhouette_views,
            specimen_index,
            partitions,
            {unlearnt: unlearnt_embeddings},
            catch_features(receptor_table),
            evaluation,
            captures["specimens"]["confounders"],
        )


def compare_variants(baselines: dict[str, Any], **metrics: dict[str, Any]) -> pd.DataFrame:
    """One tidy table of every variant beside every baseline."""
    from xmodal_pipeline.evaluation import protocol

    return protocol.compare_variants(metrics, baselines)


def measure_uv_value(
    embeddings: pd.DataFrame,
    specimen_index: pd.DataFrame,
    captures: dict[str, Any],
    evaluation: EvaluationParams,
) -> pd.DataFrame:
    """What UV adds per species, from one variant's features."""
    rgb, uv = (
        embeddings[embeddings["modality"] == modality].set_index("capture_id").filter(regex=r"^x\d+$")
        for modality in ("rgb", "uv")
    )
    return _uv_value({_LEARNT: (rgb, uv)}, specimen_index, captures, evaluation)


def measure_uv_value_of_colour(
    colour_table: pd.DataFrame,
    specimen_index: pd.DataFrame,
    captures: dict[str, Any],
    evaluation: EvaluationParams,
) -> pd.DataFrame:
    """What UV adds per species, from mean and spread of every band: no training."""
    return _uv_value({"colour": colour_features(colour_table)}, specimen_index, captures, evaluation)


def _uv_value(
    features: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
    specimen_index: pd.DataFrame,
    captures: dict[str, Any],
    evaluation: EvaluationParams,
) -> pd.DataFrame:
    """Within the classes of every confounder: a session of one sex must not be claimed as sex."""
    from xmodal_pipeline.evaluation.uv_value import uv_value_table

    specimens = captures["specimens"]
    return uv_value_table(
        features, specimen_index, evaluation, specimens["label"], blocks=specimens["confounders"]
    )


def export_species(uv_value: pd.DataFrame, species_tips: pd.DataFrame) -> pd.DataFrame:
    """What UV adds in each species, with its error and its tip, for phylogenetic methods."""
    return tabulate_species(uv_value, species_tips)


def export_species_means(
    embeddings: pd.DataFrame, specimen_index: pd.DataFrame, species_tips: pd.DataFrame
) -> pd.DataFrame:
    """Mean embeddings of species with their tips, for phylogenetic methods."""
    return average_species(embeddings, specimen_index, species_tips)


def stack_uv_value(evaluation: EvaluationParams, **tables: pd.DataFrame) -> pd.DataFrame:
    """One table over all feature sets, each corrected by itself; the primary one first."""
    primary = evaluation.uv_value_features
    named = [
        table.assign(features=name, family="primary" if name == primary else "exploratory")
        for name, table in tables.items()
        if len(table)
    ]
    if not named:
        return next(iter(tables.values()))
    stacked = pd.concat(named, ignore_index=True)
    return stacked.sort_values(
        "family", key=lambda family: family != "primary", kind="stable", ignore_index=True
    )
