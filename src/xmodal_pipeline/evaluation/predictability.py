"""How much of one modality can be predicted from the other: within species, and across species."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.cells import not_applicable, too_few
from xmodal_pipeline.evaluation.retrieval import group_codes

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_PENALTIES = np.logspace(3, -4, 15)
"""Ridge penalties tried, as multiples of the mean squared singular value of the predictor; the first of
equals, which is the strongest, is taken."""
_INNER_FOLDS = 5
_LEAST_SPECIMENS = 20
_LEAST_SPECIES = 8
_LEAST_REPEATS = 10
"""Repeated captures (captures − specimens) below which repeatability is not estimated."""


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
    first, second = np.asarray(rgb, np.float64), np.asarray(uv, np.float64)
    n = len(first)
    owner = np.arange(n) if specimens is None else group_codes(specimens, n)
    code = np.zeros(n, np.int64) if species is None else group_codes(species, n)
    sides = [_group_means(side, owner) for side in (first, second)]
    stratum = code[np.unique(owner, return_index=True)[1]]
    result: dict[str, Any] = {"n": len(stratum), "n_species": len(np.unique(stratum))}
    for name, x, y, captures in (
        ("r2_uv_given_rgb", sides[0], sides[1], second),
        ("r2_rgb_given_uv", sides[1], sides[0], first),
    ):
        within = _within(x, y, stratum, folds, seed)
        share = repeatability(captures, owner, stratum[owner] if specimens is not None else stratum)
        result[name] = {
            "within": within,
            "between": _between(x, y, stratum, folds, seed),
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
    values = np.asarray(captures, np.float64)
    owners, counts = np.unique(owner, return_counts=True)
    repeats = len(values) - len(owners)
    if repeats < _LEAST_REPEATS:
        return too_few(f"{repeats} repeated captures, at least {_LEAST_REPEATS} needed")
    of_owner = stratum[np.unique(owner, return_index=True)[1]]
    among_df = len(owners) - len(np.unique(of_owner))
    if among_df < _LEAST_REPEATS:
        return too_few(f"{len(owners)} specimens in {len(np.unique(of_owner))} species")
    noise = ((values - _group_means(values, owner)[np.searchsorted(owners, owner)]) ** 2).sum() / repeats
    means = _group_means(values, owner)
    species_means = _group_means(values, stratum)[np.searchsorted(np.unique(stratum), of_owner)]
    among = (counts[:, None] * (means - species_means) ** 2).sum() / among_df
    per_species = [counts[of_owner == s] for s in np.unique(of_owner)]
    typical = (counts.sum() - sum((c**2).sum() / c.sum() for c in per_species)) / among_df
    signal = (among - noise) / typical
    if signal <= 0:
        return not_applicable("specimens differ no more than captures of one specimen")
    return float(signal / (signal + noise / counts.mean()))


def _within(x: Floats, y: Floats, stratum: Integers, folds: int, seed: int) -> float | dict[str, Any]:
    """Specimens about the means of their species."""
    _, code, sizes = np.unique(stratum, return_inverse=True, return_counts=True)
    kept = sizes[code] >= 2
    if kept.sum() < _LEAST_SPECIMENS:
        return too_few(f"{kept.sum()} specimens, at least {_LEAST_SPECIMENS} needed")
    return _cross_fitted_r2(x[kept], y[kept], code[kept], folds, seed)


def _between(x: Floats, y: Floats, stratum: Integers, folds: int, seed: int) -> float | dict[str, Any]:
    """Species means about the grand mean."""
    means = [_group_means(side[stratum >= 0], stratum[stratum >= 0]) for side in (x, y)]
    if len(means[0]) < _LEAST_SPECIES:
        return too_few(f"{len(means[0])} species, at least {_LEAST_SPECIES} needed")
    return _cross_fitted_r2(means[0], means[1], np.zeros(len(means[0]), np.int64), folds, seed)


def _cross_fitted_r2(x: Floats, y: Floats, code: Integers, folds: int, seed: int) -> float | dict[str, Any]:
    """1 − SSE/SST on rows left out, both about the means of the fitted rows of the same code."""
    left, total = 0.0, 0.0
    for held in _deal(code, folds, seed):
        rows = np.flatnonzero(~held)
        errors = np.zeros(len(_PENALTIES))
        for inner in _deal(code[rows], _INNER_FOLDS, seed):
            target, paths = _ridge_path(x[rows], y[rows], code[rows], inner)
            errors += [((target - predicted) ** 2).sum() for predicted in paths]
        target, paths = _ridge_path(x, y, code, held)
        left += float(((target - paths[int(errors.argmin())]) ** 2).sum())
        total += float((target**2).sum())
    return 1 - left / total if total > 0 else not_applicable("the target does not vary")


def _ridge_path(x: Floats, y: Floats, code: Integers, held: NDArray[np.bool_]) -> tuple[Floats, list[Floats]]:
    """Targets of the held rows and their predictions at every penalty, from one decomposition.

    Means are taken from the fitted rows alone: rows centred together predict each other.
    """
    fit, known = ~held, held & np.isin(code, code[~held])
    centred = []
    for side in (x, y):
        means = np.zeros((code.max() + 1, side.shape[1]))
        means[np.unique(code[fit])] = _group_means(side[fit], code[fit])
        centred.append(side - means[code])
    u, s, vt = np.linalg.svd(centred[0][fit], full_matrices=False)
    scale = max(float((s**2).mean()), np.finfo(float).tiny)
    projected, scores = u.T @ centred[1][fit], centred[0][known] @ vt.T
    paths = [(scores * (s / (s**2 + penalty * scale))) @ projected for penalty in _PENALTIES]
    return centred[1][known], paths


def _deal(code: Integers, folds: int, seed: int) -> list[NDArray[np.bool_]]:
    """Masks of held-out rows: the rows of each code are shuffled and dealt out over the folds."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(code))
    order = order[np.argsort(code[order], kind="stable")]
    fold = np.empty(len(code), np.int64)
    fold[order] = np.arange(len(code)) % folds
    return [fold == k for k in np.unique(fold)]


def _group_means(values: Floats, codes: Integers) -> Floats:
    """(groups, dim) means, groups in the order of their codes."""
    return pd.DataFrame(values).groupby(codes).mean().to_numpy()
