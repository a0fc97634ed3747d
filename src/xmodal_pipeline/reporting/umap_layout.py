"""UMAP from exact neighbours, without what umap-learn compiles anew in every process.

Of the 18 s that `UMAP.fit` takes before its first epoch, 17 compile its neighbour search and its fuzzy graph.
For the few thousand points of a figure both are a few NumPy lines; the layout is umap-learn's own.
"""

import warnings
from types import ModuleType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix

_STEPS: Final = 64
_SMALLEST_BANDWIDTH: Final = 1e-3
"""Of a point, as a share of its mean distance to its neighbours."""
_PLACING_EPOCHS: Final = 100
_PLACING_RATE: Final = 0.25
"""All four constants are umap-learn's."""


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
    umap = _import_umap()
    a, b = umap.find_ab_params(1.0, min_dist)
    layout, _ = umap.simplicial_set_embedding(
        data=points,
        graph=fuzzy_graph(*nearest_by_cosine(points, points, neighbours)),
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


def place(
    new: NDArray[np.float32],
    fitted: NDArray[np.float32],
    layout: NDArray[np.float32],
    *,
    neighbours: int,
    min_dist: float,
    seed: int,
) -> NDArray[np.float32]:
    """Put new points on a finished layout, each as umap-learn's `transform` would place it alone.

    A point starts at the mean of its nearest fitted points, weighted by membership; then umap-learn moves it
    against the fitted points, which stay. `transform` scales memberships by the largest of its batch; here
    the scale is each point's own, so that no placed point depends on another.

    Args:
        new: (m, D).
        fitted: (n, D), the points of the layout.
        layout: (n, 2), of `lay_out`.
        neighbours: as given to `lay_out`.
        min_dist: as given to `lay_out`.
        seed: of the negative samples.

    Returns:
        (m, 2).
    """
    umap = _import_umap()
    nearest, distances = nearest_by_cosine(new, fitted, neighbours)
    strength = placing_strength(distances)
    m, k = nearest.shape
    memberships = csr_matrix(
        (strength.ravel(), nearest.ravel(), np.arange(0, m * k + 1, k)), shape=(m, len(fitted))
    )
    share = strength / strength.max(axis=1, keepdims=True)
    edges = np.flatnonzero(share >= 1 / _PLACING_EPOCHS)
    a, b = umap.find_ab_params(1.0, min_dist)
    placed = umap.optimize_layout_euclidean(
        umap.init_graph_transform(memberships, layout),
        layout.copy(),
        edges // k,
        nearest.ravel()[edges],
        _PLACING_EPOCHS,
        len(fitted),
        umap.make_epochs_per_sample(share.ravel()[edges], _PLACING_EPOCHS),
        a,
        b,
        np.random.RandomState(seed).randint(umap.INT32_MIN, umap.INT32_MAX, 3).astype(np.int64),
        initial_alpha=_PLACING_RATE,
        negative_sample_rate=5,
        move_other=False,
    )
    return np.asarray(placed, dtype=np.float32)


def _import_umap() -> ModuleType:
    # Imported here: umap takes seconds to import, which no other figure should pay. It mentions a missing
    # Tensorflow, which only its parametric form needs.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        from umap import umap_
    module: ModuleType = umap_
    return module


def nearest_by_cosine(
    points: NDArray[np.float32], among: NDArray[np.float32], neighbours: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Of each point, the rows of `among` nearest to it and their cosine distances, ascending.

    Args:
        points: (n, D).
        among: (m, D); where it is `points`, each point comes first among its own neighbours.
        neighbours: at most m.

    Returns:
        (n, neighbours) each.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=neighbours, metric="cosine", algorithm="brute").fit(among)
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
    typical = np.where(reach > 0, distances.mean(axis=1), distances.mean())
    strength = np.exp(-beyond / _bandwidths(beyond, typical)[:, None])
    n, k = nearest.shape
    rows = np.repeat(np.arange(n), k)
    strength[nearest == np.arange(n)[:, None]] = 0
    directed = csr_array((strength.ravel(), (rows, nearest.ravel())), shape=(n, n))
    union: csr_array = (directed + directed.T - directed * directed.T).tocsr()
    union.eliminate_zeros()
    return union


def placing_strength(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """How strongly each new point belongs to its nearest fitted points, by their distances; (m, k) both."""
    return np.exp(-distances / _bandwidths(distances, distances.mean(axis=1))[:, None])


def _bandwidths(beyond: NDArray[np.float64], typical: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per point, the bandwidth at which its memberships sum to log2(k), by bisection."""
    target = np.log2(beyond.shape[1])
    low, high = np.zeros(len(beyond)), np.full(len(beyond), np.inf)
    middle = np.ones(len(beyond))
    for _ in range(_STEPS):
        is_wide = np.exp(-beyond[:, 1:] / middle[:, None]).sum(axis=1) > target
        high, low = np.where(is_wide, middle, high), np.where(is_wide, low, middle)
        middle = np.where(np.isfinite(high), (low + np.minimum(high, np.finfo(float).max)) / 2, middle * 2)
    smallest = np.maximum(_SMALLEST_BANDWIDTH * typical, np.finfo(float).tiny)
    bandwidths: NDArray[np.float64] = np.maximum(middle, smallest)
    return bandwidths
