"""Species taken together: whether UV adds on average."""

from dataclasses import dataclass

import numpy as np
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use

from xmodal_pipeline.evaluation.uv_value.layout import Floats

_CLIP = 3.0
"""Largest score of one species, so that none carries the pool by itself."""

MINIMUM_POOLED = 3
"""Specimens per class with which a species enters the pooled rows. With 2 + 2 the variances of the classes
cannot be told apart, and p of the pool is far too small (decision 0046)."""
_DF_WITHOUT_VARIANCE = 4.0


@dataclass(frozen=True)
class Pool:
    """What UV adds on average over species.

    Attributes:
        p: of the mean score.
        estimate: mean squared distance, not below 0.
        error: its standard error over species.
        low: lower end of the 95 % t interval over species, not below 0.
        high: upper end.
    """

    p: float
    estimate: float
    error: float
    low: float
    high: float


def pool_species(p: Floats, distances: Floats, df: Floats) -> Pool:
    """Combine the p-values and unbiased squared distances, (S,) each with S ≥ 2, of several species.

    zₛ = Φ⁻¹(1 − pₛ) clipped at ±3, and Z = z̄√S / max(1, sd zₛ): where species differ more than chance makes
    them, their spread is the measure. Species whose distance has no variance, for F has one at df > 4 alone,
    count in p only: of such distances a t interval says nothing.
    """
    z = np.clip(scipy.stats.norm.isf(p), -_CLIP, _CLIP)
    score = float(z.mean() * np.sqrt(len(z)) / max(1.0, z.std(ddof=1)))
    known = distances[np.isfinite(distances) & (df > _DF_WITHOUT_VARIANCE)]
    if len(known) < 2:
        return Pool(float(scipy.stats.norm.sf(score)), np.nan, np.nan, np.nan, np.nan)
    error = float(known.std(ddof=1) / np.sqrt(len(known)))
    mean, reach = float(known.mean()), float(scipy.stats.t.ppf(0.975, len(known) - 1)) * error
    low, estimate, high = (max(value, 0.0) for value in (mean - reach, mean, mean + reach))
    return Pool(float(scipy.stats.norm.sf(score)), estimate, error, low, high)
