"""Permutation p-values for class differences given the other modality (Freedman and Lane 1983)."""

from itertools import pairwise

import numpy as np

from xmodal_pipeline.evaluation.uv_value_design import Floats, Integers
from xmodal_pipeline.evaluation.uv_value_slopes import Slopes

_BATCH = 500
"""Permutations at a time: keeps a batch of 300 strata below 50 MB."""

_TIE = 1e-9
"""Relative tolerance that counts a rearrangement equal to the observed one as a tie, despite rounding."""


def permutation_p_values(
    response: Floats,
    slopes: Slopes,
    reduced: Slopes,
    groups: Floats,
    *,
    permutations: int,
    rng: np.random.Generator,
) -> Floats:
    """P-values for "nothing added given the slopes", one per group of strata.

    The slopes are fitted without the class, their residuals are permuted within blocks, and every statistic
    is recomputed, its residual covariance included. All strata are permuted at once: residuals of the reduced
    model are a little too small everywhere, which then cancels between a difference and its covariance. The
    statistic of a group is the sum over its strata of Q / v, with Q = a'Σ⁻¹a, which orders the permutations
    as the mean of A weighted by 1 / v does.

    Args:
        response: (N, q), rows in the order of the design.
        slopes: the full model.
        reduced: the same slopes in the design without class.
        groups: (R, S), 1 where a stratum belongs to a group, else 0; strata without a class contrast in none.
        permutations: P; the smallest p-value is 1 / (P + 1).
        rng: source of the permutations.

    Returns:
        (R,) p-values, (1 + permutations at least as extreme) / (1 + P).

    References:
        Freedman & Lane (1983) J. Bus. Econ. Stat. 1:292; Winkler et al. (2014) NeuroImage 92:381.
    """
    if response.shape[1] == 0 or len(groups) == 0:
        return np.ones(len(groups))
    weights = np.divide(groups, slopes.variance, out=np.zeros_like(groups), where=groups > 0)
    observed = weights @ _squared_lengths(*slopes.given_difference(response), slopes.df)
    fitted = reduced.fitted(response)
    residual = reduced.design.centre(response) - fitted
    exceeding = np.zeros(len(groups), dtype=np.int64)
    for start in range(0, permutations, _BATCH):
        size = min(_BATCH, permutations - start)
        lengths = _permuted_lengths(fitted, residual, slopes, size, rng)
        exceeding += np.count_nonzero(weights @ lengths >= observed[:, None] * (1 - _TIE), axis=1)
    return np.asarray((1 + exceeding) / (1 + permutations))


def _squared_lengths(difference: Floats, residual: Floats, df: int) -> Floats:
    return np.asarray(np.sum(np.linalg.solve(residual / df, difference.T).T * difference, axis=1))


def _permuted_lengths(
    fitted: Floats, residual: Floats, slopes: Slopes, size: int, rng: np.random.Generator
) -> Floats:
    """Q of every stratum under `size` permutations, (S, size)."""
    design, (p, q) = slopes.design, (slopes.covariates.shape[1], residual.shape[1])
    bounds = np.searchsorted(design.stratum, np.arange(design.n_strata + 1))
    differences = np.zeros((design.n_strata, size, q))
    products = np.zeros((p, size, q))
    sums = np.tile(fitted.T @ fitted + residual.T @ residual, (size, 1, 1))
    for s, (start, stop) in enumerate(pairwise(bounds)):
        rows = slice(start, stop)
        contrasts = np.vstack(
            (design.contrast[rows], slopes.score[rows], slopes.covariates[rows].T, fitted[rows].T)
        )
        shuffled = residual[rows][_permutations(design.block[rows], size, rng)]
        totals = (contrasts @ shuffled.reshape(stop - start, size * q)).reshape(-1, size, q)
        sums += totals[2 + p :].transpose(1, 0, 2) + totals[2 + p :].transpose(1, 2, 0)
        totals = totals[: 2 + p] + (contrasts[: 2 + p] @ fitted[rows])[:, None, :]
        difference = totals[0] / design.weight[s] if design.weight[s] > 0 else np.zeros((size, q))
        own = slopes.shrinkage[s] * totals[1]
        differences[s] = difference - slopes.score_difference[s] * own
        products += totals[2:]
        sums -= totals[0][:, :, None] * difference[:, None, :] + totals[1][:, :, None] * own[:, None, :]
    explained = np.tensordot(slopes.inverse, products, axes=1)
    sums -= np.einsum("cpi,cpj->pij", products, explained)
    differences -= np.tensordot(slopes.difference, explained, axes=1)
    scaled = np.linalg.solve(sums / slopes.df, differences.transpose(1, 2, 0))
    return np.asarray(np.einsum("piS,Spi->Sp", scaled, differences))


def _permutations(block: Integers, size: int, rng: np.random.Generator) -> Integers:
    """Row numbers (n, size), each column a permutation within blocks, whose numbers ascend."""
    return np.argsort(block[:, None] + rng.random((len(block), size)), axis=0, kind="stable").astype(np.int64)
