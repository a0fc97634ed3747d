"""How much of one modality can be predicted from the other: within species, and across species."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.results import Cell, not_applicable, too_few
from xmodal_pipeline.evaluation.retrieval import group_codes

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_PENALTIES = np.logspace(3, -4, 15)
"""Ridge penalties tried, as multiples of the mean squared singular value of the predictor; the first of
equals, which is the strongest, is taken."""
_INNER_FOLDS = 5
_CHUNK_ROWS = 4096
"""Rows about their means at once: 34 MB for two modalities of 512 dimensions."""
_BLOCK_COLUMNS = 32
"""Columns averaged at once, which bounds the copies that pandas makes."""
_LEAST_SPECIMENS = 20
_LEAST_SPECIES = 8
_LEAST_REPEATS = 10
"""Repeated captures (captures − specimens) below which repeatability is not estimated."""

_BothWays = tuple[float | Cell, float | Cell]
"""Of UV given RGB, and of RGB given UV."""


def predictability(
    rgb: ArrayLike,
    uv: ArrayLike,
    species: ArrayLike | None = None,
    specimens: ArrayLike | None = None,
    *,
    folds: int = 5,
    seed: int = 0,
) -> dict[str, Any]:
    """Share of one modality's variance that ridge regression on the other predicts on unseen specimens.

    Summed over the dimensions of the target. Within: both modalities about their species means, the means
    taken from the fitted specimens only, cross-fitted by specimen. Between: species means, with species held
    out. The penalty is chosen by cross-validation inside the fitted rows. Negative values are
    possible and mean that the species (or grand) mean predicts better.

    Args:
        rgb: (captures, dim) embeddings.
        uv: (captures, dim'), rows in the same order.
        species: (captures,); missing, or None: one common mean.
        specimens: (captures,); captures of one specimen are averaged first. None: each its own.
        folds: outer folds, of specimens or of species.
        seed: of the folds.

    Returns:
        `r2_uv_given_rgb` and `r2_rgb_given_uv`, each {`within`, `between`, `repeatability` of the target's
        specimen means within species, `within_corrected` = within / repeatability}; `n`, `n_species`. What
        cannot be estimated is {"not_applicable": reason}.
    """
    first, second = np.asarray(rgb), np.asarray(uv)
    n = len(first)
    owner = np.arange(n) if specimens is None else group_codes(specimens, n)
    code = np.zeros(n, np.int64) if species is None else group_codes(species, n)
    sides = [_group_means(side, owner) for side in (first, second)]
    stratum = code[np.unique(owner, return_index=True)[1]]
    result: dict[str, Any] = {"n": len(stratum), "n_species": len(np.unique(stratum))}
    inside = _within(sides[0], sides[1], stratum, folds, seed)
    across = _between(sides[0], sides[1], stratum, folds, seed)
    for name, within, between, captures in (
        ("r2_uv_given_rgb", inside[0], across[0], second),
        ("r2_rgb_given_uv", inside[1], across[1], first),
    ):
        share = repeatability(captures, owner, stratum[owner] if specimens is not None else stratum)
        result[name] = {
            "within": within,
            "between": between,
            "repeatability": share,
            "within_corrected": within / share
            if isinstance(within, float) and isinstance(share, float)
            else not_applicable("no repeatability"),
        }
    return result


def repeatability(captures: ArrayLike, owner: Integers, stratum: Integers) -> float | dict[str, Any]:
    """Share of the variance of specimen means, within species, that is not capture noise.

    One-way analysis of variance nested in species, summed over dimensions (Lessells & Boag 1987), raised to
    the mean number of captures by the Spearman-Brown formula.
    """
    values = np.asarray(captures)
    owners, counts = np.unique(owner, return_counts=True)
    repeats = len(values) - len(owners)
    if repeats < _LEAST_REPEATS:
        return too_few(f"{repeats} repeated captures, at least {_LEAST_REPEATS} needed")
    of_owner = stratum[np.unique(owner, return_index=True)[1]]
    among_df = len(owners) - len(np.unique(of_owner))
    if among_df < _LEAST_REPEATS:
        return too_few(f"{len(owners)} specimens in {len(np.unique(of_owner))} species")
    row, species = np.searchsorted(owners, owner), np.searchsorted(np.unique(stratum), of_owner)
    noise, among = 0.0, 0.0
    for columns in _column_blocks(values):
        block = values[:, columns].astype(np.float64)
        means = _group_means(block, owner)
        noise += float(((block - means[row]) ** 2).sum()) / repeats
        between = means - _group_means(block, stratum)[species]
        among += float((counts[:, None] * between**2).sum()) / among_df
    per_species = [counts[of_owner == s] for s in np.unique(of_owner)]
    typical = (counts.sum() - sum((c**2).sum() / c.sum() for c in per_species)) / among_df
    signal = (among - noise) / typical
    if signal <= 0:
        return not_applicable("specimens differ no more than captures of one specimen")
    return float(signal / (signal + noise / counts.mean()))


def _within(x: Floats, y: Floats, stratum: Integers, folds: int, seed: int) -> _BothWays:
    """Specimens about the means of their species."""
    _, code, sizes = np.unique(stratum, return_inverse=True, return_counts=True)
    kept = np.flatnonzero(sizes[code] >= 2)
    if len(kept) < _LEAST_SPECIMENS:
        few = too_few(f"{len(kept)} specimens, at least {_LEAST_SPECIMENS} needed")
        return few, few
    return _cross_fitted_r2(x, y, kept, code[kept], folds, seed)


def _between(x: Floats, y: Floats, stratum: Integers, folds: int, seed: int) -> _BothWays:
    """Species means about the grand mean."""
    known = np.flatnonzero(stratum >= 0)
    x, y = (_group_means(side, stratum[known], known) for side in (x, y))
    if len(x) < _LEAST_SPECIES:
        few = too_few(f"{len(x)} species, at least {_LEAST_SPECIES} needed")
        return few, few
    return _cross_fitted_r2(x, y, np.arange(len(x)), np.zeros(len(x), np.int64), folds, seed)


def _cross_fitted_r2(
    x: Floats, y: Floats, rows: Integers, code: Integers, folds: int, seed: int
) -> _BothWays:
    """1 − SSE/SST on rows left out, both about the means of the fitted rows of the same code."""
    x, y = _narrowed(x, rows), _narrowed(y, rows)
    left, total = np.zeros(2), np.zeros(2)
    for held in _deal(code, folds, seed):
        fitted = np.flatnonzero(~held)
        errors = np.zeros((2, len(_PENALTIES)))
        for inner in _deal(code[fitted], _INNER_FOLDS, seed):
            errors += _ridge_errors(x, y, rows[fitted], code[fitted], inner)[0]
        outer, squares = _ridge_errors(x, y, rows, code, held)
        left += outer[[0, 1], errors.argmin(1)]
        total += squares
    constant = not_applicable("the target does not vary")
    first, second = (
        1 - le / t if t > 0 else constant for le, t in zip(left.tolist(), total.tolist(), strict=True)
    )
    return first, second


def _narrowed(side: Floats, rows: Integers) -> Floats:
    """Wide features rotated into the span of the rows: to ridge regression they are the same."""
    if side.shape[1] <= len(rows):
        return side
    centre = side[rows].mean(0)
    axes = np.linalg.svd(side[rows] - centre, full_matrices=False)[2]
    return np.asarray((side - centre) @ axes.T)


def _ridge_errors(
    x: Floats, y: Floats, rows: Integers, code: Integers, held: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Squared errors of the held rows, (2, penalties), and their sums of squares, (2,): y of x, then x of y.

    Means are taken from the fitted rows alone: rows centred together predict each other.
    """
    fit, known = ~held, held & np.isin(code, code[~held])
    sides = []
    for side in (x, y):
        means = np.zeros((int(code.max()) + 1, side.shape[1]))
        means[np.unique(code[fit])] = _group_means(side, code[fit], rows[fit])
        sides.append((side, means))
    fitted, asked = (_products(sides, rows[chosen], code[chosen]) for chosen in (fit, known))
    columns = slice(x.shape[1]), slice(x.shape[1], None)
    errors, squares = np.empty((2, len(_PENALTIES))), np.empty(2)
    for i, (own, other) in enumerate((columns, columns[::-1])):
        spread, axes = np.linalg.eigh(fitted[own, own])
        # Of a constant predictor any penalty makes nothing.
        scale = max(float(spread.sum() / min(fit.sum(), len(spread))), 0.0) or 1.0
        # Predictions are (scores · shrunk) @ projected: their errors follow from products of columns alone.
        projected = axes.T @ fitted[own, other]
        shrunk = 1 / (np.maximum(spread, 0) + _PENALTIES[:, None] * scale)
        cross = (projected * (axes.T @ asked[own, other])).sum(1)
        inner = (axes.T @ asked[own, own] @ axes) * (projected @ projected.T)
        squares[i] = np.trace(asked[other, other])
        errors[i] = squares[i] - 2 * shrunk @ cross + ((shrunk @ inner) * shrunk).sum(1)
    return errors, squares


def _products(sides: list[tuple[Floats, Floats]], rows: Integers, code: Integers) -> Floats:
    """Sums of products between all columns of both sides, each about the means of its code."""
    total = np.zeros((sum(side.shape[1] for side, _ in sides),) * 2)
    for start in range(0, len(rows), _CHUNK_ROWS):
        chosen = slice(start, start + _CHUNK_ROWS)
        centred = np.hstack([side[rows[chosen]] - means[code[chosen]] for side, means in sides])
        total += centred.T @ centred
    return total


def _deal(code: Integers, folds: int, seed: int) -> list[NDArray[np.bool_]]:
    """Masks of held-out rows: the rows of each code are shuffled and dealt out over the folds."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(code))
    order = order[np.argsort(code[order], kind="stable")]
    fold = np.empty(len(code), np.int64)
    fold[order] = np.arange(len(code)) % folds
    return [fold == k for k in np.unique(fold)]


def _group_means(values: NDArray[Any], codes: Integers, rows: Integers | None = None) -> Floats:
    """(groups, dim) means of all or some rows in float64, groups in the order of their codes."""
    means = np.empty((len(np.unique(codes)), values.shape[1]))
    for columns in _column_blocks(values):
        block = values[:, columns] if rows is None else values[rows, columns]
        means[:, columns] = pd.DataFrame(block.astype(np.float64)).groupby(codes).mean()
    return means


def _column_blocks(values: NDArray[Any]) -> list[slice]:
    return [slice(start, start + _BLOCK_COLUMNS) for start in range(0, values.shape[1], _BLOCK_COLUMNS)]
