"""The evaluation protocol: from tables of embeddings and labels to metrics and their comparison."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from xmodal_pipeline.evaluation.baseline_protocol import evaluate_baselines
from xmodal_pipeline.evaluation.cells import not_applicable, too_few
from xmodal_pipeline.evaluation.comparison import compare_variants
from xmodal_pipeline.evaluation.geometry import geometry
from xmodal_pipeline.evaluation.measurement import (
    LEAST_TEST,
    align_pairs,
    classify_labels,
    predict_modalities,
    retrieve_pairs,
)
from xmodal_pipeline.evaluation.specimen_tables import (
    Pairs,
    describe_labels,
    feature_columns,
    first_captures,
    pair_captures,
)
from xmodal_pipeline.params.evaluate import EvaluationParams

__all__ = ["compare_variants", "evaluate_baselines", "evaluate_variant"]


def evaluate_variant(
    embeddings: pd.DataFrame,
    projections: pd.DataFrame,
    views: pd.DataFrame,
    index: pd.DataFrame,
    params: EvaluationParams,
    *,
    label: str | None,
    confounders: Sequence[str] = (),
) -> dict[str, Any]:
    """Everything that is measured of one variant, with the same keys whatever its strategy.

    Retrieval is of projections of the test partition, one capture per specimen and view; alignment, geometry
    and predictability are of the view that most specimens have;
    classification is of embeddings of all specimens (training saw no labels), averaged over a specimen's
    captures; geometry is of test projections, predictability of test embeddings.

    Args:
        embeddings: capture_id, specimen_id, partition, modality, x1 … xD: encoder features.
        projections: the same columns: head outputs, where the modalities share a space.
        views: like projections, of independently warped views: outline and pose do not give the match away.
        index: `specimen_index`, with label columns.
        params: the protocol.
        label: the label that the study is about; None: none in particular.
        confounders: columns of the index whose own accuracy stands beside the embeddings'.

    Returns:
        `alignment`, `retrieval` (with `opposite_views`), `classification` (per label), `geometry`,
        `predictability`, each a dict or {"not_applicable": reason}; `protocol`; `n`. JSON without NaN.

    Raises:
        ValueError: if `label` is not a column of the index or a table has captures that it lacks.
    """
    if label is not None and label not in index:
        raise ValueError(
            f"evaluate: label must be a column of the specimen index, got '{label}'; "
            f"the labels are {describe_labels(index)}"
        )
    modalities = [name for name in ("rgb", "uv") if (embeddings["modality"] == name).any()]
    test = pair_captures(projections, index, partition="test") if len(modalities) == 2 else None
    one = not_applicable(f"one modality: {', '.join(modalities)}")
    result: dict[str, Any] = {
        "alignment": one,
        "retrieval": one,
        "geometry": _single_geometry(projections, modalities, index, params) if test is None else one,
        "predictability": one,
    }
    in_one_view = 0 if test is None else len(test.one_per_specimen().rgb)
    if test is not None and in_one_view < LEAST_TEST:
        few = too_few(f"{in_one_view} test specimens, at least {LEAST_TEST} needed")
        result |= dict.fromkeys(result, few)
    elif test is not None:
        result |= _cross_modal(test, embeddings, views, index, params)
    return result | {
        "classification": classify_labels(embeddings, index, params, confounders),
        "protocol": params.model_dump(mode="json") | {"label": label},
        "n": _numbers(embeddings, test),
    }


def _cross_modal(
    test: Pairs, embeddings: pd.DataFrame, views: pd.DataFrame, index: pd.DataFrame, params: EvaluationParams
) -> dict[str, Any]:
    first = test.one_per_specimen()
    opposite = pair_captures(views, index, partition="test")
    return {
        "alignment": align_pairs(test, params),
        "retrieval": retrieve_pairs(test, params) | {"opposite_views": retrieve_pairs(opposite, params)},
        "geometry": geometry(first.rgb, first.uv, seed=params.seed),
        "predictability": predict_modalities(embeddings, index, params),
    }


def _single_geometry(
    projections: pd.DataFrame, modalities: list[str], index: pd.DataFrame, params: EvaluationParams
) -> dict[str, Any]:
    rows = projections[(projections["modality"] == modalities[0]) & (projections["partition"] == "test")]
    rows = first_captures(rows, index)
    if len(rows) < LEAST_TEST:
        return too_few(f"{len(rows)} test specimens, at least {LEAST_TEST} needed")
    values = rows[feature_columns(rows)].to_numpy(np.float64)
    sides = {"rgb": None, "uv": None} | {modalities[0]: values}
    return geometry(sides["rgb"], sides["uv"], seed=params.seed)


def _numbers(embeddings: pd.DataFrame, test: Pairs | None) -> dict[str, Any]:
    specimens = embeddings.drop_duplicates("specimen_id")["partition"].value_counts()
    counts = {f"{name}_specimens": int(specimens.get(name, 0)) for name in ("train", "validation", "test")}
    return {
        "captures": int(embeddings["capture_id"].nunique()),
        "specimens": int(embeddings["specimen_id"].nunique()),
        **counts,
        "retrieval_queries": 0 if test is None else len(test.rgb),
    }
