"""How well a shrunken discriminant tells the classes of a species apart on specimens that it has not seen."""

import numpy as np
from scipy import linalg

from xmodal_pipeline.evaluation.uv_value.layout import Booleans, Floats, Layout
from xmodal_pipeline.evaluation.uv_value.predictors import Predictors


def leave_pair_out(values: Predictors, layout: Layout, s: int) -> Floats:
    """Which of two specimens of different class the discriminant of the others ranks higher.

    Every pair of the same block is left out, the discriminant (C + K)⁻¹d of species s refitted, and the pair
    put in order: no bias where the modality tells nothing, as leaving out one specimen has. The refits are in
    closed form: two rows less change C by a matrix of rank two (Woodbury).

    Args:
        values: the features.
        layout: species, classes, blocks.
        s: the species, which has both classes.

    Returns:
        (n_2, n_1): 1 where the specimen of the second class is ranked higher, 0 lower, .5 alike; NaN for
        pairs of different blocks, or where no pair can be left out.
    """
    at = layout.rows[s]
    contrast, second, block = layout.contrast[at], layout.is_second[at], layout.block[at]
    x = values.linear[at]
    root = np.linalg.cholesky(values.within_products[s] + values.prior(s)[0])
    x = linalg.solve_triangular(root, x.T, lower=True).T if values.p else x
    weight = layout.weight[s]
    d = contrast @ x / weight
    r = x - contrast[:, None] * d
    sizes = np.bincount(block)[block]
    leverage = 1.0 / sizes + contrast**2 / weight
    is_informative = layout.is_compared[at]
    i, j = np.flatnonzero(is_informative & second), np.flatnonzero(is_informative & ~second)
    same_block = block[i][:, None] == block[j]
    hat_ij = same_block / sizes[j] + contrast[i][:, None] * contrast[j] / weight
    hat_i, hat_j = leverage[i][:, None], leverage[j][None, :]
    determinant = (1 - hat_i) * (1 - hat_j) - hat_ij**2
    kept = same_block & (determinant > 1e-9)
    safe = np.where(kept, determinant, 1.0) * weight
    t_i, t_j = contrast[i][:, None], contrast[j][None, :]
    pulls = ((1 - hat_j) * t_i + hat_ij * t_j) / safe, ((1 - hat_i) * t_j + hat_ij * t_i) / safe
    score = _score(r[i], r[j], d, pulls, (1 - hat_i, 1 - hat_j, -hat_ij), kept)
    return np.where(kept, (score > 0) + 0.5 * (score == 0), np.nan)


def _score(
    r_i: Floats,
    r_j: Floats,
    d: Floats,
    pulls: tuple[Floats, Floats],
    room: tuple[Floats, Floats, Floats],
    kept: Booleans,
) -> Floats:
    """(x_i − x_j)'w with w the discriminant without i and j, in coordinates where C + K is the identity."""
    ii, jj, ij = np.sum(r_i**2, axis=1)[:, None], np.sum(r_j**2, axis=1)[None, :], r_i @ r_j.T
    di, dj, dd = (r_i @ d)[:, None], (r_j @ d)[None, :], float(d @ d)
    e_i, e_j = pulls
    u_i, u_j = di + ii - ij, dj + ij - jj
    w_i, w_j = di - e_i * ii - e_j * ij, dj - e_i * ij - e_j * jj
    u_w = dd + di - dj - e_i * u_i - e_j * u_j
    a, b, c = room[0] - ii, room[1] - jj, room[2] - ij
    determinant = np.where(kept, a * b - c**2, 1.0)
    return np.asarray(u_w + (u_i * (b * w_i - c * w_j) + u_j * (a * w_j - c * w_i)) / determinant)
