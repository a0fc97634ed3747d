"""UMAP of embeddings, fitted on training captures, with the numbers that say how far to trust it."""

import re
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.umap_layout import lay_out, nearest_by_cosine, place

MINIMUM_ROWS: Final = 10
"""Fewer points have no neighbourhood structure to draw."""
FITTED: Final = "train"
"""The partition whose captures make a map; those of the others are placed on it."""
_NEIGHBOURS: Final = 15
"""Of trustworthiness; fewer where there are fewer than twice as many points."""
POOLED: Final = "pooled"


def vectors(table: pd.DataFrame) -> NDArray[np.float32]:
    """(rows, D): the columns x1 … xD of an embedding table, in numeric order."""
    columns = sorted(
        (c for c in table.columns if re.fullmatch(r"x\d+", str(c))), key=lambda c: int(str(c)[1:])
    )
    return table[columns].to_numpy(dtype=np.float32)


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

    points = vectors(chosen)
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    fitted, new = points[is_fitted], points[~is_fitted]
    neighbours, min_dist = min(params.umap_neighbours, len(fitted) - 1), params.umap_min_dist
    layout = lay_out(fitted, neighbours=neighbours, min_dist=min_dist, seed=params.seed)
    xy = np.empty((len(points), 2), dtype=np.float32)
    xy[is_fitted] = layout
    trust_placed = np.nan
    if len(new):
        placed = place(new, fitted, layout, neighbours=neighbours, min_dist=min_dist, seed=params.seed)
        xy[~is_fitted] = placed
        trust_placed = trustworthiness_of_placed(new, fitted, placed, layout)
    kept = min(_NEIGHBOURS, (len(fitted) - 1) // 2)
    return chosen[["capture_id", "specimen_id", "partition", "modality"]].assign(
        x=xy[:, 0],
        y=xy[:, 1],
        trustworthiness=float(trustworthiness(fitted, layout, n_neighbors=kept, metric="cosine")),
        trustworthiness_placed=trust_placed,
        captures_in_all=table["capture_id"].nunique(),
    )


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
        1 where every neighbour on the map is a neighbour by cosine distance too.
    """
    from sklearn.neighbors import NearestNeighbors

    m, n = len(new), len(fitted)
    kept = min(_NEIGHBOURS, (n - 1) // 2)
    order, _ = nearest_by_cosine(new, fitted, n)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, n + 1)[None], axis=1)
    around = NearestNeighbors(n_neighbors=kept).fit(layout).kneighbors(placed, return_distance=False)
    beyond = np.maximum(np.take_along_axis(ranks, around, axis=1) - kept, 0).sum()
    return float(1 - 2 * beyond / (m * kept * (2 * n - 3 * kept + 1)))


def umap_spaces(embeddings: pd.DataFrame, projections: pd.DataFrame, params: ReportingParams) -> pd.DataFrame:
    """`umap_coordinates` of each modality's features, and of both modalities' projections in one fit.

    Args:
        embeddings: a variant's features.
        projections: the same variant's projections; with fewer than two modalities there is no pooled fit.
        params: as for `umap_coordinates`.

    Returns:
        The coordinates with a column `space`: rgb, uv, joint or pooled.

    Raises:
        NothingToDrawError: if there are fewer than ten training captures.
    """
    spaces = {str(modality): rows for modality, rows in embeddings.groupby("modality", sort=False)}
    paired = projections[projections["modality"].isin(["rgb", "uv"])]
    if paired["modality"].nunique() == 2:
        spaces[POOLED] = paired
    drawn = [umap_coordinates(rows, params).assign(space=space) for space, rows in spaces.items()]
    if not drawn:
        raise NothingToDrawError("no embedding was computed")
    return pd.concat(drawn, ignore_index=True)


def subsample(table: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """The rows of at most `most` captures, chosen by seed, in the table's order."""
    captures = table["capture_id"].unique()
    if len(captures) <= most:
        return table
    chosen = np.random.default_rng(seed).choice(len(captures), size=most, replace=False)
    return table[table["capture_id"].isin(captures[chosen])]
