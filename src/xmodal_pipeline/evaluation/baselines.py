"""What needs no learning: colour statistics, outlines, species alone, PCA with canonical correlation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.ranks import summarise
from xmodal_pipeline.evaluation.retrieval import rank_matches
from xmodal_pipeline.params.train import COARSE_PX

Floats = NDArray[np.float64]

_OUTLINE_PX = 32
"""Side to which masks are averaged: outlines without the noise of their edge pixels."""
_MAXIMUM_PCA = 100
_INNER_FOLDS = 5
_RIDGES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""Shares of the mean variance of the principal components."""
_BLOCK = 256
"""Captures read from a store at a time."""


def band_means(images: ArrayLike, masks: ArrayLike) -> Floats:
    """Colour statistics: mean and SD of every band over the foreground.

    Args:
        images: (captures, bands, height, width), any scale; read in blocks, so a memory map is fine.
        masks: (captures, height, width), positive on the specimen.

    Returns:
        (captures, 2 · bands): the means of all bands, then their SDs.

    Raises:
        ValueError: if a mask is empty or the shapes differ.
    """
    count, bands = np.shape(images)[:2]
    if np.shape(masks) != (count, *np.shape(images)[2:]):
        raise ValueError(
            f"band_means: masks must be {(count, *np.shape(images)[2:])}, got {np.shape(masks)}; "
            "pass the mask channel of that modality"
        )
    result = np.empty((count, 2 * bands))
    for start in range(0, count, _BLOCK):
        block = np.asarray(images[start : start + _BLOCK], np.float64)  # type: ignore[index]
        weight = np.asarray(masks[start : start + _BLOCK])[:, None] > 0  # type: ignore[index]
        area = weight.sum((2, 3))
        if not area.all():
            raise ValueError(
                f"band_means: the mask of row {start + int(np.argmin(area))} must not be empty; "
                "reject the capture"
            )
        mean = (block * weight).sum((2, 3)) / area
        variance = ((block - mean[:, :, None, None]) ** 2 * weight).sum((2, 3)) / area
        result[start : start + _BLOCK] = np.hstack([mean, np.sqrt(variance)])
    return result


def silhouette(masks: ArrayLike, size: int = _OUTLINE_PX) -> Floats:
    """Outlines alone: masks averaged to `size` × `size` and flattened.

    Args:
        masks: (captures, height, width), positive on the specimen.
        size: side in pixels; smaller masks keep their size.

    Returns:
        (captures, size²), share of foreground per cell.
    """
    count, height, width = np.shape(masks)
    down, across = _averaging(height, min(size, height)), _averaging(width, min(size, width))
    result = np.empty((count, len(down) * len(across)))
    for start in range(0, count, _BLOCK):
        block = (np.asarray(masks[start : start + _BLOCK]) > 0).astype(np.float64)  # type: ignore[index]
        result[start : start + _BLOCK] = (down @ block @ across.T).reshape(len(block), -1)
    return result


def coarse_pixels(
    images: ArrayLike, masks: ArrayLike, moments: Mapping[str, Sequence[float]], size: int = COARSE_PX
) -> Floats:
    """Bands as models see them, standardised and 0 off the specimen, averaged to `size` × `size`, flattened.

    Args:
        images: (captures, bands, height, width), any scale; read in blocks, so a memory map is fine.
        masks: (captures, height, width), positive on the specimen.
        moments: `mean` and `sd` of each band.
        size: side in pixels; smaller images keep their size.

    Returns:
        (captures, bands · size²).
    """
    mean, sd = (np.asarray(moments[name], np.float64)[:, None, None] for name in ("mean", "sd"))
    count, bands, height, width = np.shape(images)
    down, across = _averaging(height, min(size, height)), _averaging(width, min(size, width))
    result = np.empty((count, bands * len(down) * len(across)))
    for start in range(0, count, _BLOCK):
        block = (np.asarray(images[start : start + _BLOCK], np.float64) - mean) / sd  # type: ignore[index]
        block *= np.asarray(masks[start : start + _BLOCK])[:, None] > 0  # type: ignore[index]
        result[start : start + _BLOCK] = (down @ block @ across.T).reshape(len(block), -1)
    return result


@dataclass(frozen=True)
class CanonicalTransform:
    """A fitted `pca_cca`: maps each modality into the space that they share."""

    centres: tuple[Floats, Floats]
    weights: tuple[Floats, Floats]
    correlations: Floats
    """Regularised canonical correlations of the training rows, largest first."""

    def __call__(self, rgb: ArrayLike, uv: ArrayLike) -> tuple[Floats, Floats]:
        """Canonical variates of new rows: (rows, components) per modality."""
        rgb, uv = (
            (np.asarray(side, np.float64) - centre) @ weight
            for side, centre, weight in zip((rgb, uv), self.centres, self.weights, strict=True)
        )
        return rgb, uv


