"""The level of variance, borrowed over species: empirical Bayes of Smyth."""

import numpy as np
from scipy import special

from xmodal_pipeline.evaluation.uv_value.layout import Floats

_FEWEST = 5
"""Species below which nothing is borrowed."""


def moderate(variances: Floats, df: Floats) -> tuple[Floats, Floats]:
    """Variances drawn towards a common one, and their degrees of freedom.

    s̃² = (d₀s₀² + d s²) / (d₀ + d), with the prior (d₀, s₀²) by moments of log s². d₀ is infinite, and every
    variance the common one, where they differ no more than chance makes them.

    Args:
        variances: (S,) s².
        df: (S,) their degrees of freedom d.

    Returns:
        (S,) s̃² and (S,) d₀ + d; both as given where there are fewer than five species.

    References:
        Smyth (2004) Stat. Appl. Genet. Mol. Biol. 3:3, section 6.2, with unequal degrees of freedom.
    """
    is_usable = (variances > 0) & (df > 0)
    if is_usable.sum() < _FEWEST:
        return variances, df
    half = df[is_usable] / 2
    level = np.log(variances[is_usable]) - special.digamma(half) + np.log(half)
    excess = level.var(ddof=1) - special.polygamma(1, half).mean()
    if excess <= 0:
        return np.full_like(variances, np.exp(level.mean())), np.full_like(df, np.inf)
    prior_half = invert_trigamma(float(excess))
    prior_df = 2 * prior_half
    prior = np.exp(level.mean() + special.digamma(prior_half) - np.log(prior_half))
    return (prior_df * prior + df * variances) / (prior_df + df), prior_df + df


def invert_trigamma(value: float) -> float:
    """The x > 0 whose trigamma is `value`, by Newton's method as in Smyth's appendix."""
    x = 0.5 + 1 / value
    for _ in range(100):
        trigamma = float(special.polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, x))
        x += step
        if abs(step) < 1e-12 * x:
            break
    return x
