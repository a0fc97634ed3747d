"""RGB as it enters the comparison: scaled, corrected for noise, with its powers, and its prior covariance."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from xmodal_pipeline.evaluation.uv_value.layout import Booleans, Floats, Layout
from xmodal_pipeline.evaluation.uv_value.noise import Correction, Noise

MOST_CURVED = 12
"""Columns of RGB from which on only linear terms are taken: an embedding."""

_JITTER = 1e-12
"""Share of the mean variance added to a prior covariance, so that equal columns do not make it singular."""
_LEARNT_JITTER = 1e-3
"""The same for embeddings, whose covariance over few specimens lacks most directions."""
_ALONE = 1e-4
"""Ridge of a species that has no others to borrow a covariance from, in units of its scaled columns."""


def scale(values: Floats, layout: Layout) -> tuple[Floats, Floats]:
    """Rows (N, k) centred in their block and in units of the pooled SD within cells; and those SDs (k,).

    A column without spread within cells holds nothing to compare and has SD 0 and zeros.
    """
    sd = np.sqrt(np.sum(layout.within(values) ** 2, axis=0) / max(layout.df.sum(), 1.0))
    is_dead = sd <= 1e-10 * np.abs(values).max(axis=0, initial=0.0)
    scaled = layout.centre(values) / np.where(is_dead, 1.0, sd)
    return np.where(is_dead, 0.0, scaled), np.where(is_dead, 0.0, sd)


@dataclass(frozen=True)
class Predictors:
    """What is known before UV: RGB, and covariates such as size.

    Attributes:
        linear: (N, p) x, centred in blocks, in units of the SD within cells.
        terms: (N, g) G = [x, x², x³]; x alone for an embedding. Covariates have no powers.
        within_products: (S, p, p) C, cross-products of x within cells.
        is_learnt: linear terms only.
        df: (S,) degrees of freedom within cells.
        corrections: what noise of RGB takes from x, per species; none if it is taken as free of noise.
    """

    linear: Floats
    terms: Floats
    within_products: Floats
    is_learnt: bool
    df: Floats
    corrections: tuple[Correction, ...] = ()

    @classmethod
    def build(
        cls,
        rgb: Floats,
        covariates: Floats,
        layout: Layout,
        *,
        is_learnt: bool,
        noise: Noise | None = None,
    ) -> Self:
        """Scale (N, k) RGB and (N, c) covariates; columns without spread within cells are dropped."""
        both = np.hstack((rgb, covariates))
        scaled, sd = scale(both, layout)
        kept, is_rgb = sd > 0, np.arange(both.shape[1]) < rgb.shape[1]
        plain = cls._of(scaled[:, kept], is_rgb[kept], layout, is_learnt=is_learnt)
        if noise is None:
            return plain
        here = noise.scaled(sd, kept)
        corrections = []
        linear = plain.linear.copy()
        for s, at in enumerate(layout.rows):
            prior, weight = plain.prior(s)
            covariance = (plain.within_products[s] + prior) / max(plain.df[s] + weight, 1.0)
            difference = layout.contrast[at] @ plain.linear[at] / max(layout.weight[s], 1e-300)
            correction = here.correct(covariance, difference, at, is_rgb[kept], plain.df[s])
            shift = layout.contrast[at][:, None] * difference
            linear[at] = shift + (plain.linear[at] - shift) @ correction.attenuation.T
            corrections.append(correction)
        return cls._of(linear, is_rgb[kept], layout, is_learnt=is_learnt, corrections=tuple(corrections))

    @classmethod
    def _of(
        cls,
        linear: Floats,
        has_powers: Booleans,
        layout: Layout,
        *,
        is_learnt: bool,
        corrections: tuple[Correction, ...] = (),
    ) -> Self:
        curved = linear[:, has_powers]
        terms = linear if is_learnt else np.hstack((linear, curved**2, curved**3))
        within = layout.within(linear)
        return cls(linear, terms, layout.products(within, within), is_learnt, layout.df, corrections)

    @classmethod
    def nothing(cls, layout: Layout) -> Self:
        """No predictors: a modality compared by itself."""
        return cls._of(np.empty((len(layout.species), 0)), np.empty(0, bool), layout, is_learnt=False)

    @property
    def p(self) -> int:
        """Number of linear terms."""
        return int(self.linear.shape[1])

    def prior(self, s: int) -> tuple[Floats, float]:
        """The ridge K of species s, and the degrees of freedom it is worth.

        The covariance of the other species; with no others 10⁻⁴·I where the species' own df > p + 2, else I.
        A stronger ridge leaves the species' own slopes in UV's residual: with unlike covariances and slopes
        p + 1 times as much claims UV in .12 of null species, and gains no power.
        """
        p = self.p
        others = float(self.df.sum() - self.df[s])
        if others > 0:
            covariance = (self.within_products.sum(axis=0) - self.within_products[s]) / others
            jitter = _LEARNT_JITTER if self.is_learnt else _JITTER
            return covariance + jitter * np.trace(covariance) / max(p, 1) * np.eye(p), 1.0
        if not self.is_learnt and self.df[s] > p + 2:
            return _ALONE * np.eye(p), 0.0
        return np.eye(p), 1.0