def pca_cca(rgb_train: ArrayLike, uv_train: ArrayLike, components: int = 30) -> CanonicalTransform:
    """Principal components of each modality, then regularised canonical correlation (Vinod 1976).

    Fitted on the given rows only. A share of the mean variance is added to each variance, without which the
    canonical correlations of few specimens fit noise; how much is chosen by retrieval in inner folds of
    these rows. Each variate is weighted by the root of its correlation, so that dimensions without a
    counterpart do not blur the cosine.

    Args:
        rgb_train: (rows, dim) of the first modality.
        uv_train: (rows, dim') of the second, rows in the same order.
        components: canonical variates kept; fewer where the rows or dimensions do not allow it.

    Raises:
        ValueError: if there are fewer than three rows or the row counts differ.
    """
    sides = [np.asarray(side, np.float64) for side in (rgb_train, uv_train)]
    if len(sides[0]) != len(sides[1]) or len(sides[0]) < 3:
        raise ValueError(
            f"pca_cca: training rows must be at least 3 in both modalities alike, got {len(sides[0])} and "
            f"{len(sides[1])}; give one row per training specimen"
        )
    centres = sides[0].mean(0), sides[1].mean(0)
    axes = [_principal_axes(side - centre) for side, centre in zip(sides, centres, strict=True)]
    scores = [(side - centre) @ axis for side, centre, axis in zip(sides, centres, axes, strict=True)]
    ridge = _choose_ridge(scores[0], scores[1], components)
    inner = _canonical(scores[0], scores[1], components, ridge)
    weights = axes[0] @ inner.weights[0], axes[1] @ inner.weights[1]
    return CanonicalTransform(centres, weights, inner.correlations)


def _principal_axes(centred: Floats) -> Floats:
    """(dim, k) principal axes, at most 100."""
    _, s, vt = np.linalg.svd(centred, full_matrices=False)
    kept = min(_MAXIMUM_PCA, len(centred) - 1, max(1, int((s > 1e-10 * s[0]).sum())))
    return np.asarray(vt[:kept].T)


def _choose_ridge(rgb: Floats, uv: Floats, components: int) -> float:
    """The ridge with the best mean reciprocal rank on rows left out; the strongest of equals."""
    rows = np.arange(len(rgb))
    fold = np.random.default_rng(0).permutation(rows) % min(_INNER_FOLDS, len(rgb) // 3 or 1)
    scores = np.zeros(len(_RIDGES))
    for held in (fold == k for k in np.unique(fold)) if fold.any() else ():
        for i, ridge in enumerate(_RIDGES):
            found = _canonical(rgb[~held], uv[~held], components, ridge)(rgb[held], uv[held])
            scores[i] += held.sum() * sum(summarise(side, ())["mrr"] for side in rank_matches(*found))
    return _RIDGES[int(scores.argmax())]


def _canonical(rgb: Floats, uv: Floats, components: int, ridge: float) -> CanonicalTransform:
    centres = rgb.mean(0), uv.mean(0)
    x, y = rgb - centres[0], uv - centres[1]
    roots = [_inverse_root(side.T @ side / len(side), ridge) for side in (x, y)]
    u, correlations, vt = np.linalg.svd(roots[0] @ (x.T @ y / len(x)) @ roots[1], full_matrices=False)
    kept = min(components, len(correlations))
    scale = np.sqrt(correlations[:kept])
    weights = roots[0] @ u[:, :kept] * scale, roots[1] @ vt[:kept].T * scale
    return CanonicalTransform(centres, weights, correlations[:kept])


def _inverse_root(covariance: Floats, ridge: float) -> Floats:
    """(Σ + ridge · mean variance)^(−1/2); directions without variance stay out."""
    values, axes = np.linalg.eigh(covariance)
    values = np.maximum(values, 0)
    lifted = values + ridge * values.mean()
    root = np.where(values > 1e-10 * values[-1], 1 / np.sqrt(np.maximum(lifted, 1e-300)), 0)
    return np.asarray((axes * root) @ axes.T)


def _averaging(length: int, cells: int) -> Floats:
    """(cells, length) matrix of means over equal, possibly fractional, stretches."""
    edges = np.linspace(0, length, cells + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: NDArray[Any] = np.maximum(overlap, 0) * cells / length
    return weights
