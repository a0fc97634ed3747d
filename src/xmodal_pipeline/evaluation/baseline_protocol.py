"""The baselines that stand beside every variant, measured under the same protocol."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xmodal_pipeline.evaluation.cells import not_applicable, too_few
from xmodal_pipeline.evaluation.geometry import geometry
from xmodal_pipeline.evaluation.measurement import (
    LEAST_TEST,
    align_pairs,
    classify_labels,
    predict_modalities,
    retrieve_pairs,
)
from xmodal_pipeline.evaluation.model_tables import ModelTables
from xmodal_pipeline.evaluation.ranks import blind_counts, summarise
from xmodal_pipeline.evaluation.retrieval import DIRECTIONS
from xmodal_pipeline.evaluation.specimen_tables import labels_of_species, pair_captures
from xmodal_pipeline.params.evaluate import EvaluationParams

SPECIES_ONLY = "species_only"
"""The baseline that knows the species; it is not asked for labels that the species has by itself."""


def evaluate_baselines(
    models: Mapping[str, ModelTables],
    index: pd.DataFrame,
    params: EvaluationParams,
    confounders: Sequence[str] = (),
) -> dict[str, Any]:
    """What chance, species, colour, outlines, PCA + CCA and encoders that learnt nothing here reach.

    Args:
        models: of `baseline_tables`.
        index: `specimen_index`, with label columns.
        params: the protocol.
        confounders: columns of the index whose own accuracy stands beside the classification.

    Returns:
        `chance` with its `retrieval`, and per model `retrieval` (with `opposite_views`), `classification`
        and, where its embeddings have both modalities, `alignment` and `predictability` of these and
        `geometry` of the projections, all of the same form as a variant's; `protocol`.
    """
    return {
        "chance": {"retrieval": _chance(models, index, params)},
        **{name: _evaluate(name, tables, index, params, confounders) for name, tables in models.items()},
        "protocol": params.model_dump(mode="json"),
    }


def _evaluate(
    name: str,
    tables: ModelTables,
    index: pd.DataFrame,
    params: EvaluationParams,
    confounders: Sequence[str],
) -> dict[str, Any]:
    embeddings = tables.embeddings[0]
    labels = classify_labels(embeddings, index, params, confounders)
    if name == SPECIES_ONLY:
        of_species = labels_of_species(index)
        labels = {label: cell for label, cell in labels.items() if label not in of_species}
    result = {"retrieval": _retrieve(tables, index, params), "classification": labels}
    if {"rgb", "uv"} <= set(embeddings["modality"]):
        result |= _structure(tables, index, params)
    return result


def _retrieve(tables: ModelTables, index: pd.DataFrame, params: EvaluationParams) -> dict[str, Any]:
    found, of_views = (
        retrieve_pairs(pair_captures(kind[0], index, partition="test"), params) if kind else None
        for kind in (tables.projections, tables.opposite_views)
    )
    if found is None:
        few = f"fewer than {LEAST_TEST} training captures to fit PCA + CCA on"
        found = not_applicable(tables.unpaired) if tables.unpaired else too_few(few)
    return found if of_views is None else found | {"opposite_views": of_views}


def _structure(tables: ModelTables, index: pd.DataFrame, params: EvaluationParams) -> dict[str, Any]:
    """Do the two modalities order the specimens alike, and predict one another, before anything is learnt?"""
    embeddings = tables.embeddings[0]
    test = pair_captures(embeddings, index, partition="test")
    in_one_view = len(test.one_per_specimen().rgb)
    if in_one_view < LEAST_TEST:
        few = too_few(f"{in_one_view} test specimens, at least {LEAST_TEST} needed")
        return dict.fromkeys(("alignment", "predictability", "geometry"), few)
    result = {
        "alignment": align_pairs(test, params),
        "predictability": predict_modalities(embeddings, index, params),
    }
    if tables.projections:
        first = pair_captures(tables.projections[0], index, partition="test").one_per_specimen()
        result["geometry"] = geometry(first.rgb, first.uv, seed=params.seed)
    return result


def _chance(
    models: Mapping[str, ModelTables], index: pd.DataFrame, params: EvaluationParams
) -> dict[str, Any]:
    """Chance in the form of a retrieval: both directions are equal."""
    paired = next(
        tables.embeddings[0]
        for tables in models.values()
        if {"rgb", "uv"} <= set(tables.embeddings[0]["modality"])
    )
    test = pair_captures(paired, index, partition="test")
    if len(test.rgb) < LEAST_TEST:
        return too_few(f"{len(test.rgb)} test specimens, at least {LEAST_TEST} needed")
    gallery = np.concatenate([np.full(len(part.rgb), len(part.rgb)) for part in test.split_views()])
    chance = summarise(blind_counts(gallery), params.ks)
    return {direction: dict(chance) for direction in DIRECTIONS} | {"chance": chance, "n": len(gallery)}
