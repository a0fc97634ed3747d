"""UMAP coordinates of embeddings, with the number that says how far to trust them."""

import re
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.umap_layout import lay_out

MINIMUM_ROWS: Final = 10
"""Fewer points have no neighbourhood structure to draw."""
POOLED: Final = "pooled"


def vectors(table: pd.DataFrame) -> NDArray[np.float32]:
    """(rows, D): the columns x1 … xD of an embedding table, in numeric order."""
    columns = sorted(
        (c for c in table.columns if re.fullmatch(r"x\d+", str(c))), key=lambda c: int(str(c)[1:])
    )
    return table[columns].to_numpy(dtype=np.float32)


def umap_coordinates(table: pd.DataFrame, params: ReportingParams) -> pd.DataFrame:
    """Two-dimensional UMAP of the rows of an embedding table, cosine distances, seeded.

    Started from principal components, because the start decides the global layout (Kobak & Linderman 2021,
    Nature Biotechnology 39:156). More than `max_points` captures are drawn as a seeded subsample.

    Args:
        table: rows of one modality, or of several that share a space.
        params: neighbours, minimal distance, seed and the largest number of captures.

    Returns:
        capture_id, specimen_id, modality, x, y; and, the same on every row, trustworthiness (0 to 1 over 15
        neighbours; Venna & Kaski 2001), captures_shown and captures_in_all.

    Raises:
        NothingToDrawError: if there are fewer than ten rows.
    """
    # A fit of both modalities has two rows per capture; trustworthiness compares all rows with all.
    rows_each = table["modality"].nunique()
    chosen = subsample(table, params.max_points // max(rows_each, 1), params.seed)
    if len(chosen) < MINIMUM_ROWS:
        raise NothingToDrawError(f"{len(chosen)} points are too few for a UMAP (at least {MINIMUM_ROWS})")
    # Imported here: scikit-learn takes a second that no other figure should pay.
    from sklearn.manifold import trustworthiness

    points = vectors(chosen)
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    xy = lay_out(
        points,
        neighbours=min(params.umap_neighbours, len(points) - 1),
        min_dist=params.umap_min_dist,
        seed=params.seed,
    )
    neighbours = min(15, (len(points) - 1) // 2)
    return chosen[["capture_id", "specimen_id", "modality"]].assign(
        x=xy[:, 0],
        y=xy[:, 1],
        trustworthiness=float(trustworthiness(points, xy, n_neighbors=neighbours, metric="cosine")),
        captures_shown=chosen["capture_id"].nunique(),
        captures_in_all=table["capture_id"].nunique(),
    )


def umap_spaces(embeddings: pd.DataFrame, projections: pd.DataFrame, params: ReportingParams) -> pd.DataFrame:
    """`umap_coordinates` of each modality's features, and of both modalities' projections in one fit.

    Args:
        embeddings: a variant's features.
        projections: the same variant's projections; with fewer than two modalities there is no pooled fit.
        params: as for `umap_coordinates`.

    Returns:
        The coordinates with a column `space`: rgb, uv, joint or pooled.

    Raises:
        NothingToDrawError: if there are fewer than ten captures.
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
