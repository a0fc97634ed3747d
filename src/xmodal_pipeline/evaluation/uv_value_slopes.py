"""Class differences in one modality given the other (Rao's additional information)."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from xmodal_pipeline.evaluation.uv_value_design import Design, Floats, whiten

_SINGULAR = 1e-8
"""Squared length, relative to its degrees of freedom, below which a covariate has nothing left to explain."""

OWN_SLOPES = np.inf
"""Variance ratio under which every stratum keeps its own slope unshrunk."""


@dataclass(frozen=True)
class Slopes:
    """A regression within cells on covariates that depend on one modality and the class alone.

    Slopes common to all strata, and one more slope per stratum along its own discriminant score
    z = x'd/|d| (x whitened, so this is x'Σ⁻¹d up to scale). The slope per stratum is a random effect
    whose variance is `ratio` times that of the residual: infinite gives each stratum its own slope,
    0 leaves the common ones alone.

    Attributes:
        design: strata, classes, blocks.
        score: (N,) z within cells.
        score_difference: (S,) class difference of z, |d|.
        shrinkage: (S,) h = 1 / (z'z + 1 / ratio): a slope is h z'(y - x b).
        score_covariates: (S, p) z'x.
        covariates: (N, p) x less h z z'x, so that common slopes are free of the stratum's own.
        difference: (S, p) g, class difference of these covariates.
        inverse: (p, p) generalised inverse of their cross-product.
        variance: (S,) v, the variance of a class difference in units of the residual covariance.
        df: ν, residual degrees of freedom.
    """

    design: Design
    score: Floats
    score_difference: Floats
    shrinkage: Floats
    score_covariates: Floats
    covariates: Floats
    difference: Floats
    inverse: Floats
    variance: Floats
    df: int

    @classmethod
    def fit(cls, given: Floats, direction: Floats, design: Design, *, ratio: float = OWN_SLOPES) -> Self:
        """Prepare the regression on `given` (N, p), whitened; `direction` (S, p) is each stratum's unit d."""
        rows = design.within_cells(given)
        difference = design.difference(given)
        score = np.sum(rows * direction[design.stratum], axis=1)
        score_difference = np.sum(difference * direction, axis=1)
        length = design.per_stratum(score**2)
        shrinkage = _shrink(length, ratio)
        score_covariates = design.per_stratum(score[:, None] * rows)
        own = shrinkage[:, None] * score_covariates
        covariates = rows - score[:, None] * own[design.stratum]
        difference = difference - score_difference[:, None] * own
        product = rows.T @ rows - score_covariates.T @ own
        inverse, rank = _invert(product, scale=max(design.df, 1))
        weight = design.weight
        variance = np.divide(1.0, weight, out=np.full_like(weight, np.inf), where=weight > 0)
        variance += score_difference**2 * shrinkage + np.sum(difference @ inverse * difference, axis=1)
        n_own = int(np.count_nonzero(shrinkage)) if np.isinf(ratio) else 0
        df = design.df - rank - n_own
        return cls(
            design,
            score,
            score_difference,
            shrinkage,
            score_covariates,
            covariates,
            difference,
            inverse,
            variance,
            df,
        )

    def given_difference(self, response: Floats) -> tuple[Floats, Floats]:
        """Class differences of `response` (N, q) less what the slopes predict, and the residual products.

        Returns:
            a, (S, q); and the (q, q) cross-product, ν times the residual covariance.
        """
        design = self.design
        difference = design.difference(response)
        scores = design.per_stratum(self.score[:, None] * response)
        products = self.covariates.T @ response
        centred = design.centre(response)
        shrunk = self.shrinkage[:, None] * scores
        residual = (
            centred.T @ centred
            - (design.weight[:, None] * difference).T @ difference
            - scores.T @ shrunk
            - products.T @ self.inverse @ products
        )
        predicted = self.score_difference[:, None] * shrunk + self.difference @ self.inverse @ products
        return difference - predicted, residual

    def fitted(self, response: Floats) -> Floats:
        """What the slopes alone explain of `response`, (N, q)."""
        design = self.design
        slopes = self.inverse @ self.covariates.T @ response
        own = design.per_stratum(self.score[:, None] * response) - self.score_covariates @ slopes
        rows = (
            self.covariates
            + self.score[:, None] * (self.shrinkage[:, None] * self.score_covariates)[design.stratum]
        )
        return rows @ slopes + self.score[:, None] * (self.shrinkage[:, None] * own)[design.stratum]


def discriminant_directions(given: Floats, design: Design) -> Floats:
    """Unit vectors (S, p) along each stratum's class difference; 0 where it has none."""
    difference = design.difference(given)
    length = np.linalg.norm(difference, axis=1, keepdims=True)
    return np.asarray(np.divide(difference, length, out=np.zeros_like(difference), where=length > 0))


def estimate_ratio(given: Floats, response: Floats, direction: Floats, design: Design) -> float:
    """Variance of the strata's own slopes over the residual variance, by moments, at least 0.

    Henderson's method III: own slopes take more from the residual cross-product than as many slopes of
    pure noise would, by ratio x trace(Z'QZ), with Q the projection off the common slopes. Averaged over
    the directions of the response in units of its residual covariance.
    """
    own = Slopes.fit(given, direction, design)
    common = Slopes.fit(given, direction, design, ratio=0.0)
    left, before = own.given_difference(response)[1], common.given_difference(response)[1]
    q = response.shape[1]
    if own.df - q - 1 <= 0 or q == 0:
        return 0.0
    taken = np.trace(np.linalg.solve(left, before - left)) * (own.df - q - 1) / q
    length = design.per_stratum(common.score**2).sum()
    explained = np.sum(common.score_covariates @ common.inverse * common.score_covariates)
    if length - explained <= _SINGULAR * length:
        return 0.0
    return max(0.0, float((taken - (common.df - own.df)) / (length - explained)))


def free_directions(response: Floats, slopes: Slopes) -> Floats:
    """The directions (N, q) of a whitened response that the slopes do not determine exactly.

    A band that is a linear function of the other modality leaves rounding error only, which must not
    enter a ratio; with none left, q is 0 and nothing is added.
    """
    residual = slopes.given_difference(response)[1] / max(slopes.df, 1)
    spread, axes = np.linalg.eigh(residual)
    kept = axes[:, spread > _SINGULAR]
    return response @ kept if kept.shape[1] == 0 else whiten(response @ kept, slopes.design)


def _shrink(length: Floats, ratio: float) -> Floats:
    if np.isinf(ratio):
        return np.divide(1.0, length, out=np.zeros_like(length), where=length > _SINGULAR)
    return np.asarray(ratio / (1.0 + ratio * length))


def _invert(product: Floats, *, scale: float) -> tuple[Floats, int]:
    spread, axes = np.linalg.eigh(product)
    kept = spread > _SINGULAR * scale
    return (axes[:, kept] / spread[kept]) @ axes[:, kept].T, int(np.count_nonzero(kept))
