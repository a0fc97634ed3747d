"""Bootstrap weights: how often each row is drawn when whole clusters are resampled within strata."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Weights = NDArray[np.uint8]
"""Bytes: a float per row and resample would take 1.6 GB at 100,000 rows and 2,000 resamples. No cluster is
drawn more than 255 times: among m > 255 the chance of that is below 1/255!."""

_BLOCK_ELEMENTS = 2_000_000
"""Weights held at once as 8-byte numbers: 16 MB."""


def bootstrap_weights(
    clusters: ArrayLike, strata: ArrayLike | None, bootstraps: int, *, seed: int
) -> Weights:
    """Draw clusters with replacement, as many as there are, within each stratum.

    Args:
        clusters: (n,) what is drawn as one: the specimen.
        strata: (n,) each stratum keeps its number of clusters; a cluster belongs to the stratum of its
            first row. None: one stratum.
        bootstraps: number of resamples.
        seed: of the draws.

    Returns:
        (bootstraps, n) uint8: how often each row's cluster was drawn. For arithmetic see `float_blocks`.
    """
    rng = np.random.default_rng(seed)
    _, first, cluster = np.unique(np.asarray(clusters), return_index=True, return_inverse=True)
    stratum = (
        np.zeros(len(first), int) if strata is None else np.unique(strata, return_inverse=True)[1][first]
    )
    weights = np.empty((bootstraps, len(cluster)), np.uint8)
    place = np.empty(len(first), int)
    for s in np.unique(stratum):
        members = np.flatnonzero(stratum == s)
        place[members] = np.arange(len(members))
        rows = np.flatnonzero(stratum[cluster] == s)
        for block in _blocks(bootstraps, len(members)):
            drawn = rng.multinomial(
                len(members), np.full(len(members), 1 / len(members)), block.stop - block.start
            )
            weights[block, rows] = drawn.astype(np.uint8)[:, place[cluster[rows]]]
    return weights


def float_blocks(weights: Weights) -> Iterator[Floats]:
    """Some resamples after the other, (some, n) each, as float64: all at once would not fit in memory."""
    for block in _blocks(*weights.shape):
        yield weights[block].astype(np.float64)


def percentile_interval(values: Floats, level: float = 0.95) -> list[float]:
    """The central interval of bootstrap values as [low, high]."""
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return [float(low), float(high)]


def _blocks(resamples: int, width: int) -> Iterator[slice]:
    step = max(1, _BLOCK_ELEMENTS // max(width, 1))
    return (slice(start, min(start + step, resamples)) for start in range(0, resamples, step))
