"""The shape of the embedding: how close pairs are, how evenly spread, how far apart the modalities lie."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from xmodal_pipeline.evaluation.cells import not_applicable

Floats = NDArray[np.float64]

MAXIMUM_ROWS = 5000
"""Measures over all pairs of specimens use a seeded subsample of at most this many."""
_UNIFORMITY_T = 2.0
"""t of Wang & Isola 2020, equation 2, as in their experiments."""


def geometry(rgb: ArrayLike | None, uv: ArrayLike | None, *, seed: int = 0) -> dict[str, Any]:
    """Pair distance, uniformity, modality gap and effective rank of unit-length embeddings.

    Args:
        rgb: (specimens, dim) embeddings of the first modality, or None for a variant without it.
        uv: (specimens, dim) of the second, rows in the same order, or None.
        seed: of the subsample, where there are more than 5,000 rows.

    Returns:
        `n`, the specimens. `pair_distance`: mean squared distance of matching rows, 0 to 4 (alignment in Wang
        & Isola).
        `uniformity_rgb`, `uniformity_uv`: log mean exp(−2 d²) over distinct rows; 0 when collapsed, −3.93753
        for the uniform sphere in 128 dimensions. `modality_gap`: distance of the two mean vectors (Liang et
        al. 2022). `mean_cosine_matched`, `_unmatched`. `effective_rank_*`: exp of the entropy of the
        singular values after centring (Roy & Vetterli 2007). `spread_*`: SD per dimension times √dim, 0 when
        collapsed, 1 for the uniform sphere. What needs the missing modality is {"not_applicable": reason}.
    """
    sides = {name: _unit(side) for name, side in (("rgb", rgb), ("uv", uv)) if side is not None}
    result: dict[str, Any] = {"n": max(map(len, sides.values()), default=0)}
    for name, side in sides.items():
        result[f"uniformity_{name}"] = uniformity(side, seed=seed)
        result[f"effective_rank_{name}"] = effective_rank(side)
        result[f"spread_{name}"] = float(np.sqrt(side.var(axis=0).sum()))
    if len(sides) == 2:
        return _between(sides["rgb"], sides["uv"]) | result
    missing = not_applicable(f"one modality: {', '.join(sides)}")
    keys = ("pair_distance", "mean_cosine_matched", "mean_cosine_unmatched", "modality_gap")
    return dict.fromkeys(keys, missing) | result


def uniformity(embeddings: ArrayLike, *, seed: int = 0) -> float:
    """Log of the mean of exp(−2‖x−y‖²) over distinct rows of unit length (Wang & Isola 2020)."""
    x = subsample_rows(_unit(embeddings), seed=seed)
    squared = np.maximum(2 - 2 * (x @ x.T), 0)[np.triu_indices(len(x), 1)]
    return float(logsumexp(-_UNIFORMITY_T * squared) - np.log(len(squared)))


def effective_rank(embeddings: ArrayLike) -> float:
    """exp(entropy) of the normalised singular values of the centred rows; 1 when they are all alike."""
    x = np.asarray(embeddings, dtype=np.float64)
    values = np.linalg.svd(x - x.mean(0), compute_uv=False)
    values = values[values > 1e-12 * max(1.0, np.abs(x).max())]
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


def _between(rgb: Floats, uv: Floats) -> dict[str, float]:
    n = len(rgb)
    matched = np.einsum("ij,ij->i", rgb, uv)
    means = rgb.mean(0), uv.mean(0)
    every = n * n * float(means[0] @ means[1])
    return {
        "pair_distance": float(((rgb - uv) ** 2).sum(1).mean()),
        "mean_cosine_matched": float(matched.mean()),
        "mean_cosine_unmatched": (every - float(matched.sum())) / (n * (n - 1)),
        "modality_gap": float(np.linalg.norm(means[0] - means[1])),
    }


def _unit(embeddings: ArrayLike) -> Floats:
    x = np.asarray(embeddings, dtype=np.float64)
    if x.ndim != 2 or len(x) < 2 or not np.isfinite(x).all():
        raise ValueError(
            f"geometry: embeddings must be a finite matrix with at least 2 rows, got shape {x.shape}; "
            "give one row per specimen"
        )
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(lengths > 0, lengths, 1)
