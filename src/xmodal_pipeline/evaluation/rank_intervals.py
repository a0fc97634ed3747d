"""Intervals of retrieval and p-values against chance, at an effective number of queries: by specimen."""

from collections.abc import Sequence

import numpy as np
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.ranks import (
    MEDIAN_RANK,
    RANK,
    Floats,
    RankCounts,
    blind_counts,
    query_measures,
    recall_name,
)
from xmodal_pipeline.evaluation.retrieval import RetrievalRanks
from xmodal_pipeline.evaluation.schema import DIRECTIONS

Places = NDArray[np.intp]

_TAIL = 0.025
"""Beyond either end of a 95 % interval."""


def retrieval_intervals(
    ranks: RetrievalRanks, ks: Sequence[int] = (1, 5, 10), *, specimens: ArrayLike | None = None
) -> dict[str, dict[str, list[float]]]:
    """95 % intervals over specimens, the galleries held fixed.

    Every measure but the rank lies between 0 and 1 for each query, so its mean gets the interval of a
    proportion (Wilson 1927) at an effective number of queries: theirs, divided by the variance between
    specimens over that of a proportion (Korn & Graubard 1998). For recall without ties and one query per
    specimen that is Wilson's interval itself, and no interval has length 0. The median rank lies between the
    ranks at the limits of the share .5 (Woodruff 1952).

    Args:
        ranks: from `rank_matches` or `rank_within`.
        ks: cut-offs of recall.
        specimens: (queries,) whose each query is; None: each its own.

    Returns:
        Per direction `recall@k_ci`, `median_rank_ci`, `mrr_ci`, `pairwise_ci`, each [low, high].
    """
    owners = _owners(ranks, specimens)
    return {name: _intervals(counts, ks, owners) for name, counts in zip(DIRECTIONS, ranks, strict=True)}


def chance_p_values(
    ranks: RetrievalRanks, ks: Sequence[int] = (1, 5, 10), *, specimens: ArrayLike | None = None
) -> dict[str, dict[str, float]]:
    """One-sided p of recall above chance: the binomial tail at the effective number of queries.

    The lower limit of `retrieval_intervals` is no such test: where chance is 1 in 27, three hits of 27 put it
    above chance, which a blind ranking reaches in .08 of studies.

    Args:
        ranks: from `rank_matches` or `rank_within`.
        ks: cut-offs of recall.
        specimens: (queries,) whose each query is; None: each its own.

    Returns:
        Per direction a p for each `recall@k`.
    """
    owners = _owners(ranks, specimens)
    blind = query_measures(blind_counts(ranks.rgb_to_uv.gallery), ks)
    found: dict[str, dict[str, float]] = {}
    for direction, counts in zip(DIRECTIONS, ranks, strict=True):
        measures = query_measures(counts, ks)
        found[direction] = {
            name: _binomial_tail(
                float(measures[name].mean()),
                effective_queries(measures[name], owners, 1.0),
                float(blind[name].mean()),
            )
            for name in map(recall_name, ks)
        }
    return found


def _owners(ranks: RetrievalRanks, specimens: ArrayLike | None) -> Places:
    n = len(ranks.rgb_to_uv.gallery)
    return np.unique(np.arange(n) if specimens is None else specimens, return_inverse=True)[1]


def _binomial_tail(share: float, n: float, chance: float) -> float:
    """P(at least share·n successes of n) where each has the probability `chance`; n any positive number."""
    return float(scipy.stats.beta.cdf(chance, share * n, (1 - share) * n + 1)) if share > 0 else 1.0


def wilson_interval(share: float, n: float) -> list[float]:
    """95 % score interval of a proportion among n (Wilson 1927), n any positive number, as [low, high]."""
    z = float(scipy.stats.norm.isf(_TAIL))
    centre, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    low, high = ((centre + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    return [float(np.clip(low, 0, share)), float(np.clip(high, share, 1))]


def effective_queries(values: Floats, owners: Places, most_per_query: float) -> float:
    """How many independent yes-or-no answers tell the mean of `values` as well as these queries do.

    Args:
        values: (queries,) between 0 and 1.
        owners: (queries,) 0 … m−1, whose each is: the specimen is the unit.
        most_per_query: answers that a query may be worth. A measure with values between 0 and 1 is worth more
            than one, but few specimens can look more alike than they are; where all are 0, or all 1, each
            specimen counts as one query.
    """
    n, sizes = len(values), np.bincount(owners)
    m, mean = len(sizes), float(values.mean())
    spread = mean * (1 - mean)
    if spread <= 0 or m < 2:
        return m * most_per_query
    totals = np.bincount(owners, values) - sizes * mean
    variance = m / (m - 1) * float((totals**2).sum()) / n**2
    if variance == 0:
        return n * most_per_query
    fewer = scipy.stats.t.isf(_TAIL, n - 1) / scipy.stats.t.isf(_TAIL, m - 1)
    return min(float(n / (n - 1) * spread / variance * fewer**2), n * most_per_query)


def _intervals(counts: RankCounts, ks: Sequence[int], owners: Places) -> dict[str, list[float]]:
    measures = query_measures(counts, ks)
    ranks = measures.pop(RANK)
    worth = _blind_worth(counts, ks)
    found = {
        name: wilson_interval(float(values.mean()), effective_queries(values, owners, worth[name]))
        for name, values in measures.items()
    }
    found[MEDIAN_RANK] = _median_interval(ranks, owners)
    return {f"{name}_ci": interval for name, interval in found.items()}


def _blind_worth(counts: RankCounts, ks: Sequence[int]) -> dict[str, float]:
    """Per measure, variance of a proportion over that of a ranking that knows nothing, over the galleries."""
    sizes, queries = np.unique(counts.gallery, return_counts=True)
    weights = queries / queries.sum()
    blind: list[dict[str, Floats]] = []
    for size in sizes:
        every = RankCounts(np.arange(size), np.ones(size, np.int64), np.full(size, size))
        blind.append(query_measures(every, ks))
    worth = {}
    for name in blind[0]:
        mean = float(weights @ [one[name].mean() for one in blind])
        variance = float(weights @ [(one[name] ** 2).mean() for one in blind]) - mean**2
        worth[name] = mean * (1 - mean) / variance if variance > 0 else 1.0
    return worth


def _median_interval(ranks: Floats, owners: Places) -> list[float]:
    """The ranks at the limits of the share of queries below the median, rounded outward."""
    n, ordered = len(ranks), np.sort(ranks)
    is_below = (ranks <= np.median(ranks)).astype(np.float64)
    low, high = wilson_interval(0.5, effective_queries(is_below, owners, 1.0))
    first, last = max(int(np.floor(n * low)) - 1, 0), min(int(np.ceil(n * high)), n - 1)
    return [float(ordered[first]), float(ordered[last])]
