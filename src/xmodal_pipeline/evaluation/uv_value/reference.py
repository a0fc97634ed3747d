"""The F distribution as reference: p-values, the unbiased squared distance, and its limits."""

import math

import numpy as np
import scipy  # not its submodule optimize, which loads by itself on first use
from scipy import special

from xmodal_pipeline.evaluation.uv_value.layout import Floats

_MOST = 1e9
"""Degrees of freedom from which on the reference is χ²: F differs from it by less than 1e-9."""


def p_value(t: float, h: float, df: float) -> float:
    """P(F ≥ t) with h and df degrees of freedom, the second of which may be infinite."""
    return float(special.chdtrc(h, h * t) if df > _MOST else special.fdtrc(h, df, t))


def unbiased_distance(t: float, h: float, df: float, scale: float) -> float:
    """A = (hT(df − 2)/df − h)·scale, which may be negative; NaN where its mean does not exist (df ≤ 2)."""
    if df <= 2:
        return math.nan
    shrink = 1.0 if df > _MOST else (df - 2) / df
    return (h * t * shrink - h) * scale


def distance_limit(t: float, h: float, df: float, scale: float, *, level: float) -> float:
    """`scale` times the noncentrality at which noncentral F lies below t with probability 1 − level.

    Args:
        t: the statistic.
        h: its first degrees of freedom.
        df: its second, which may be infinite.
        scale: what a unit of noncentrality is worth, qV / (h s̃²).
        level: of the limit: .025 gives the lower end of a 95 % interval, .975 the upper.

    Returns:
        The limit; 0 where even no distance makes so small a t unlikely.
    """
    if 1 - p_value(t, h, df) <= 1 - level:
        return 0.0

    def excess(noncentrality: float) -> float:
        below = (
            special.chndtr(h * t, h, noncentrality) if df > _MOST else special.ncfdtr(h, df, noncentrality, t)
        )
        # NaN where the probability is too small for the series.
        return (0.0 if np.isnan(below) else float(below)) - (1 - level)

    highest = max(10.0, 4.0 * h * t)
    while excess(highest) > 0:
        highest *= 2
    return scale * float(scipy.optimize.brentq(excess, 0.0, highest, xtol=1e-11, rtol=1e-13))


def distance_error(distance: float, h: float, df: Floats, scale: Floats) -> Floats:
    """Standard error (S,) of the unbiased squared distance where the truth is `distance`.

    NaN if df < 5: its variance is hardly defined there.

    References:
        The variance of noncentral F: Johnson, Kotz & Balakrishnan (1995) Continuous Univariate
        Distributions 2, ch. 30.
    """
    noncentrality = max(distance, 0.0) / scale
    finite = np.minimum(df, _MOST)
    usable = np.maximum(finite, 5.0)
    spread = (h + noncentrality) ** 2 / (usable - 2) + h + 2 * noncentrality
    error = np.sqrt(2 * spread * (usable - 2) / (usable - 4)) * scale
    return np.where(finite < 5, np.nan, error)
