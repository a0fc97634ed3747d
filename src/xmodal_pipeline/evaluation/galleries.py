"""Retrieval of test captures: the gallery of a query holds the captures of its own view."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.rank_intervals import chance_p_values, retrieval_intervals
from xmodal_pipeline.evaluation.ranks import (
    RANK,
    RankCounts,
    blind_counts,
    query_measures,
    recall_name,
)
from xmodal_pipeline.evaluation.results import Cell, Contribution, Number, Part, lack, too_few
from xmodal_pipeline.evaluation.retrieval import (
    RetrievalRanks,
    describe_ranks,
    group_oracle,
    rank_matches,
    rank_within,
)
from xmodal_pipeline.evaluation.schema import CHANCE, DIRECTIONS, RETRIEVAL
from xmodal_pipeline.evaluation.specimen_tables import Pairs
from xmodal_pipeline.params.evaluate import EvaluationParams

LEAST_TEST = 3
"""Test specimens below which nothing is retrieved or aligned."""


@dataclass(frozen=True)
class Ranked:
    """Every query's rank in both directions, one gallery after the other."""

    ranks: RetrievalRanks
    owners: NDArray[Any]
    """(queries,) whose specimen each is."""


def rank_galleries(pairs: Pairs) -> Ranked | None:
    """Each capture ranked among those of its view; None where too few are there to be ranked."""
    if len(pairs.rgb) < LEAST_TEST:
        return None
    return _by_gallery(pairs, lambda part: (rank_matches(part.rgb, part.uv), part.specimens))


def measure_retrieval(pairs: Pairs, params: EvaluationParams, task: str = RETRIEVAL) -> Part:
    """`retrieval` with intervals, within species and beside the species oracle.

    Args:
        pairs: captures of the test partition.
        params: the protocol.
        task: of the numbers; those within species are of `<task>_within_species`.
    """
    ranked = rank_galleries(pairs)
    if ranked is None:
        return lack(task, few_specimens(len(pairs.rgb)))
    found = _describe(ranked.ranks, params, task, ranked.owners)
    found.contributions.extend(query_contributions(ranked, params, task))
    if pairs.species is None:
        return found
    within, oracle = f"{task}_within_species", f"{task}_species_oracle"
    inside = _by_gallery(pairs, _rank_in_species)
    if inside is None:
        alone = lack(within, too_few("no species has two test specimens"))
    else:
        alone = _describe(inside.ranks, params, within, inside.owners)
    known = species_oracle_of(pairs, params)
    found.cells.update(within_groups=alone.cells, group_oracle=known)
    found.numbers.extend([*alone.numbers, *_oracle_numbers(known, params, oracle)])
    return found


def query_contributions(ranked: Ranked, params: EvaluationParams, task: str) -> list[Contribution]:
    """Per direction and measure, each specimen's share of the mean over queries."""
    specimens, owner = np.unique(ranked.owners, return_inverse=True)
    return [
        Contribution(
            task=task,
            label=direction,
            metric=metric,
            source="rgb+uv",
            specimens=specimens,
            values=np.bincount(owner, values / len(values)).astype(np.float64),
            strata=np.zeros(len(specimens), np.int64),
        )
        for direction, counts in zip(DIRECTIONS, ranked.ranks, strict=True)
        for metric, values in query_measures(counts, params.ks[:1]).items()
        if metric != RANK  # specimens do not add up to a median
    ]


def measure_chance(pairs: Pairs, params: EvaluationParams) -> Part:
    """Chance in the form of a retrieval: both directions are equal."""
    if len(pairs.rgb) < LEAST_TEST:
        return lack(RETRIEVAL, few_specimens(len(pairs.rgb)))
    sizes = [len(part.rgb) for part in pairs.split_views()]
    blind = blind_counts(np.repeat(sizes, sizes))
    return _describe(RetrievalRanks(blind, blind), params, RETRIEVAL)


def species_oracle_of(pairs: Pairs, params: EvaluationParams) -> Cell:
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


def _describe(
    ranks: RetrievalRanks, params: EvaluationParams, task: str, owners: NDArray[Any] | None = None
) -> Part:
    """Both directions, and chance over the same galleries; with intervals and p where owners are given."""
    intervals: dict[str, dict[str, list[float]]] = {name: {} for name in DIRECTIONS}
    p_values: dict[str, dict[str, float]] = {name: {} for name in DIRECTIONS}
    if owners is not None:
        intervals = retrieval_intervals(ranks, params.ks, specimens=owners)
        p_values = chance_p_values(ranks, params.ks, specimens=owners)
    cells = describe_ranks(ranks, params.ks)
    numbers = [
        Number(
            task=task,
            metric=metric,
            value=value,
            interval=intervals[direction].get(f"{metric}_ci"),
            n=cells["n"],
            chance=cells[CHANCE][metric],
            p=p_values[direction].get(metric),
            label=direction,
            direction=direction,
            k=_cut_offs(params).get(metric),
        )
        for direction in DIRECTIONS
        for metric, value in cells[direction].items()
    ]
    return Part(cells | {name: cells[name] | intervals[name] for name in DIRECTIONS}, numbers)


def _oracle_numbers(cells: Cell, params: EvaluationParams, task: str) -> Iterable[Number]:
    if "n" not in cells:
        return lack(task, cells).numbers
    return (
        Number(task=task, metric=metric, value=value, n=cells["n"], k=_cut_offs(params).get(metric))
        for metric, value in cells.items()
        if metric != "n"
    )


def _cut_offs(params: EvaluationParams) -> dict[str, int]:
    return {recall_name(k): k for k in params.ks}


def few_specimens(n: int) -> Cell:
    """The reason where there are fewer test specimens than are retrieved or aligned."""
    return too_few(f"{n} test specimens, at least {LEAST_TEST} needed")


def _rank_in_species(part: Pairs) -> tuple[RetrievalRanks | None, NDArray[Any]]:
    species = pd.Series(part.species, dtype=object)
    shared = (species.groupby(species).transform("size") > 1).fillna(False).to_numpy(dtype=bool)
    return rank_within(part.rgb, part.uv, species), part.specimens[shared]


def _by_gallery(
    pairs: Pairs, rank: Callable[[Pairs], tuple[RetrievalRanks | None, NDArray[Any]]]
) -> Ranked | None:
    """Ranks within each view, one after the other, and whose they are."""
    parts = [rank(part) for part in pairs.split_views()]
    found = [(ranks, owners) for ranks, owners in parts if ranks is not None]
    if not found:
        return None
    sides = (
        RankCounts(
            *(np.concatenate(column) for column in zip(*(ranks[side] for ranks, _ in found), strict=True))
        )
        for side in range(2)
    )
    return Ranked(RetrievalRanks(*sides), np.concatenate([owners for _, owners in found]))
