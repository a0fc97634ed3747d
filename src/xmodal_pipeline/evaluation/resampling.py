"""Bootstrap weights: how often each row is drawn when whole clusters are resampled within strata."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def bootstrap_weights(clusters: ArrayLike, strata: ArrayLike | None, bootstraps: int, *, seed: int) -> Floats:
    """Draw clusters with replacement, as many as there are, within each stratum.

    Args:
        clusters: (n,) what is drawn as one: the specimen.
        strata: (n,) each stratum keeps its number of clusters; a cluster belongs to the stratum of its
            first row. None: one stratum.
        bootstraps: number of resamples.
        seed: of the draws.

    Returns:
        (bootstraps, n): how often each row's cluster was drawn.
    """
    rng = np.random.default_rng(seed)
    _, first, cluster = np.unique(np.asarray(clusters), return_index=True, return_inverse=True)
    stratum = (
        np.zeros(len(first), int) if strata is None else np.unique(strata, return_inverse=True)[1][first]
    )
    drawn = np.empty((bootstraps, len(first)))
    for s in np.unique(stratum):
        members = np.flatnonzero(stratum == s)
        drawn[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), bootstraps)
    return drawn[:, cluster]


def percentile_interval(values: Floats, level: float = 0.95) -> list[float]:
    """The central interval of bootstrap values as [low, high]."""
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return [float(low), float(high)]
