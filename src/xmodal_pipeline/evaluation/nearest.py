"""Weighted k-nearest-neighbour classification: what the neighbourhoods of an embedding know of a label."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.cosine import unit_rows
from xmodal_pipeline.evaluation.probes import Fold

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEIGHBOURS = 20
TEMPERATURE = 0.07
"""k and temperature of DINO's probe (Caron et al. 2021, arXiv:2104.14294, section 4.1)."""

_TILE_ELEMENTS = 8_000_000
"""Similarities held at once: 32 MB of float32."""
_TIE = 1e-6
"""Similarities closer than this are level: rounding of a float32 dot product of unit rows."""


def weighted_knn(
    known: ArrayLike,
    classes: ArrayLike,
    queries: ArrayLike,
    *,
    n_classes: int,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    class_weights: ArrayLike | None = None,
) -> NDArray[np.float32]:
    """Votes of the k nearest known rows by cosine, each exp(cosine / temperature); exact, in chunks.

    Rows level with the k-th share the places that are left, so that a collapsed embedding votes for every
    class by its frequency.

    Args:
        known: (rows, dim).
        classes: (rows,) 0 … n_classes − 1.
        queries: (queries, dim).
        n_classes: number of classes.
        k: neighbours; all known rows where there are fewer.
        temperature: positive.
        class_weights: (n_classes,) factor of each class's votes; None: 1.

    Returns:
        (queries, n_classes) float32: each query's votes, as shares that add up to 1.

    Raises:
        ValueError: if k < 1, the temperature is not positive, or the row counts differ.

    References:
        Wu et al. 2018, arXiv:1805.01978, section 3.4.
    """
    base, voters = unit_rows(np.asarray(known), np.float32), np.asarray(classes, np.int64)
    if k < 1 or not temperature > 0 or len(base) != len(voters) or not len(base):
        raise ValueError(
            f"weighted_knn: needs k of at least 1, a positive temperature and one class per known row, got "
            f"k {k}, temperature {temperature}, {len(base)} rows and {len(voters)} classes"
        )
    asked = unit_rows(np.asarray(queries), np.float32)
    factor = np.ones(n_classes) if class_weights is None else np.asarray(class_weights, np.float64)
    votes = np.empty((len(asked), n_classes), np.float32)
    step = max(1, _TILE_ELEMENTS // len(base))
    for start in range(0, len(asked), step):
        similarity = asked[start : start + step] @ base.T
        votes[start : start + step] = _votes(similarity, voters, min(k, len(base)), temperature, factor)
    return votes


def _votes(
    similarity: NDArray[np.float32], voters: Integers, k: int, temperature: float, factor: Floats
) -> Floats:
    kth = _kth_largest(similarity, k)
    rows, columns = np.nonzero(similarity >= kth[:, None] - _TIE)
    cosine = similarity[rows, columns].astype(np.float64)
    is_nearer = cosine > kth[rows] + _TIE
    nearer = np.bincount(rows[is_nearer], minlength=len(similarity))
    level = np.bincount(rows[~is_nearer], minlength=len(similarity))
    place = np.where(is_nearer, 1.0, ((k - nearer) / np.maximum(level, 1))[rows])
    # Relative to the nearest: the same shares, and nothing overflows at a small temperature.
    weight = place * np.exp((cosine - similarity.max(1)[rows]) / temperature) * factor[voters[columns]]
    n_classes = len(factor)
    votes = np.bincount(rows * n_classes + voters[columns], weight, len(similarity) * n_classes)
    votes = votes.reshape(len(similarity), n_classes)
    return np.asarray(votes / votes.sum(1, keepdims=True))


def _kth_largest(similarity: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """(rows,) the k-th largest of each row; that of every fourth column is a bound that few others exceed."""
    some = similarity[:, ::4]
    if some.shape[1] < 4 * k:
        return np.asarray(np.partition(similarity, similarity.shape[1] - k, axis=1)[:, -k])
    bounds = np.partition(some, some.shape[1] - k, axis=1)[:, -k]
    above = (row[row >= bound] for row, bound in zip(similarity, bounds, strict=True))
    return np.array([np.partition(values, len(values) - k)[-k] for values in above], similarity.dtype)


def cross_fit_knn(blocks: Sequence[Floats], classes: Integers, folds: Sequence[Fold]) -> Integers:
    """Predict the rows left out of each fold; classes weigh alike, as in the linear probe.

    Args:
        blocks: (rows, dim) each; every block is scaled to unit rows, so that each modality counts the same.
        classes: (rows,) 0 … k−1.
        folds: rows to fit on, rows to predict.

    Returns:
        (rows,) predicted classes.
    """
    features = np.hstack([unit_rows(block, np.float32) for block in blocks])
    n_classes = int(classes.max()) + 1
    predicted = np.empty(len(classes), np.int64)
    for fit, held in folds:
        counts = np.bincount(classes[fit], minlength=n_classes)
        votes = weighted_knn(
            features[fit],
            classes[fit],
            features[held],
            n_classes=n_classes,
            class_weights=1 / np.maximum(counts, 1),
        )
        predicted[held] = votes.argmax(1)
    return predicted
