"""UMAP from exact neighbours, without what umap-learn compiles anew in every process.

Of the 18 s that `UMAP.fit` takes before its first epoch, 17 compile its neighbour search and its fuzzy graph.
For the few thousand points of a figure both are a few NumPy lines; the layout is umap-learn's own.
"""

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_STEPS: Final = 64
_SMALLEST_BANDWIDTH: Final = 1e-3
"""Of a point, as a share of its mean distance to its neighbours. Both constants are umap-learn's."""


def lay_out(
    points: NDArray[np.float32], *, neighbours: int, min_dist: float, seed: int
) -> NDArray[np.float32]:
    """Two-dimensional UMAP by cosine distance, started from principal components.

    Args:
        points: (n, D).
        neighbours: per point, itself included; at most n.
        min_dist: smallest distance between neighbours in the layout.
        seed: of the negative samples.

    Returns:
        (n, 2).
    """
    # Imported here: umap takes seconds to import, which no other figure should pay. It mentions a missing
    # Tensorflow, which only its parametric form needs.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        from umap.umap_ import find_ab_params, simplicial_set_embedding

    a, b = find_ab_params(1.0, min_dist)
    layout, _ = simplicial_set_embedding(
        data=points,
        graph=fuzzy_graph(*nearest_by_cosine(points, neighbours)),
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=None,
        init="pca",
        random_state=np.random.RandomState(seed),
        metric="cosine",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
    )
    return np.asarray(layout, dtype=np.float32)


def nearest_by_cosine(
    points: NDArray[np.float32], neighbours: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The nearest points of each point, itself first, and their cosine distances; (n, neighbours) each."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=neighbours, metric="cosine", algorithm="brute").fit(points)
    distances, nearest = search.kneighbors(points)
    return nearest, distances


def fuzzy_graph(nearest: NDArray[np.intp], distances: NDArray[np.float64]) -> csr_array:
    """The fuzzy union of every point's neighbourhood (McInnes, Healy & Melville 2018, arXiv:1802.03426).

    Args:
        nearest: (n, k) rows of the nearest points, the point itself among them.
        distances: (n, k), ascending.

    Returns:
        (n, n), symmetric: the membership strength of each edge.
    """
    reach = np.where(distances > 0, distances, np.inf).min(axis=1)
    reach = np.where(np.isfinite(reach), reach, 0.0)
    beyond = np.maximum(distances - reach[:, None], 0)
    strength = np.exp(-beyond / _bandwidths(beyond, distances, reach)[:, None])
    n, k = nearest.shape
    rows = np.repeat(np.arange(n), k)
    strength[nearest == np.arange(n)[:, None]] = 0
    directed = csr_array((strength.ravel(), (rows, nearest.ravel())), shape=(n, n))
    union: csr_array = (directed + directed.T - directed * directed.T).tocsr()
    union.eliminate_zeros()
    return union


def _bandwidths(
    beyond: NDArray[np.float64], distances: NDArray[np.float64], reach: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Per point, the bandwidth at which its memberships sum to log2(k), by bisection."""
    target = np.log2(distances.shape[1])
    low, high = np.zeros(len(beyond)), np.full(len(beyond), np.inf)
    middle = np.ones(len(beyond))
    for _ in range(_STEPS):
        is_wide = np.exp(-beyond[:, 1:] / middle[:, None]).sum(axis=1) > target
        high, low = np.where(is_wide, middle, high), np.where(is_wide, low, middle)
        middle = np.where(np.isfinite(high), (low + np.minimum(high, np.finfo(float).max)) / 2, middle * 2)
    typical = np.where(reach > 0, distances.mean(axis=1), distances.mean())
    smallest = np.maximum(_SMALLEST_BANDWIDTH * typical, np.finfo(float).tiny)
    bandwidths: NDArray[np.float64] = np.maximum(middle, smallest)
    return bandwidths
