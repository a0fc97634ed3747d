"""Every measure of one table under the protocol, the same for variants and baselines."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.alignment import alignment
from xmodal_pipeline.evaluation.cells import not_applicable, too_few
from xmodal_pipeline.evaluation.classification import classification
from xmodal_pipeline.evaluation.predictability import predictability
from xmodal_pipeline.evaluation.ranks import RankCounts
from xmodal_pipeline.evaluation.retrieval import (
    DIRECTIONS,
    RetrievalRanks,
    describe_ranks,
    group_oracle,
    rank_matches,
    rank_within,
    retrieval_intervals,
)
from xmodal_pipeline.evaluation.specimen_tables import (
    CLADE,
    SPECIES,
    Pairs,
    labels_of_species,
    pair_captures,
    specimen_features,
    specimen_labels,
)
from xmodal_pipeline.params.evaluate import EvaluationParams

LEAST_TEST = 3
"""Test specimens below which nothing is retrieved or aligned."""


def retrieve_pairs(pairs: Pairs, params: EvaluationParams) -> dict[str, Any]:
    """Retrieval with intervals; the gallery of a query holds the captures of its own view."""
    if len(pairs.rgb) < LEAST_TEST:
        return too_few(f"{len(pairs.rgb)} test specimens, at least {LEAST_TEST} needed")
    ranks, owners = _by_gallery(pairs, lambda part: (rank_matches(part.rgb, part.uv), part.specimens))
    result = _described(ranks, owners, params)
    if pairs.species is not None:
        within, inside = _by_gallery(pairs, _rank_in_species)
        none = too_few("no species has two test specimens")
        result["within_groups"] = none if within is None else _described(within, inside, params)
        result["group_oracle"] = species_oracle_of(pairs, params)
    return result


def _rank_in_species(part: Pairs) -> tuple[RetrievalRanks | None, NDArray[Any]]:
    species = pd.Series(part.species, dtype=object)
    shared = (species.groupby(species).transform("size") > 1).fillna(False).to_numpy(dtype=bool)
    return rank_within(part.rgb, part.uv, species), part.specimens[shared]


def _by_gallery(
    pairs: Pairs, rank: Callable[[Pairs], tuple[RetrievalRanks | None, NDArray[Any]]]
) -> tuple[Any, NDArray[Any]]:
    """Ranks within each view, one after the other, and whose they are."""
    parts = [rank(part) for part in pairs.split_views()]
    found = [(ranks, owners) for ranks, owners in parts if ranks is not None]
    if not found:
        return None, np.array([])
    sides = (
        RankCounts(
            *(np.concatenate(column) for column in zip(*(ranks[side] for ranks, _ in found), strict=True))
        )
        for side in range(2)
    )
    return RetrievalRanks(*sides), np.concatenate([owners for _, owners in found])


def _described(ranks: RetrievalRanks, owners: NDArray[Any], params: EvaluationParams) -> dict[str, Any]:
    result = describe_ranks(ranks, params.ks)
    intervals = retrieval_intervals(
        ranks, params.ks, bootstraps=params.bootstraps, seed=params.seed, specimens=owners
    )
    for direction in DIRECTIONS:
        result[direction] |= intervals[direction]
    return result


def species_oracle_of(pairs: Pairs, params: EvaluationParams) -> dict[str, Any]:
    """The species oracle over the views' galleries, each weighted by its queries."""
    parts = [
        group_oracle(part.species, params.ks) for part in pairs.split_views() if part.species is not None
    ]
    known = [part for part in parts if "n" in part]
    if not known:
        return parts[0]
    weights = [part["n"] for part in known]
    means = {
        key: float(np.average([part[key] for part in known], weights=weights))
        for key in known[0]
        if key != "n"
    }
    return means | {"n": sum(weights)}


def predict_modalities(table: pd.DataFrame, index: pd.DataFrame, params: EvaluationParams) -> dict[str, Any]:
    """`predictability` of held-out specimens in one view: how much of one modality the other tells.

    Args:
        table: capture_id, specimen_id, partition, modality, x1 … xD.
        index: `specimen_index`.
        params: the protocol.
    """
    every = pair_captures(table, index, partition="test", every_capture=True).one_view()
    return predictability(every.rgb, every.uv, every.species, every.specimens, seed=params.seed)


def align_pairs(test: Pairs, params: EvaluationParams) -> dict[str, Any]:
    """`alignment` of one capture per specimen, all of one view."""
    first = test.one_per_specimen()
    return alignment(first.rgb, first.uv, first.species, params.permutations, params.seed)


def classify_labels(
    embeddings: pd.DataFrame, index: pd.DataFrame, params: EvaluationParams, confounders: Sequence[str] = ()
) -> dict[str, Any]:
    """Every label that specimens carry, from one row per specimen; species are the strata of the others.

    Args:
        embeddings: capture_id, specimen_id, partition, modality, x1 … xD.
        index: `specimen_index`; a column `clade` is held out whole, as species are.
        params: the protocol.
        confounders: columns of the index; those of a specimen's first capture count.
    """
    features = specimen_features(embeddings)
    specimens = next(iter(features.values())).index
    labels = specimen_labels(index).reindex(specimens)
    partition = embeddings.drop_duplicates("specimen_id").set_index("specimen_id")["partition"]
    is_test = (partition.reindex(specimens) == "test").to_numpy()
    first = index.drop_duplicates("specimen_id").set_index("specimen_id").reindex(specimens)
    of_species = labels_of_species(index)
    features_by_name = {name: table.to_numpy() for name, table in features.items()}
    work = (
        delayed(_classify_label)(
            features_by_name,
            labels[name],
            {} if name in of_species else _strata_of(first),
            params,
            [_objects(first[other]) for other in confounders if other != name],
            is_test,
        )
        for name in labels.columns
    )
    # One process per label, one thread each: the products are small and many.
    results = Parallel(n_jobs=params.n_jobs)(work)
    result = dict(zip(labels.columns, results, strict=True))
    return result or not_applicable("the specimens carry no label with 2 to 50 classes")


def _strata_of(specimens: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Species and clades of specimens, however many there are."""
    known = {"strata": SPECIES, "clades": CLADE}
    return {
        argument: _objects(specimens[column])
        for argument, column in known.items()
        if column in specimens and specimens[column].notna().any()
    }


def _objects(column: pd.Series) -> NDArray[Any]:
    return column.to_numpy(dtype=object)


def _classify_label(
    features: dict[str, NDArray[np.float64]],
    labels: pd.Series,
    strata: dict[str, NDArray[Any]],
    params: EvaluationParams,
    confounders: list[NDArray[Any]],
    is_test: NDArray[np.bool_],
) -> dict[str, Any]:
    return classification(
        features.get("rgb"),
        features.get("uv"),
        _objects(labels),
        joint=features.get("joint"),
        confounders=np.stack(confounders, axis=1) if confounders else None,
        test=is_test,
        **strata,
        folds=params.folds,
        seed=params.seed,
        inner_folds=params.inner_folds,
        c_values=params.c_values,
        bootstraps=params.bootstraps,
        reference_permutations=params.reference_permutations,
        minimum_n=params.minimum_n,
    )
