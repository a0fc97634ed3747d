"""Steps 1 to 3 of the test: what others say of UV given RGB, and what the species' own RGB explains."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from xmodal_pipeline.evaluation.uv_value.layout import Floats, Integers, Layout
from xmodal_pipeline.evaluation.uv_value.predictors import Predictors

_SQUARE_FROM = 10
"""Specimens from which on the label may depend on the square of the score."""
_STEP = 1.5
"""Factor by which the ridge of an embedding grows."""


@dataclass(frozen=True)
class Slopes:
    """Slopes B (g, q) of UV on the terms of RGB, learnt on other species.

    `used` are the terms that have slopes, `inverse` is A⁻¹ of their cross-product within cells.
    """

    coefficients: Floats
    used: Integers
    inverse: Floats

    def variance(self, combination: Floats) -> float:
        """(G'l)'A⁻¹(G'l), the error of l'G B in units of UV's residual variance; `combination` is G'l."""
        part = combination[self.used]
        return float(part @ self.inverse @ part)


def slopes_of_others(others: Floats, target: Floats, *, p: int, df: float) -> Slopes:
    """Least squares of UV on RGB over the other species, within cells; linear, ridge or none where df is low.

    All terms if df ≥ 5 per term, linear ones if df ≥ 2p + 2, these with a ridge of p + 1 times their mean
    variance if df ≥ p + 2, else none.

    Args:
        others: (g, g) cross-product A of the other species.
        target: (g, q) their cross-product with UV.
        p: linear terms, the first of all.
        df: degrees of freedom of the other species.
    """
    g, q = target.shape
    ridge = 0.0
    if df >= 5 * g:
        used = np.arange(g)
    elif df >= 2 * p + 2:
        used = np.arange(p)
    elif df >= p + 2:
        used = np.arange(p)
        ridge = (p + 1) * float(np.trace(others[:p, :p])) / (p * df)
    else:
        used = np.arange(0)
    inverse = np.linalg.pinv(
        others[np.ix_(used, used)] + ridge * np.eye(len(used)), rcond=1e-12, hermitian=True
    )
    coefficients = np.zeros((g, q))
    coefficients[used] = inverse @ target[used]
    return Slopes(coefficients, used, np.asarray(inverse, dtype=np.float64))


@dataclass(frozen=True)
class Adjustment:
    """What is left of a species once its own RGB is taken out.

    Attributes:
        at: (n,) its rows in blocks that hold both classes.
        residual: (n, n) R₀ = M − H.
        label: (n,) h = M·label.
        is_usable: the label is not itself a function of the score.
    """

    at: Integers
    residual: Floats
    label: Floats

    @property
    def is_usable(self) -> bool:
        """Whether the RGB score leaves anything of the label to go together with UV."""
        return float(self.label @ self.residual @ self.label) > 1e-10


def adjust_for_own_rgb(s: int, rgb: Predictors, layout: Layout) -> Adjustment:
    """Project out the score, its square and block means; shrink the rest by the ridge K.

    In coordinates whitened by K the ridge is a multiple t of the identity; an embedding has no more of them
    than the species has rows.
    """
    at = layout.rows[s]
    at = at[layout.is_compared[at]]
    x, contrast = _whiten(rgb.linear[layout.rows[s]], rgb.prior(s)[0]), layout.contrast[layout.rows[s]]
    difference = contrast @ x / layout.weight[s]
    within = x - contrast[:, None] * difference
    own = x[layout.is_compared[layout.rows[s]]]
    n, strength = len(at), 1.0
    blocks = layout.block[at]
    dummies = (blocks[:, None] == np.unique(blocks)).astype(float)
    while True:
        ridge = strength * np.eye(x.shape[1])
        score = own @ np.linalg.solve(within.T @ within + ridge, difference)
        score = score / (np.std(score) or 1.0)
        columns = [dummies, score[:, None]] + ([score[:, None] ** 2] if n >= _SQUARE_FROM else [])
        basis = linalg.orth(np.hstack(columns))
        centred = own - basis @ (basis.T @ own)
        hat = centred @ np.linalg.solve(centred.T @ centred + ridge, centred.T)
        if not rgb.is_learnt or np.trace(hat) <= (n - 2) / 3:
            break
        strength *= _STEP
    label = layout.is_second[at].astype(float)
    projection = np.eye(n) - basis @ basis.T
    return Adjustment(at, projection - hat, projection @ label)


def _whiten(x: Floats, ridge: Floats) -> Floats:
    if x.shape[1] == 0:
        return x
    whitened = linalg.solve_triangular(np.linalg.cholesky(ridge), x.T, lower=True).T
    if x.shape[1] > len(x):
        left, sizes, _ = np.linalg.svd(whitened, full_matrices=False)
        whitened = left * sizes
    return np.asarray(whitened)
