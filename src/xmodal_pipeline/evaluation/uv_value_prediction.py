"""How well a discriminant tells the two classes of a stratum apart on specimens that it has not seen."""

from dataclasses import dataclass

import numpy as np

from xmodal_pipeline.evaluation.uv_value_design import Design, Floats, Integers, whiten


def leave_pair_out_auc(values: Floats, design: Design, strata: list[int]) -> Floats:
    """Leave-pair-out AUC of the linear discriminant in each wanted stratum.

    Every pair of specimens of different class and the same block is left out, the discriminant Σ⁻¹d
    refitted (Σ pooled over all strata, d of this one), and the pair put in order; the AUC is the share of
    pairs in the right order, ties one half. The refits are in closed form: removing two rows changes the
    cross-product by a matrix of rank two (Woodbury), so a stratum costs a few arrays of n1 x n2.

    Args:
        values: (N, k) components in the order of the design; modalities side by side are judged jointly.
        design: strata, classes, blocks.
        strata: those wanted, each with a class contrast.

    Returns:
        One AUC per wanted stratum; NaN where no pair can be left out.
    """
    whitened = whiten(values, design)
    residuals = design.within_cells(whitened)
    differences = design.difference(whitened)
    return np.array([_auc(residuals, differences[s], design, s) for s in strata])


@dataclass(frozen=True)
class _Pairs:
    """Second-class rows i against first-class rows j of one stratum: (n2, 1), (1, n1) and (n2, n1) arrays."""

    rows_i: Integers
    rows_j: Integers
    is_kept: Floats
    hat_i: Floats
    hat_j: Floats
    hat_ij: Floats
    pull_i: Floats
    pull_j: Floats


def _pairs(design: Design, s: int) -> _Pairs:
    """Leverages, and the change of d per unit residual when both rows are left out."""
    inside = (design.stratum == s) & (design.contrast != 0)
    rows_i, rows_j = np.flatnonzero(inside & design.is_second), np.flatnonzero(inside & ~design.is_second)
    leverage, block, contrast = design.leverage(), design.block, design.contrast
    hat_i, hat_j = leverage[rows_i][:, None], leverage[rows_j][None, :]
    same_block = block[rows_i][:, None] == block[rows_j][None, :]
    t_i, t_j = contrast[rows_i][:, None], contrast[rows_j][None, :]
    hat_ij = same_block / np.bincount(block)[block[rows_j]][None, :] + t_i * t_j / design.weight[s]
    determinant = (1 - hat_i) * (1 - hat_j) - hat_ij**2
    is_kept = same_block & (determinant > 1e-9)
    safe = np.where(is_kept, determinant, 1.0) * design.weight[s]
    pull_i = ((1 - hat_j) * t_i + hat_ij * t_j) / safe
    pull_j = ((1 - hat_i) * t_j + hat_ij * t_i) / safe
    return _Pairs(rows_i, rows_j, is_kept, hat_i, hat_j, hat_ij, pull_i, pull_j)


def _auc(residuals: Floats, d: Floats, design: Design, s: int) -> float:
    pairs, df = _pairs(design, s), design.df
    if not pairs.is_kept.any():
        return float("nan")
    r_i, r_j = residuals[pairs.rows_i], residuals[pairs.rows_j]
    ii, jj = np.sum(r_i**2, axis=1)[:, None] / df, np.sum(r_j**2, axis=1)[None, :] / df
    ij = r_i @ r_j.T / df
    di, dj, dd = (r_i @ d)[:, None] / df, (r_j @ d)[None, :] / df, float(d @ d) / df
    e_i, e_j = pairs.pull_i, pairs.pull_j
    # Inner products in the metric of the full cross-product: u = x_i - x_j and w = d without the pair.
    u_i, u_j = di + ii - ij, dj + ij - jj
    w_i, w_j = di - e_i * ii - e_j * ij, dj - e_i * ij - e_j * jj
    u_w = dd + di - dj - e_i * u_i - e_j * u_j
    a, b, c = 1 - pairs.hat_i - ii, 1 - pairs.hat_j - jj, -pairs.hat_ij - ij
    determinant = np.where(pairs.is_kept, a * b - c**2, 1.0)
    score = u_w + (u_i * (b * w_i - c * w_j) + u_j * (a * w_j - c * w_i)) / determinant
    kept = score[pairs.is_kept]
    return float(np.mean(kept > 0) + 0.5 * np.mean(kept == 0))
