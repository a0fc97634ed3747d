"""UMAP of embeddings, fitted on training captures, with the numbers that say how far to trust it."""

import math
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.embeddings import subsample, unit_vectors
from xmodal_pipeline.reporting.style import NothingToDrawError

MINIMUM_ROWS: Final = 10
"""Fewer points have no neighbourhood structure to draw."""
FITTED: Final = "train"
"""The partition whose captures make a map; those of the others are placed on it."""
POOLED: Final = "pooled"
_NEIGHBOURS: Final = 15
"""Of trustworthiness; fewer where there are fewer than twice as many points."""


class MappedCaptures(NamedTuple):
    """Where captures lie: `capture_id, specimen_id, partition, modality, x, y, variant, space`, and trust."""

    coordinates: pd.DataFrame = pd.DataFrame()
    reason: str = ""
    """Why there are none, where there are none."""


def map_captures(
    params: ReportingParams, variants: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]
) -> MappedCaptures:
    """Maps of every variant: of each modality's features, and of both modalities' projections in one fit.

    Args:
        params: neighbours, minimal distance, seed and the largest number of captures.
        variants: embeddings and projections per variant that sees both modalities.
    """
    if not variants:
        return MappedCaptures(reason="no cross-modal variant was trained")
    try:
        drawn = [
            umap_coordinates(rows, params).assign(variant=variant, space=space)
            for variant, (embeddings, projections) in variants.items()
            for space, rows in _spaces(embeddings, projections).items()
        ]
    except NothingToDrawError as reason:
        return MappedCaptures(reason=str(reason))
    return MappedCaptures(pd.concat(drawn, ignore_index=True))


