"""Does one modality find the other? Exact cross-modal retrieval in chunks, with ties in expectation."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.cosine import unit_rows
from xmodal_pipeline.evaluation.finite import require_finite
from xmodal_pipeline.evaluation.ranks import (
    Integers,
    RankCounts,
    blind_counts,
    summarise,
)
from xmodal_pipeline.evaluation.results import Cell, too_few
from xmodal_pipeline.evaluation.schema import DIRECTIONS

_TILE_ROWS = 250
"""At most 255, because competitors are counted in bytes."""
_TILE_COLUMNS = 8192
"""250 × 8192 float32 is 8 MB: fits the last-level cache of common machines; fastest of 4096, 8192, 20000."""
_TOLERANCE = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-12}
"""Cosines closer than this are ties: a few times what rounding does to a dot product of unit vectors."""


class RetrievalRanks(NamedTuple):
    """Counts per query in both directions; row i of both is the same specimen."""

    rgb_to_uv: RankCounts
    uv_to_rgb: RankCounts


def retrieval(
    rgb: ArrayLike, uv: ArrayLike, ks: Sequence[int] = (1, 5, 10), groups: ArrayLike | None = None
) -> dict[str, Any]:
    """Recall@k, median rank, MRR and pairwise probability of finding the matching row, both ways.

    Candidates are ranked by cosine similarity; a zero vector has similarity 0 with everything. Float64 input
    is compared in float64, all else in float32. Ties count by expectation over their random orders, so a
    collapsed embedding scores exactly chance.

    Args:
        rgb: (specimens, dim) embeddings of the first modality.
        uv: (specimens, dim) of the second; row i is the specimen of row i of `rgb`.
        ks: cut-offs of recall.
        groups: (specimens,) a class such as species; missing (None, NaN) means unlabelled.

    Returns:
        `rgb_to_uv` and `uv_to_rgb`: `recall@k`, `median_rank`, `mrr`, `pairwise` = P(the match is above a
        random non-match, whatever the size of the gallery); `chance` with the same keys; `n`. With groups
        also `within_groups` (the same, galleries of the query's own group) and `group_oracle` (what knowing
        only the group reaches), or {"not_applicable": reason}.

    Raises:
        ValueError: if the arrays are not two equally shaped, finite matrices of at least two rows.
    """
    rgb, uv = _paired(rgb, uv)
    result = describe_ranks(rank_matches(rgb, uv), ks)
    if groups is None:
        return result
    within = rank_within(rgb, uv, groups)
    result["within_groups"] = describe_ranks(within, ks) if within else too_few("no group has two specimens")
    result["group_oracle"] = group_oracle(groups, ks)
    return result


def rank_matches(rgb: ArrayLike, uv: ArrayLike) -> RetrievalRanks:
    """Count, for every query, the competitors above and level with its match.

    One pass over tiles of the similarity matrix serves both directions. The match is taken out of each tile,
    so that rounding can never make it its own competitor.
    """
    rgb, uv = _paired(rgb, uv)
    dtype = np.float64 if rgb.dtype == np.float64 else np.float32
    a, b = (unit_rows(side, dtype) for side in (rgb, uv))
    n, tolerance = len(a), _TOLERANCE[a.dtype]
    match = np.einsum("ij,ij->i", a, b, dtype=np.float64).astype(a.dtype)
    above, level = match + tolerance, match - tolerance
    counts = np.zeros((4, n), np.int64)
    for i in range(0, n, _TILE_ROWS):
        rows = slice(i, min(i + _TILE_ROWS, n))
        for j in range(0, n, _TILE_COLUMNS):
            columns = slice(j, min(j + _TILE_COLUMNS, n))
            tile = a[rows] @ b[columns].T
            inside = np.arange(max(rows.start, columns.start), min(rows.stop, columns.stop))
            tile[inside - i, inside - j] = -2  # below every cosine
            counts[0, rows] += _count_rows(tile > above[rows, None])
            counts[1, rows] += _count_rows(tile >= level[rows, None])
            counts[2, columns] += _count_columns(tile > above[None, columns])
            counts[3, columns] += _count_columns(tile >= level[None, columns])
    gallery = np.full(n, n)
    return RetrievalRanks(
        RankCounts(counts[0], counts[1] - counts[0] + 1, gallery),
        RankCounts(counts[2], counts[3] - counts[2] + 1, gallery),
    )


def rank_within(rgb: ArrayLike, uv: ArrayLike, groups: ArrayLike) -> RetrievalRanks | None:
    """`rank_matches` with galleries restricted to the query's group.

    Returns:
        Counts of the queries in groups of two or more, in row order; None if there is no such group.
    """
    rgb, uv = _paired(rgb, uv)
    codes = group_codes(groups, len(rgb))
    sizes = np.bincount(codes + 1)[1:]
    counts = np.zeros((2, 3, len(rgb)), np.int64)
    for code in np.flatnonzero(sizes > 1):
        rows = np.flatnonzero(codes == code)
        for side, part in enumerate(rank_matches(rgb[rows], uv[rows])):
            counts[side][:, rows] = part
    kept = counts[0, 2] > 0
    if not kept.any():
        return None
    return RetrievalRanks(*(RankCounts(*side).select(kept) for side in counts))


def describe_ranks(ranks: RetrievalRanks, ks: Sequence[int]) -> dict[str, Any]:
    """Both directions, chance over the same galleries, and the number of queries."""
    measures = {name: summarise(counts, ks) for name, counts in zip(DIRECTIONS, ranks, strict=True)}
    return {
        **measures,
        "chance": summarise(blind_counts(ranks.rgb_to_uv.gallery), ks),
        "n": len(ranks.rgb_to_uv.gallery),
    }


def group_oracle(groups: ArrayLike, ks: Sequence[int] = (1, 5, 10)) -> Cell:
    """What retrieval reaches that knows the group of every specimen and nothing else, in expectation.

    The query's group comes first in random order, then the rest; averaged over the labelled queries.
    """
    codes = group_codes(groups, None)
    known = codes[codes >= 0]
    if not len(known):
        return too_few("no specimen has a group")
    sizes = np.bincount(known)[known]
    gallery = np.full(len(known), len(codes))
    return summarise(blind_counts(gallery, sizes), ks) | {"n": len(known)}


def group_codes(groups: ArrayLike, n: int | None) -> Integers:
    """Groups as 0 … k−1, and −1 where missing.

    Raises:
        ValueError: if there are not `n` of them.
    """
    codes = pd.factorize(np.asarray(groups, dtype=object))[0]
    if n is not None and len(codes) != n:
        raise ValueError(f"evaluation: groups must have one entry per row ({n}), got {len(codes)}")
    return codes.astype(np.int64)


def specimen_codes(specimens: ArrayLike, n: int, where: str, name: str) -> Integers:
    """Specimens as 0 … m−1 in order of appearance; each row must have one, or strangers would be one.

    Raises:
        ValueError: if there are not `n` of them, or one is missing.
    """
    codes = group_codes(specimens, n)
    unknown = np.flatnonzero(codes < 0)
    if len(unknown):
        raise ValueError(
            f"{where}: {name} must name the specimen of every row, got a missing value in {len(unknown)} "
            f"row(s), the first {unknown[0]}; name them, or leave these rows out"
        )
    return codes


def _paired(rgb: ArrayLike, uv: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    rgb, uv = np.asarray(rgb), np.asarray(uv)
    if rgb.ndim != 2 or rgb.shape != uv.shape or len(rgb) < 2:
        raise ValueError(
            "retrieval: rgb and uv must be matrices of one shape with at least 2 rows, "
            f"got {rgb.shape} and {uv.shape}; give one row per specimen in the same order"
        )
    for name, side in (("rgb", rgb), ("uv", uv)):
        require_finite(side, "retrieval", name)
    return rgb, uv


def _count_rows(is_counted: NDArray[np.bool_]) -> list[int]:
    return [int(np.count_nonzero(row)) for row in is_counted]


def _count_columns(is_counted: NDArray[np.bool_]) -> NDArray[np.uint8]:
    counts: NDArray[np.uint8] = np.add.reduce(is_counted.view(np.uint8), axis=0, dtype=np.uint8)
    return counts
