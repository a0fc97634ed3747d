"""Estimates, intervals and p-values of `uv_value`: one row per stratum, one per pool of strata."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from xmodal_pipeline.evaluation.uv_value_design import Booleans, Design, Floats
from xmodal_pipeline.evaluation.uv_value_intervals import (
    area_under_curve,
    distance_error,
    distance_limit,
    jackknife_contrast,
    unbiased_distance,
)
from xmodal_pipeline.evaluation.uv_value_permutation import permutation_p_values
from xmodal_pipeline.evaluation.uv_value_prediction import leave_pair_out_auc
from xmodal_pipeline.evaluation.uv_value_slopes import (
    OWN_SLOPES,
    Slopes,
    discriminant_directions,
    estimate_ratio,
    free_directions,
)


@dataclass(frozen=True)
class Comparison:
    """Class differences of one modality, given another or by itself.

    Attributes:
        full: the slopes, class in the model.
        reduced: the same slopes, class not in the model.
        response: (N, q) whitened directions that the slopes leave free.
        length: (S,) Q = a'Σ⁻¹a.
    """

    full: Slopes
    reduced: Slopes
    response: Floats
    length: Floats

    @classmethod
    def build(cls, given: Floats, response: Floats, design: Design, *, ratio: float = OWN_SLOPES) -> Self:
        """Compare `response` (N, p) given `given` (N, p'), both whitened; p' may be 0."""
        direction = discriminant_directions(given, design)
        response = free_directions(response, Slopes.fit(given, direction, design))
        full = Slopes.fit(given, direction, design, ratio=ratio)
        reduced = Slopes.fit(given, direction, design.without_class(), ratio=ratio)
        difference, residual = full.given_difference(response)
        scaled = np.linalg.solve(residual / max(full.df, 1), difference.T).T
        return cls(full, reduced, response, np.asarray(np.sum(scaled * difference, axis=1)))

    @property
    def q(self) -> int:
        """Dimensions of the response."""
        return int(self.response.shape[1])

    @property
    def is_estimable(self) -> bool:
        """Whether enough degrees of freedom are left for an unbiased distance."""
        return self.full.df - self.q - 1 > 0

    def distance(self) -> Floats:
        """Unbiased squared distance of every stratum; NaN without a class contrast, 0 with nothing left."""
        if self.q == 0:
            return np.zeros_like(self.length)
        variance = np.where(np.isfinite(self.full.variance), self.full.variance, np.nan)
        return unbiased_distance(self.length, variance, p=self.q, df=self.full.df)

    def error(self, strata: Booleans) -> Floats:
        """Standard errors of the squared distances of the strata chosen, taken at their mean.

        An error at each stratum's own estimate would be small where chance made the estimate small: means
        weighted by it are far too low.
        """
        if self.q == 0 or not strata.any():
            return np.zeros(int(strata.sum()))
        mean = np.full(int(strata.sum()), self.distance()[strata].mean())
        return distance_error(mean, self.full.variance[strata], p=self.q, df=self.full.df)

    def limit(self, strata: Booleans, *, level: float) -> Floats:
        """Confidence limit of the squared distance of the strata chosen."""
        if self.q == 0:
            return np.zeros(int(strata.sum()))
        return distance_limit(
            self.length[strata], self.full.variance[strata], p=self.q, df=self.full.df, level=level
        )

    def pooled(self, strata: Booleans) -> tuple[float, float, float]:
        """Mean distance of the strata chosen, weighted by 1 / v, with its 95 % interval."""
        if self.q == 0:
            return 0.0, 0.0, 0.0
        precision = 1.0 / self.full.variance[strata]
        variance = 1.0 / precision.sum()
        length = variance * float(precision @ self.length[strata])
        low, high = (
            float(
                distance_limit(
                    np.array(length),
                    np.array(variance),
                    p=self.q,
                    df=self.full.df,
                    level=level,
                    terms=len(precision),
                )
            )
            for level in (0.025, 0.975)
        )
        return float(precision @ self.distance()[strata]) * variance, low, high

    def p_values(self, groups: Floats, *, permutations: int, rng: np.random.Generator) -> Floats:
        """Permutation p-values, one per row of `groups` (R, S)."""
        return permutation_p_values(
            self.response, self.full, self.reduced, groups, permutations=permutations, rng=rng
        )


@dataclass(frozen=True)
class Comparisons:
    """The four questions of a table, with each species' own slope."""

    rgb: Comparison
    uv: Comparison
    uv_given_rgb: Comparison
    rgb_given_uv: Comparison

    @classmethod
    def build(cls, rgb: Floats, uv: Floats, design: Design) -> Self:
        """Compare both modalities (N, p), whitened, alone and given one another."""
        nothing = np.empty((len(rgb), 0))
        return cls(
            Comparison.build(nothing, rgb, design),
            Comparison.build(nothing, uv, design),
            Comparison.build(rgb, uv, design),
            Comparison.build(uv, rgb, design),
        )


def estimate_strata(
    rgb: Floats, uv: Floats, design: Design, *, minimum_n: int, permutations: int, seed: int
) -> pd.DataFrame:
    """One row per stratum; numbers only where both classes have `minimum_n` specimens."""
    comparisons = Comparisons.build(rgb, uv, design)
    added = comparisons.uv_given_rgb
    is_eligible = (design.counts.min(axis=1) >= minimum_n) & added.is_estimable
    rows = pd.DataFrame({"n_1": design.counts[:, 0], "n_2": design.counts[:, 1], "is_eligible": is_eligible})
    columns = _distances(comparisons, is_eligible)
    groups = np.eye(design.n_strata)[is_eligible]
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)]
    columns["p"] = added.p_values(groups, permutations=permutations, rng=streams[0])
    columns["p_rgb"] = comparisons.rgb.p_values(groups, permutations=permutations, rng=streams[1])
    chosen = [int(s) for s in np.flatnonzero(is_eligible)]
    estimate, width = jackknife_contrast(rgb, uv, design, chosen)
    columns |= {
        "uv_minus_rgb": estimate,
        "uv_minus_rgb_low": estimate - width,
        "uv_minus_rgb_high": estimate + width,
        "auc_rgb_leave_pair_out": leave_pair_out_auc(rgb, design, chosen),
        "auc_uv_leave_pair_out": leave_pair_out_auc(uv, design, chosen),
        "auc_both_leave_pair_out": leave_pair_out_auc(np.hstack((rgb, uv)), design, chosen),
    }
    for name, values in columns.items():
        rows[name] = np.nan
        rows.loc[is_eligible, name] = values
    return rows.assign(nu=added.full.df)


