"""Linear probes: multinomial logistic regression on standardised blocks, cross-fitted in folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # not its submodule optimize, which is slow to load and loads by itself on first use
from numpy.typing import NDArray
from scipy.special import log_softmax

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Fold = tuple[Integers, Integers]
"""Rows to fit on, rows to predict."""

_GRADIENT_TOLERANCE = 1e-5
"""Of the mean loss; scikit-learn stops at 1e-4."""
_CURVATURE = 0.25
"""Largest p(1−p): bounds the curvature of the cross-entropy along one weight."""
_STACK_ELEMENTS = 4_000_000
"""Most elements (32 MB) of problems that are solved side by side."""
_LOGIT_ELEMENTS = 20_000_000
"""Most logits (160 MB, and a few times that on the way) of problems that share their features."""
_LEAST_STRATA = 3


@dataclass(frozen=True)
class Protocol:
    """How every probe of one call is fitted; the defaults of `EvaluationParams`."""

    folds: int = 5
    inner_folds: int = 3
    c_values: tuple[float, ...] = (0.01, 1.0, 100.0)
    bootstraps: int = 200
    reference_permutations: int = 20
    minimum_n: int = 6
    seed: int = 0


def make_folds(classes: Integers, groups: Integers, folds: int, *, seed: int) -> list[Fold]:
    """Stratified folds that keep each group on one side.

    Args:
        classes: (n,) 0 … k−1.
        groups: (n,) specimens; rows of one group are never split.
        folds: at most the number of groups of the smallest class.
        seed: of the shuffle.
    """
    # scikit-learn takes seconds to import, and commands that measure nothing pass by here.
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if len(np.unique(groups)) == len(groups):
        return list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(classes, classes))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(classes, classes, groups))


def scale_blocks(blocks: Sequence[Floats], fit: Integers, held: Integers) -> tuple[Floats, Floats]:
    """Standardise each column by the fitted rows and divide each block by the root of its column count.

    Every modality then has a total variance of one, so that one value of C means the same for any
    dimension, and a probe on two modalities contains the probe on each of them unchanged.
    """
    parts = []
    for block in blocks:
        mean, sd = block[fit].mean(0), block[fit].std(0)
        varies = sd > 1e-9 * np.maximum(1.0, np.abs(mean))
        scaled = (block[:, varies] - mean[varies]) / sd[varies] / np.sqrt(max(varies.sum(), 1))
        parts.append((scaled[fit], scaled[held]))
    return np.hstack([part[0] for part in parts]), np.hstack([part[1] for part in parts])


def reduce_to_samples(fitted: Floats, held: Floats) -> tuple[Floats, Floats]:
    """Rotate wide features into the span of the fitted rows: at most as many columns as rows.

    With an L2 penalty the weights lie in that span (representer theorem), so the probe is the same, only
    cheaper.
    """
    if fitted.shape[1] <= fitted.shape[0]:
        return fitted, held
    squared, basis = np.linalg.eigh(fitted @ fitted.T)
    kept = squared > 1e-12 * max(squared[-1], 1e-300)
    basis, values = basis[:, kept], np.sqrt(squared[kept])
    return basis * values, (held @ fitted.T) @ basis / values


def fit_logistic(features: Floats, classes: Integers, weights: Floats, c: Floats, n_classes: int) -> Floats:
    """Solve several multinomial logistic regressions side by side.

    Each minimises sum of weight · cross-entropy + ‖W‖²/(2C), the intercepts unpenalised: the objective of
    scikit-learn's `LogisticRegression`. The independent problems share one run of L-BFGS.

    Args:
        features: (problems, rows, dim), or (1, rows, dim) shared by all.
        classes: (problems, rows).
        weights: (problems, rows) ≥ 0; 0 leaves a row out.
        c: (problems,) inverse strength of the penalty.
        n_classes: k.

    Returns:
        (problems, dim + 1, k): weights, and the intercepts in the last row.
    """
    problems, dim = len(classes), features.shape[2]
    design = np.concatenate([features, np.ones((*features.shape[:2], 1))], axis=2)
    targets = np.eye(n_classes)[classes]
    share = weights / weights.sum(1, keepdims=True)
    penalty = np.broadcast_to((1 / (c * weights.sum(1)))[:, None, None], (problems, dim + 1, 1)).copy()
    penalty[:, -1] = 0
    shape = (problems, dim + 1, n_classes)
    # Curvature differs by orders of magnitude between problems of different C; L-BFGS needs it evened out.
    curvature = np.einsum("pn,pnd->pd", share, np.broadcast_to(design**2, (problems, *design.shape[1:])))
    unit = 1 / np.sqrt(_CURVATURE * curvature[:, :, None] + penalty)

    def loss(flat: Floats) -> tuple[float, Floats]:
        w = flat.reshape(shape) * unit
        log_p = log_softmax(_logits(design, w), axis=2)
        residual = (np.exp(log_p) - targets) * share[:, :, None]
        value = -(share[:, :, None] * targets * log_p).sum() + 0.5 * float((penalty * w**2).sum())
        if len(design) == 1:
            gradient = (
                (design[0].T @ residual.transpose(1, 0, 2).reshape(design.shape[1], -1))
                .reshape(dim + 1, problems, n_classes)
                .transpose(1, 0, 2)
            )
        else:
            gradient = design.transpose(0, 2, 1) @ residual
        return value, ((gradient + penalty * w) * unit).ravel()

    options: Any = {"maxiter": 2000, "maxfun": 5000, "gtol": _GRADIENT_TOLERANCE, "ftol": 0.0, "maxcor": 10}
    solution = scipy.optimize.minimize(
        loss, np.zeros(int(np.prod(shape))), jac=True, method="L-BFGS-B", options=options
    )
    return np.asarray(solution.x.reshape(shape) * unit)


def _logits(design: Floats, w: Floats) -> Floats:
    if len(design) > 1:
        return np.asarray(design @ w)
    problems, dim, k = w.shape
    product = design[0] @ w.transpose(1, 0, 2).reshape(dim, problems * k)
    return np.asarray(product.reshape(-1, problems, k).transpose(1, 0, 2))


def predict(features: Floats, solution: Floats) -> Integers:
    """Class with the largest logit, (problems, rows)."""
    return np.asarray((features @ solution[:, :-1] + solution[:, -1:]).argmax(2), np.int64)


def true_class_probability(features: Floats, solution: Floats, classes: Integers) -> Floats:
    """Probability that each problem gives to the class of each row, (problems, rows)."""
    logits = features @ solution[:, :-1] + solution[:, -1:]
    return np.asarray(np.exp(log_softmax(logits, axis=2))[:, np.arange(len(classes)), classes])


def balanced_weights(classes: Integers, n_classes: int) -> Floats:
    """Rows weighted so that every class present weighs the same, mean 1; one problem per row of `classes`."""
    counts = np.stack([np.bincount(row, minlength=n_classes) for row in classes])
    present = (counts > 0).sum(1, keepdims=True)
    per_class = classes.shape[1] / (present * np.maximum(counts, 1))
    return np.asarray(np.take_along_axis(per_class, classes, axis=1))


def choose_c(
    features: Floats, classes: Integers, groups: Integers, n_classes: int, protocol: Protocol
) -> float:
    """The C with the highest balanced accuracy in inner folds; the smallest of equals."""
    smallest = smallest_class(classes, groups)
    folds = make_folds(classes, groups, min(protocol.inner_folds, smallest), seed=protocol.seed)
    weights = np.zeros((len(folds), len(classes)))
    for row, (fit, _) in zip(weights, folds, strict=True):
        row[fit] = balanced_weights(classes[None, fit], n_classes)[0]
    targets = np.tile(classes, (len(folds), 1))
    grid = sorted(protocol.c_values)
    scores = []
    for c in grid:
        solution = fit_logistic(features[None], targets, weights, np.full(len(folds), c), n_classes)
        correct = np.empty(len(classes))
        for guess, (_, held) in zip(predict(features[None], solution), folds, strict=True):
            correct[held] = guess[held] == classes[held]
        scores.append(balanced_accuracy(correct, classes))
    return float(grid[int(np.argmax(scores))])


def smallest_class(classes: Integers, groups: Integers) -> int:
    """Number of groups in the class that has the fewest."""
    pairs = np.unique(np.stack([classes, groups]), axis=1)
    return int(np.unique(pairs[0], return_counts=True)[1].min())


def balanced_accuracy(correct: Floats, classes: Integers) -> float:
    """Mean over classes of the share of correct rows."""
    return float(np.mean([correct[classes == k].mean() for k in np.unique(classes)]))


@dataclass(frozen=True)
class Probe:
    """Out-of-fold predictions of one set of features, and the C chosen in each fold."""

    predicted: Integers
    c: Floats


def cross_fit(
    blocks: Sequence[Floats],
    classes: Integers,
    groups: Integers,
    folds: Sequence[Fold],
    protocol: Protocol,
    c: Floats | None = None,
) -> Probe:
    """Fit a probe in every fold, C chosen inside unless given per fold, and predict the rows left out."""
    n_classes = int(classes.max()) + 1
    predicted, chosen = np.empty(len(classes), np.int64), np.empty(len(folds))
    for i, (fit, held) in enumerate(folds):
        x, x_held = reduce_to_samples(*scale_blocks(blocks, fit, held))
        y = classes[fit]
        chosen[i] = choose_c(x, y, groups[fit], n_classes, protocol) if c is None else c[i]
        solution = fit_logistic(
            x[None], y[None], balanced_weights(y[None], n_classes), chosen[[i]], n_classes
        )
        predicted[held] = predict(x_held[None], solution)[0]
    return Probe(predicted, chosen)


def permuted_predictions(
    base: Floats, other: Floats, classes: Integers, folds: Sequence[Fold], c: Floats, orders: Integers
) -> tuple[Integers, Floats]:
    """Predictions from `base` beside `other` with its rows in each of `orders`, refitted with the given C.

    Returns:
        Predicted classes, and the probability given to the true one; (orders, rows) each.
    """
    n_classes = int(classes.max()) + 1
    predicted = np.empty((len(orders), len(classes)), np.int64)
    probability = np.empty(predicted.shape)
    for i, (fit, held) in enumerate(folds):
        width = min(len(fit), base.shape[1] + other.shape[1])
        step = max(1, _STACK_ELEMENTS // (len(fit) * width))
        for start in range(0, len(orders), step):
            pairs = [
                reduce_to_samples(*scale_blocks([base, other[order]], fit, held))
                for order in orders[start : start + step]
            ]
            y = np.tile(classes[fit], (len(pairs), 1))
            solution = fit_logistic(
                _stacked([pair[0] for pair in pairs], width),
                y,
                balanced_weights(y, n_classes),
                np.full(len(pairs), c[i]),
                n_classes,
            )
            stack = _stacked([pair[1] for pair in pairs], width)
            predicted[start : start + step, held] = predict(stack, solution)
            probability[start : start + step, held] = true_class_probability(stack, solution, classes[held])
    return predicted, probability


def relabelled_predictions(
    blocks: Sequence[Floats], labels: Integers, folds: Sequence[Fold], c: Floats
) -> Integers:
    """Predictions of each row of `labels` (orders, rows) from the same features, refitted at the given C."""
    n_classes = int(labels.max()) + 1
    predicted = np.empty_like(labels)
    for i, (fit, held) in enumerate(folds):
        x, x_held = reduce_to_samples(*scale_blocks(blocks, fit, held))
        step = max(1, _LOGIT_ELEMENTS // (len(fit) * n_classes))
        for start in range(0, len(labels), step):
            y = labels[start : start + step, fit]
            solution = fit_logistic(
                x[None], y, balanced_weights(y, n_classes), np.full(len(y), c[i]), n_classes
            )
            predicted[start : start + step, held] = predict(x_held[None], solution)
    return predicted


def _stacked(parts: Sequence[Floats], width: int) -> Floats:
    """Matrices side by side, filled up with zero columns, which no penalised weight uses."""
    stack = np.zeros((len(parts), len(parts[0]), width))
    for row, part in zip(stack, parts, strict=True):
        row[:, : part.shape[1]] = part
    return stack


def hold_out_strata(
    classes: Integers, groups: Integers, strata: Integers, protocol: Protocol
) -> list[Fold] | None:
    """Folds that keep whole strata on one side; None if a class would have too few groups to fit on."""
    found = len(np.unique(strata))
    if found < _LEAST_STRATA:
        return None
    from sklearn.model_selection import GroupKFold

    splitter = GroupKFold(min(protocol.folds, found), shuffle=True, random_state=protocol.seed)
    folds = list(splitter.split(classes, classes, strata))
    fitted = [(classes[fit], groups[fit]) for fit, _ in folds]
    n_classes = len(np.unique(classes))
    if all(len(np.unique(y)) == n_classes and smallest_class(y, g) > 1 for y, g in fitted):
        return folds
    return None
