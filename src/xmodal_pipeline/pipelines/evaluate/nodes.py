"""Nodes of `evaluate`. They import what they call, so that `kedro registry list` stays quick."""

from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from xmodal_pipeline.evaluation.species_export import average_species, tabulate_species
from xmodal_pipeline.params.evaluate import EvaluationParams
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


def make_baselines(  # noqa: PLR0913 - one argument per catalog entry that baselines are made from
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    masks: ArrayStore,
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    silhouette_views: pd.DataFrame,
    colour_views: pd.DataFrame,
    pixel_views: pd.DataFrame,
    unlearnt_embeddings: pd.DataFrame,
    unlearnt_views: pd.DataFrame,
    receptor_table: pd.DataFrame,
) -> dict[str, Any]:
    """What needs no learning, as `ModelTables`."""
    from xmodal_pipeline.evaluation.baseline_tables import baseline_tables

    unlearnt = {
        str(name): (rows, unlearnt_views[unlearnt_views["encoder"] == name])
        for name, rows in unlearnt_embeddings.groupby("encoder", sort=False)
    }
    with threadpool_limits(limits=_THREADS):
        return baseline_tables(
            rgb_images,
            uv_images,
            masks,
            specimen_index,
            partitions,
            views={"silhouette": silhouette_views, "band_means": colour_views, "pca_cca": pixel_views},
            unlearnt=unlearnt,
            catches=catch_features(receptor_table),
        )


def evaluate_baselines(
    baseline_tables: dict[str, Any],
    specimen_index: pd.DataFrame,
    captures: dict[str, Any],
    evaluation: EvaluationParams,
) -> dict[str, Any]:
    """What chance, species, colour, cone catches, outlines, PCA + CCA and unlearnt encoders reach."""
    from xmodal_pipeline.evaluation import protocol

    with threadpool_limits(limits=_THREADS):
        return protocol.evaluate_baselines(
            baseline_tables, specimen_index, evaluation, captures["specimens"]["confounders"]
        )


def gather_model(embeddings: pd.DataFrame, projections: pd.DataFrame, opposite_views: pd.DataFrame) -> Any:
    """One variant's tables, as `ModelTables`."""
    from xmodal_pipeline.evaluation.model_tables import ModelTables

    return ModelTables((embeddings,), (projections,), (opposite_views,))


def compare_with_baselines(
    baseline_tables: dict[str, Any],
    specimen_index: pd.DataFrame,
    evaluation: EvaluationParams,
    **variants: Any,
) -> pd.DataFrame:
    """Paired differences between variants, and between each variant and each baseline."""
    from xmodal_pipeline.evaluation import paired_measures

    with threadpool_limits(limits=_THREADS):
        return paired_measures.compare_tables(variants, baseline_tables, specimen_index, evaluation)


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
    """What UV adds per species, from one variant's features: over all specimens, and over test specimens."""
    parts = {"all": embeddings, "test": embeddings[embeddings["partition"] == "test"]}
    tables = [
        _uv_value(
            {f"{_LEARNT}, {which} specimens": _sides(rows)}, specimen_index, captures, evaluation
        ).assign(specimens=which)
        for which, rows in parts.items()
    ]
    return pd.concat([one for one in tables if len(one)] or tables[:1], ignore_index=True)


def _sides(embeddings: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    rgb, uv = (
        embeddings[embeddings["modality"] == modality].set_index("capture_id").filter(regex=r"^x\d+$")
        for modality in ("rgb", "uv")
    )
    return rgb, uv


def measure_uv_value_of_colour(
    colour_table: pd.DataFrame,
    specimen_index: pd.DataFrame,
    captures: dict[str, Any],
    evaluation: EvaluationParams,
) -> pd.DataFrame:
    """What UV adds per species, from the colour of every band and patch: no training."""
    from xmodal_pipeline.evaluation.uv_value.features import COLOUR, log_colour_features

    features = {COLOUR: log_colour_features(colour_table)}
    return _uv_value(features, specimen_index, captures, evaluation).assign(specimens="all")


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
    """One table over all feature sets, each corrected by itself; the primary one first.

    Test specimens by themselves (`specimens` is `test`) are exploratory in every set.
    """
    named = []
    for name, table in tables.items():
        if len(table):
            is_primary = (table["specimens"] == "all") & (name in evaluation.uv_value_features)
            family = is_primary.map({True: "primary", False: "exploratory"})
            named.append(table.assign(features=name, family=family))
    if not named:
        return next(iter(tables.values()))
    stacked = pd.concat(named, ignore_index=True)
    return stacked.sort_values(
        "family", key=lambda family: family != "primary", kind="stable", ignore_index=True
    )
