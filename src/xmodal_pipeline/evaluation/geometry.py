"""The shape of the embedding: how close pairs are, how evenly spread, how far apart the modalities lie."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.cosine import unit_rows
from xmodal_pipeline.evaluation.results import not_applicable
from xmodal_pipeline.evaluation.schema import ONE_MODALITY

Floats = NDArray[np.float64]

MAXIMUM_ROWS = 5000
"""Measures over all pairs of specimens use a seeded subsample of at most this many."""
_CHUNK_ROWS = 4096
"""Rows in float64 at once: 17 MB at 512 dimensions."""
_PAIR_ROWS = 256
"""Rows whose pairs are computed at once: 10 MB of cosines with 5,000 others."""
_UNIFORMITY_T = 2.0
"""t of Wang & Isola 2020, equation 2, as in their experiments."""


def geometry(rgb: ArrayLike | None, uv: ArrayLike | None, *, seed: int = 0) -> dict[str, Any]:
    """Pair distance, uniformity, modality gap and effective rank of unit-length embeddings.

    Args:
        rgb: (specimens, dim) embeddings of the first modality, or None for a variant without it.
        uv: (specimens, dim) of the second, rows in the same order, or None.
        seed: of the subsample of uniformity, where there are more than 5,000 rows; all else is of all rows.

    Returns:
        `n`, the specimens. `pair_distance`: mean squared distance of matching rows, 0 to 4 (alignment in Wang
        & Isola).
        `uniformity_rgb`, `uniformity_uv`: log mean exp(−2 d²) over distinct rows; 0 when collapsed, −3.93753
        for the uniform sphere in 128 dimensions. `modality_gap`: distance of the two mean vectors (Liang et
        al. 2022). `mean_cosine_matched`, `_unmatched`. `effective_rank_*`: exp of the entropy of the
        singular values after centring (Roy & Vetterli 2007). `spread_*`: SD per dimension times √dim, 0 when
        collapsed, 1 for the uniform sphere. What needs the missing modality is {"not_applicable": reason}.
    """
    sides = {name: _checked(side) for name, side in (("rgb", rgb), ("uv", uv)) if side is not None}
    if len(sides) == 2:
        result: dict[str, Any] = _between(sides["rgb"], sides["uv"])
    else:
        keys = ("pair_distance", "mean_cosine_matched", "mean_cosine_unmatched", "modality_gap")
        result = dict.fromkeys(keys, not_applicable(f"{ONE_MODALITY}: {', '.join(sides)}"))
    for name, side in sides.items():
        result[f"uniformity_{name}"] = uniformity(side, seed=seed)
        result[f"effective_rank_{name}"] = effective_rank(side)
        squares = sum((chunk**2).sum(0) for chunk in _centred_chunks(side))
        result[f"spread_{name}"] = float(np.sqrt((squares / len(side)).sum()))
    return result | {"n": max(map(len, sides.values()), default=0)}


def uniformity(embeddings: ArrayLike, *, seed: int = 0) -> float:
    """Log of the mean of exp(−2‖x−y‖²) over distinct rows of unit length (Wang & Isola 2020)."""
    x = unit_rows(subsample_rows(_checked(embeddings), seed=seed), np.float64)
    total = 0.0
    for start in range(0, len(x), _PAIR_ROWS):
        cosines = x[start : start + _PAIR_ROWS] @ x[start:].T
        squared = np.maximum(2 - 2 * cosines[np.triu_indices_from(cosines, 1)], 0)
        total += float(np.exp(-_UNIFORMITY_T * squared).sum())
    return float(np.log(total / (len(x) * (len(x) - 1) / 2)))


def effective_rank(embeddings: ArrayLike) -> float:
    """exp(entropy) of the normalised singular values of the centred rows of unit length; 1 when all alike."""
    # R of a QR decomposition has the singular values of the rows, to the last digits; those from the squared
    # matrix would lose half of them, and in hundreds of empty dimensions that adds up.
    x = _checked(embeddings)
    triangle = np.empty((0, x.shape[1]))
    for chunk in _centred_chunks(x):
        triangle = np.asarray(np.linalg.qr(np.vstack([triangle, chunk]), mode="r"))
    values = np.linalg.svd(triangle, compute_uv=False)
    values = values[values > 1e-12]
    if not len(values):
        return 1.0
    share = values / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def subsample_rows(rows: NDArray[Any], *, seed: int) -> NDArray[Any]:
    """At most `MAXIMUM_ROWS` rows, drawn without replacement, in their order."""
    if len(rows) <= MAXIMUM_ROWS:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), MAXIMUM_ROWS, replace=False)
    kept: NDArray[Any] = rows[np.sort(chosen)]
    return kept


def _between(rgb: NDArray[Any], uv: NDArray[Any]) -> dict[str, float]:
    n = len(rgb)
    matched, distance = 0.0, 0.0
    for a, b in zip(_unit_chunks(rgb), _unit_chunks(uv), strict=True):
        matched += float(np.einsum("ij,ij->i", a, b).sum())
        distance += float(((a - b) ** 2).sum())
    means = _mean(rgb), _mean(uv)
    every = n * n * float(means[0] @ means[1])
    return {
        "pair_distance": distance / n,
        "mean_cosine_matched": matched / n,
        "mean_cosine_unmatched": (every - matched) / (n * (n - 1)),
        "modality_gap": float(np.linalg.norm(means[0] - means[1])),
    }


def _checked(embeddings: ArrayLike) -> NDArray[Any]:
    x = np.asarray(embeddings)
    if x.ndim != 2 or len(x) < 2 or not np.isfinite(x).all():
        raise ValueError(
            f"geometry: embeddings must be a finite matrix with at least 2 rows, got shape {x.shape}; "
            "give one row per specimen"
        )
    return x


def _unit_chunks(rows: NDArray[Any]) -> Iterator[Floats]:
    return (
        unit_rows(rows[start : start + _CHUNK_ROWS], np.float64) for start in range(0, len(rows), _CHUNK_ROWS)
    )


def _centred_chunks(rows: NDArray[Any]) -> Iterator[Floats]:
    mean = _mean(rows)
    return (chunk - mean for chunk in _unit_chunks(rows))


def _mean(rows: NDArray[Any]) -> Floats:
    """Of the rows at unit length."""
    return np.asarray(sum(chunk.sum(0) for chunk in _unit_chunks(rows)) / len(rows))
