"""Measures of retrieval from counts of better and equal competitors, expected over random orders of ties."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

RANK, MEDIAN_RANK = "rank", "median_rank"
"""Of the measures of a query, ranks alone are summarised by their median."""
PAIRWISE = "pairwise"


class RankCounts(NamedTuple):
    """Where the match of each query stands; one entry per query."""

    better: Integers
    """Competitors strictly more similar to the query than its match."""
    tied: Integers
    """Candidates as similar as the match, the match included: at least 1."""
    gallery: Integers
    """Candidates in the query's gallery, the match included."""

    def select(self, rows: NDArray[np.bool_] | Integers) -> "RankCounts":
        """The counts of some queries."""
        return RankCounts(self.better[rows], self.tied[rows], self.gallery[rows])


def blind_counts(gallery: Integers, tied: Integers | None = None) -> RankCounts:
    """Counts of a ranking that knows nothing, or only a set of `tied` candidates that holds the match."""
    return RankCounts(np.zeros_like(gallery), gallery if tied is None else tied, gallery)


def recall_name(k: int) -> str:
    """What recall at k is called."""
    return f"recall@{k}"


def query_measures(counts: RankCounts, ks: Sequence[int]) -> dict[str, Floats]:
    """Each measure per query, expected over random orders of the tied candidates.

    With g better and t tied candidates of N: recall@k is clip((k−g)/t, 0, 1), the reciprocal rank
    (H(g+t)−H(g))/t with harmonic numbers H, the rank g+(t+1)/2, and the probability that the match is above
    a random non-match 1−(g+(t−1)/2)/(N−1).

    Returns:
        `recall@k` for each k, `rank`, `mrr`, `pairwise` (NaN for a gallery of one).
    """
    better, tied, gallery = counts
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, max(gallery.max(initial=1), 1) + 1))])
    others = np.where(gallery > 1, gallery - 1, 1)
    pairwise = np.where(gallery > 1, 1 - (better + (tied - 1) / 2) / others, np.nan)
    return {recall_name(k): np.clip((k - better) / tied, 0, 1) for k in ks} | {
        RANK: better + (tied + 1) / 2,
        "mrr": (harmonic[better + tied] - harmonic[better]) / tied,
        PAIRWISE: pairwise,
    }


def summarise(counts: RankCounts, ks: Sequence[int]) -> dict[str, float]:
    """Means over queries, and the median of their ranks: `recall@k`, `median_rank`, `mrr`, `pairwise`."""
    return {
        MEDIAN_RANK if name == RANK else name: float(np.median(values) if name == RANK else values.mean())
        for name, values in query_measures(counts, ks).items()
    }
