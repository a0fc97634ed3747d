"""The baselines that stand beside every variant, measured under the same protocol."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.baselines import band_means, pca_cca, silhouette
from xmodal_pipeline.evaluation.cells import not_applicable, too_few
from xmodal_pipeline.evaluation.measurement import (
    LEAST_TEST,
    align_pairs,
    classify_labels,
    predict_modalities,
    retrieve_pairs,
    species_oracle_of,
)
from xmodal_pipeline.evaluation.ranks import blind_counts, summarise
from xmodal_pipeline.evaluation.retrieval import DIRECTIONS
from xmodal_pipeline.evaluation.specimen_tables import pair_captures
from xmodal_pipeline.params.evaluate import EvaluationParams

Floats = NDArray[np.float64]


def evaluate_baselines(  # noqa: PLR0913 - one argument per table that baselines are made from
    rgb_images: ArrayLike,
    uv_images: ArrayLike,
    masks: ArrayLike,
    silhouette_views: pd.DataFrame,
    index: pd.DataFrame,
    partitions: pd.DataFrame,
    unlearnt: dict[str, pd.DataFrame],
    catches: dict[str, pd.DataFrame],
    params: EvaluationParams,
    confounders: Sequence[str] = (),
) -> dict[str, Any]:
    """What chance, species, colour, outlines, PCA + CCA and encoders that learnt nothing here reach.

    Whatever is fitted is fitted on the training partition (one row per capture).

    Args:
        rgb_images: (captures, 3, size, size), rows in the order of the index.
        uv_images: (captures, bands, size, size).
        masks: (captures, 2, size, size): RGB's mask, UV's mask.
        silhouette_views: capture_id, specimen_id, partition, modality, x1 … xD: masks of independent warps.
        index: `specimen_index`.
        partitions: specimen_id, partition.
        unlearnt: embedding tables of encoders that were never trained on these captures, by name.
        catches: of `specimens.colour.catch_features`; empty where the study has no camera coefficients.
        params: the protocol.
        confounders: columns of the index whose own accuracy stands beside the classification.

    Returns:
        Per baseline (`chance`, `species_oracle`, `band_means`, `pca_cca`, `silhouette`, the unlearnt, the
        catches) a dict with `retrieval`, of the same form as a variant's; of an unlearnt encoder after
        PCA + CCA. `band_means` and the unlearnt also have `classification`, `alignment` and `predictability`;
        catches have `classification` alone, as `joint`: each draws on both modalities.
    """
    masks = np.asarray(masks)
    sides = {"rgb": np.asarray(rgb_images), "uv": np.asarray(uv_images)}
    colour = {name: band_means(side, masks[:, i]) for i, (name, side) in enumerate(sides.items())}
    pixels = {name: side.reshape(len(side), -1) for name, side in sides.items()}
    outlines = {name: silhouette(masks[:, i]) for i, name in enumerate(sides)}
    partition = index["specimen_id"].map(partitions.set_index("specimen_id")["partition"]).astype(str)

    def table(features: dict[str, Floats]) -> pd.DataFrame:
        return _as_table(features, index, partition)

    colour_table = table(colour)
    shared = not_applicable(
        "RGB and UV share one mask, in which the outline finds itself: see opposite_views"
    )
    outline = (
        shared
        if np.array_equal(masks[:, 0], masks[:, 1])
        else _fit_and_retrieve(table(outlines), index, params)
    )
    return {
        **_knowing_baselines(colour_table, index, params),
        **{
            name: {
                "retrieval": _fit_and_retrieve(features, index, params),
                "classification": classify_labels(features, index, params, confounders),
                **_structure(features, index, params),
            }
            for name, features in {"band_means": colour_table, **unlearnt}.items()
        },
        **{
            name: {
                "retrieval": not_applicable("a catch draws on the bands of both modalities"),
                "classification": classify_labels(
                    _as_table({"joint": features}, index, partition), index, params, confounders
                ),
            }
            for name, features in catches.items()
        },
        "pca_cca": {"retrieval": _fit_and_retrieve(table(pixels), index, params)},
        "silhouette": {
            "retrieval": outline | {"opposite_views": _fit_and_retrieve(silhouette_views, index, params)}
        },
        "protocol": params.model_dump(mode="json"),
    }


def _as_table(
    features: Mapping[str, Floats | pd.DataFrame], index: pd.DataFrame, partition: pd.Series
) -> pd.DataFrame:
    """Embedding rows of arrays in the order of the index, or of tables indexed by some of its captures."""
    parts = []
    keys = index[["capture_id", "specimen_id"]].assign(partition=partition.to_numpy()).set_index("capture_id")
    for modality, values in features.items():
        captures = values.index if isinstance(values, pd.DataFrame) else keys.index
        columns = pd.DataFrame(
            np.asarray(values), index=captures, columns=[f"x{i + 1}" for i in range(values.shape[1])]
        )
        parts.append(pd.concat([keys.loc[captures].assign(modality=modality), columns], axis=1).reset_index())
    return pd.concat(parts, ignore_index=True)


def _fit_and_retrieve(table: pd.DataFrame, index: pd.DataFrame, params: EvaluationParams) -> dict[str, Any]:
    """PCA + CCA on the training captures, retrieval on the test captures."""
    train = pair_captures(table, index, partition="train", every_capture=True)
    if len(train.rgb) < LEAST_TEST:
        return too_few(f"{len(train.rgb)} training captures, at least {LEAST_TEST} needed")
    transform = pca_cca(train.rgb, train.uv)
    return retrieve_pairs(pair_captures(table, index, partition="test").transformed(transform), params)


def _structure(table: pd.DataFrame, index: pd.DataFrame, params: EvaluationParams) -> dict[str, Any]:
    """Do the two modalities order the specimens alike, and predict one another, before anything is learnt?"""
    test = pair_captures(table, index, partition="test")
    in_one_view = len(test.one_per_specimen().rgb)
    if in_one_view < LEAST_TEST:
        few = too_few(f"{in_one_view} test specimens, at least {LEAST_TEST} needed")
        return dict.fromkeys(("alignment", "predictability"), few)
    return {
        "alignment": align_pairs(test, params),
        "predictability": predict_modalities(table, index, params),
    }


def _knowing_baselines(table: pd.DataFrame, index: pd.DataFrame, params: EvaluationParams) -> dict[str, Any]:
    """Chance, and knowing the species alone, in the form of a retrieval: both directions are equal."""
    test = pair_captures(table, index, partition="test")
    if len(test.rgb) < LEAST_TEST:
        few = {"retrieval": too_few(f"{len(test.rgb)} test specimens, at least {LEAST_TEST} needed")}
        return {"chance": few, "species_oracle": few}
    gallery = np.concatenate([np.full(len(part.rgb), len(part.rgb)) for part in test.split_views()])
    chance = summarise(blind_counts(gallery), params.ks)
    oracle = not_applicable("no species given") if test.species is None else species_oracle_of(test, params)
    known = oracle if "n" not in oracle else _both_ways(oracle, chance, oracle["n"])
    return {
        "chance": {"retrieval": _both_ways(chance, chance, len(gallery))},
        "species_oracle": {"retrieval": known},
    }


def _both_ways(measures: dict[str, Any], chance: dict[str, float], n: int) -> dict[str, Any]:
    one_way = {key: value for key, value in measures.items() if key != "n"}
    return {direction: dict(one_way) for direction in DIRECTIONS} | {"chance": chance, "n": n}