def _distances(comparisons: Comparisons, chosen: Booleans) -> dict[str, Floats]:
    """Squared distances with their limits, and the same as AUC."""
    added, reverse = comparisons.uv_given_rgb, comparisons.rgb_given_uv
    rgb, uv = comparisons.rgb.distance()[chosen], comparisons.uv.distance()[chosen]
    uv_adds = added.distance()[chosen]
    rgb_low = comparisons.rgb.limit(chosen, level=0.05)
    both_upper = area_under_curve(rgb_low + added.limit(chosen, level=0.95))
    return {
        "auc_rgb": area_under_curve(rgb),
        "auc_uv": area_under_curve(uv),
        "auc_both": area_under_curve(rgb + uv_adds),
        "uv_adds": uv_adds,
        "uv_adds_se": added.error(chosen),
        "low": added.limit(chosen, level=0.025),
        "high": added.limit(chosen, level=0.975),
        "rgb_adds": reverse.distance()[chosen],
        "rgb_adds_low": reverse.limit(chosen, level=0.025),
        "rgb_adds_high": reverse.limit(chosen, level=0.975),
        "auc_rgb_upper": area_under_curve(comparisons.rgb.limit(chosen, level=0.95)),
        "auc_gain_upper": both_upper - area_under_curve(rgb_low),
    }


def estimate_pools(
    rgb: Floats, uv: Floats, design: Design, groups: Floats, *, permutations: int, seed: int
) -> pd.DataFrame:
    """One row per pool of strata (R, S): means weighted by 1 / v, slopes shrunk towards the common one.

    A slope of its own for every small stratum would leave no power, a common one alone is false where
    strata differ; the variance ratio that sets the shrinkage is estimated once, from the data.
    """
    added, reverse = _shrunk(rgb, uv, design), _shrunk(uv, rgb, design)
    nothing = np.empty((len(rgb), 0))
    alone = [Comparison.build(nothing, values, design) for values in (rgb, uv)]
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)[2:]]
    rows = pd.DataFrame(
        [_pooled_row(added, reverse, alone, group) for group in groups > 0], columns=list(_POOLED_COLUMNS)
    )
    counts = (groups @ design.counts).astype(int)
    return rows.assign(
        n_1=counts[:, 0],
        n_2=counts[:, 1],
        is_eligible=True,
        p=added.p_values(groups, permutations=permutations, rng=streams[0]),
        p_rgb=alone[0].p_values(groups, permutations=permutations, rng=streams[1]),
        nu=added.full.df,
    )


_POOLED_COLUMNS = (
    *("auc_rgb", "auc_uv", "auc_both", "uv_adds", "low", "high"),
    *("rgb_adds", "rgb_adds_low", "rgb_adds_high"),
)


def _pooled_row(
    added: Comparison, reverse: Comparison, alone: list[Comparison], group: Booleans
) -> list[float]:
    estimate = added.pooled(group)
    rgb, uv = (comparison.pooled(group)[0] for comparison in alone)
    aucs = area_under_curve(np.array([rgb, uv, rgb + estimate[0]]))
    return [*aucs.tolist(), *estimate, *reverse.pooled(group)]


def _shrunk(given: Floats, response: Floats, design: Design) -> Comparison:
    direction = discriminant_directions(given, design)
    free = free_directions(response, Slopes.fit(given, direction, design))
    ratio = estimate_ratio(given, free, direction, design)
    return Comparison.build(given, response, design, ratio=ratio)