def _spaces(embeddings: pd.DataFrame, projections: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What has a map of its own: the features of each modality, and all projections."""
    own = {str(modality): rows for modality, rows in embeddings.groupby("modality", sort=False)}
    return own | {POOLED: projections[projections["modality"].isin(["rgb", "uv"])]}


def umap_coordinates(table: pd.DataFrame, params: ReportingParams) -> pd.DataFrame:
    """Two-dimensional UMAP of the rows of an embedding table, cosine distances, seeded.

    Training rows alone make the map; the others are placed on it, each for itself. Started from principal
    components, because the start decides the global layout (Kobak & Linderman 2021, Nature Biotechnology
    39:156). More than `max_points` captures are drawn as a seeded subsample.

    Args:
        table: rows of one modality, or of several that share a space.
        params: neighbours, minimal distance, seed and the largest number of captures.

    Returns:
        capture_id, specimen_id, partition, modality, x, y; and, the same on every row, trustworthiness (0 to
        1 over 15 neighbours; Venna & Kaski 2001) of the training rows, trustworthiness_placed of the others
        (their neighbours among training rows; NaN where there are none), and captures_in_all.

    Raises:
        NothingToDrawError: if there are fewer than ten training rows.
    """
    # A fit of both modalities has two rows per capture; trustworthiness compares all rows with all.
    rows_each = table["modality"].nunique()
    chosen = subsample(table, params.max_points // max(rows_each, 1), params.seed)
    is_fitted = (chosen["partition"] == FITTED).to_numpy()
    if is_fitted.sum() < MINIMUM_ROWS:
        raise NothingToDrawError(
            f"{is_fitted.sum()} points of training captures are too few for a UMAP (at least {MINIMUM_ROWS})"
        )
    # Imported here: scikit-learn takes a second that no other figure should pay.
    from sklearn.manifold import trustworthiness

    points = unit_vectors(chosen)
    fitted, new = points[is_fitted], points[~is_fitted]
    layout, placed = lay_out(fitted, new, params)
    xy = np.empty((len(points), 2), dtype=np.float32)
    xy[is_fitted], xy[~is_fitted] = layout, placed
    kept = min(_NEIGHBOURS, (len(fitted) - 1) // 2)
    return chosen[["capture_id", "specimen_id", "partition", "modality"]].assign(
        x=xy[:, 0],
        y=xy[:, 1],
        trustworthiness=float(trustworthiness(fitted, layout, n_neighbors=kept, metric="cosine")),
        trustworthiness_placed=trustworthiness_of_placed(new, fitted, placed, layout),
        captures_in_all=table["capture_id"].nunique(),
    )


def lay_out(
    fitted: NDArray[np.float32], new: NDArray[np.float32], params: ReportingParams
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """UMAP by cosine distance from exact neighbours, and where new points lie on it.

    Fitted points stay where they are. UMAP scales memberships by the largest of a batch; a fitted point goes
    along, whose membership of itself is 1, the largest there can be: so no new point moves another.

    Args:
        fitted: (n, D).
        new: (m, D).
        params: neighbours, minimal distance and seed.

    Returns:
        (n, 2) and (m, 2).
    """
    n, neighbours = len(fitted), min(params.umap_neighbours, len(fitted) - 1)
    nearest, distances = nearest_by_cosine(fitted, fitted, neighbours)
    # Imported here: it takes seconds to import, which no other figure should pay.
    with warnings.catch_warnings():
        # It says that Tensorflow is missing, that a seed costs it its threads, and what distances it expects.
        warnings.simplefilter("ignore")
        from umap import UMAP, layouts, umap_

        for module in (umap_, layouts):
            _keep_compiled(module)
        mapper = UMAP(
            n_neighbors=neighbours,
            min_dist=params.umap_min_dist,
            metric="precomputed",
            precomputed_knn=(nearest, distances, None),
            init=_start(fitted, params.seed),
            random_state=params.seed,
            transform_seed=params.seed,
        )
        # Of the distances themselves only the shape is read where the neighbours are given.
        nothing = csr_matrix((np.empty(0, np.float32), np.empty((2, 0), np.int64)), shape=(n, n))
        layout = np.array(mapper.fit_transform(nothing), dtype=np.float32)
        if not len(new):
            return layout, np.empty((0, 2), dtype=np.float32)
        batch = np.concatenate([new, fitted[:1]])
        nearest, distances = nearest_by_cosine(batch, fitted, neighbours)
        distances[-1, 0] = 0  # which rounding may miss
        rows = np.arange(0, nearest.size + 1, neighbours)
        placed = mapper.transform(
            csr_matrix((distances.ravel(), nearest.ravel(), rows), shape=(len(batch), n))
        )
    return layout, np.asarray(placed[:-1], dtype=np.float32)


def _keep_compiled(module: ModuleType) -> None:
    """Have numba keep what it compiles of a module, as pynndescent does: 15 s of every later process."""
    from numba.extending import is_jitted

    for function in vars(module).values():
        if is_jitted(function) and function.py_func.__module__ == module.__name__:
            function.enable_caching()


def _start(points: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Principal components up to 10, with the noise that parts equal points, as UMAP's own start has it."""
    from sklearn.decomposition import PCA

    components = PCA(2, random_state=seed).fit_transform(points)
    largest = max(float(np.abs(components).max()), 1e-12)
    noise = np.random.default_rng(seed).normal(scale=1e-4, size=components.shape)
    start: NDArray[np.float32] = (components * (10 / largest) + noise).astype(np.float32)
    return start


def nearest_by_cosine(
    points: NDArray[np.float32], among: NDArray[np.float32], neighbours: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
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
    return nearest, distances.astype(np.float32)


def trustworthiness_of_placed(
    new: NDArray[np.float32],
    fitted: NDArray[np.float32],
    placed: NDArray[np.float32],
    layout: NDArray[np.float32],
) -> float:
    """How far the fitted points around a placed point are its own neighbours, 0 to 1.

    Venna & Kaski's measure (2001) with the neighbours of new points sought among fitted points.

    Args:
        new: (m, D).
        fitted: (n, D).
        placed: (m, 2), where `new` were placed.
        layout: (n, 2), of `fitted`.

    Returns:
        1 where every neighbour on the map is a neighbour by cosine distance too; NaN without new points.
    """
    if not len(new):
        return math.nan
    from sklearn.neighbors import NearestNeighbors

    m, n = len(new), len(fitted)
    kept = min(_NEIGHBOURS, (n - 1) // 2)
    order, _ = nearest_by_cosine(new, fitted, n)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, n + 1)[None], axis=1)
    around = NearestNeighbors(n_neighbors=kept).fit(layout).kneighbors(placed, return_distance=False)
    beyond = np.maximum(np.take_along_axis(ranks, around, axis=1) - kept, 0).sum()
    return float(1 - 2 * beyond / (m * kept * (2 * n - 3 * kept + 1)))
