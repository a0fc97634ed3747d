"""Nodes of `evaluate`. They import what they call, so that `kedro registry list` stays quick."""

from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from xmodal_pipeline.evaluation.schema import COLOUR
from xmodal_pipeline.evaluation.species_export import average_species, tabulate_species
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.specimens.colour_tables import catch_features
from xmodal_pipeline.specimens.prepared import Prepared

_THREADS = 1
"""Thousands of small products: several threads only wait for one another, on a busy machine for minutes."""


def evaluate_variant(
    embeddings: pd.DataFrame,
    projections: pd.DataFrame,
    opposite_views: pd.DataFrame,
    specimen_index: pd.DataFrame,
    study: Study,
    evaluation: EvaluationParams,
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Metrics of one variant, their rows for `comparison`, and what each specimen contributes."""
    from xmodal_pipeline.evaluation.measurement import measure_variant

    with threadpool_limits(limits=_THREADS):
        found = measure_variant(
            embeddings,
            projections,
            opposite_views,
            specimen_index,
            evaluation,
            label=study.label,
            confounders=study.confounders,
        )
    return found.metrics, found.numbers, found.contributions


def evaluate_baselines(
    prepared: Prepared,
    specimen_index: pd.DataFrame,
    study: Study,
    receptor_table: pd.DataFrame,
    evaluation: EvaluationParams,
    **tables: pd.DataFrame,
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """What chance, species, colour, cone catches, outlines, PCA + CCA and unlearnt encoders reach.

    `tables` are `unlearnt_embeddings` and `unlearnt_views`, by the column `encoder`, and the opposite views
    of other baselines, by their names.
    """
    from xmodal_pipeline.evaluation.baseline_tables import baseline_tables
    from xmodal_pipeline.evaluation.measurement import measure_baselines

    embeddings, unlearnt_views = tables.pop("unlearnt_embeddings"), tables.pop("unlearnt_views")
    unlearnt = {
        str(name): (rows, unlearnt_views[unlearnt_views["encoder"] == name])
        for name, rows in embeddings.groupby("encoder", sort=False)
    }
    with threadpool_limits(limits=_THREADS):
        models = baseline_tables(
            prepared,
            specimen_index,
            views=tables,
            unlearnt=unlearnt,
            catches=catch_features(receptor_table),
        )
        found = measure_baselines(models, specimen_index, evaluation, study.confounders, label=study.label)
    return found.metrics, found.numbers, found.contributions


def compare_variants(baselines: pd.DataFrame, **variants: pd.DataFrame) -> pd.DataFrame:
    """One tidy table of every variant beside every baseline."""
    named = [rows.assign(name=name) for name, rows in variants.items()]
    return pd.concat([*named, baselines], ignore_index=True)


def compare_with_baselines(
    baselines: pd.DataFrame,
    specimen_index: pd.DataFrame,
    evaluation: EvaluationParams,
    **variants: pd.DataFrame,
) -> pd.DataFrame:
    """Paired differences between variants, and between each variant and each baseline."""
    from xmodal_pipeline.evaluation.pairing import compare_contributions

    models = {name: [rows] for name, rows in variants.items()}
    with threadpool_limits(limits=_THREADS):
        return compare_contributions(models, baselines, specimen_index, evaluation)


def measure_uv_value(
    colour_table: pd.DataFrame,
    specimen_index: pd.DataFrame,
    study: Study,
    evaluation: EvaluationParams,
    **embeddings: pd.DataFrame,
) -> pd.DataFrame:
    """What UV adds per species, from colour and from the features of every variant, the primary sets first.

    Training sees no label, so all specimens count; the test specimens by themselves (`specimens` is `test`)
    are exploratory in every variant. Where a tested species has flagged captures, the primary sets are
    measured again without any (`specimens` is `unflagged`, exploratory too, corrected as the primary rows).
    """
    from xmodal_pipeline.evaluation.uv_value.features import embedding_features, log_colour_features
    from xmodal_pipeline.evaluation.uv_value.sensitivity import leave_out_flagged
    from xmodal_pipeline.evaluation.uv_value.verdict import EXPLORATORY

    sides = {name: embedding_features(rows) for name, rows in embeddings.items()}
    features = {COLOUR: log_colour_features(colour_table), **sides}
    whole = _uv_value(features, specimen_index, study, evaluation)
    held_out = {
        name: embedding_features(rows[rows["partition"] == "test"]) for name, rows in embeddings.items()
    }
    exploratory = evaluation.model_copy(update={"uv_value_features": ()})
    test = _uv_value(held_out, specimen_index, study, exploratory).assign(specimens="test")
    tables = [whole.assign(specimens="all"), test]
    unflagged = leave_out_flagged(whole, specimen_index)
    if unflagged is not None:
        primary = {name: features[name] for name in evaluation.uv_value_features if name in features}
        again = _uv_value(primary, unflagged, study, evaluation)
        tables.append(again.assign(family=EXPLORATORY, specimens="unflagged"))
    return pd.concat([one for one in tables if len(one)] or tables[:1], ignore_index=True)


def measure_uv_value_of_colour(
    colour_table: pd.DataFrame,
    specimen_index: pd.DataFrame,
    study: Study,
    evaluation: EvaluationParams,
) -> pd.DataFrame:
    """What UV adds per species, from the colour of every band and patch: no training."""
    from xmodal_pipeline.evaluation.uv_value.features import log_colour_features

    alone = evaluation.model_copy(update={"uv_value_features": (COLOUR,)})
    features = {COLOUR: log_colour_features(colour_table)}
    return _uv_value(features, specimen_index, study, alone).assign(specimens="all")


def _uv_value(
    features: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
    specimen_index: pd.DataFrame,
    study: Study,
    evaluation: EvaluationParams,
) -> pd.DataFrame:
    """Within the classes of every confounder: a session of one sex must not be claimed as sex."""
    from xmodal_pipeline.evaluation.uv_value import uv_value_table

    with threadpool_limits(limits=_THREADS):
        return uv_value_table(features, specimen_index, evaluation, study.label, blocks=study.confounders)


def map_uv_claims(
    checkpoint: Any,
    prepared: Prepared,
    embeddings: pd.DataFrame,
    specimen_index: pd.DataFrame,
    uv_value: pd.DataFrame,
) -> pd.DataFrame:
    """Where on the body the claims of one variant lie. Torch's checkpoint is `Any`, as in `embed`."""
    from xmodal_pipeline.training.uv_maps import map_claims

    return map_claims(checkpoint, prepared, embeddings, specimen_index, uv_value)


def export_species(uv_value: pd.DataFrame, species_tips: pd.DataFrame) -> pd.DataFrame:
    """What UV adds in each species, with its error and its tip, for phylogenetic methods."""
    return tabulate_species(uv_value, species_tips)


def export_species_means(
    embeddings: pd.DataFrame, specimen_index: pd.DataFrame, species_tips: pd.DataFrame
) -> pd.DataFrame:
    """Mean embeddings of species with their tips, for phylogenetic methods."""
    return average_species(embeddings, specimen_index, species_tips)
