"""One comparison of two modalities over all species: the numbers behind a table."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use

from xmodal_pipeline.evaluation.uv_value.contrast import Statistics, compare
from xmodal_pipeline.evaluation.uv_value.layout import Booleans, Floats, Layout
from xmodal_pipeline.evaluation.uv_value.noise import Noise
from xmodal_pipeline.evaluation.uv_value.prediction import leave_pair_out
from xmodal_pipeline.evaluation.uv_value.predictors import Predictors
from xmodal_pipeline.evaluation.uv_value.reference import (
    distance_error,
    distance_limit,
    unbiased_distance,
)

_DF_PER_COLUMN_ALONE = 3
"""A modality by itself is compared whole as far as its covariance can be estimated: what a component that
was cut tells must not be called silence."""


@dataclass(frozen=True)
class Analysis:
    """Specimens ready to be compared.

    Attributes:
        rgb: (N, k).
        uv: (N, m).
        covariates: (N, c), c may be 0.
        layout: species, blocks, classes of the rows.
        is_learnt: RGB is an embedding: linear terms only.
        captures: (N,) captures of RGB behind each row.
        noise: of RGB, where repeated captures tell it.
    """

    rgb: Floats
    uv: Floats
    covariates: Floats
    layout: Layout
    is_learnt: bool
    captures: Floats
    noise: Noise | None = None

    def compare_under(self, noise: Noise | None) -> Statistics:
        """UV given RGB if RGB had this noise."""
        return compare(self._predictors(self.rgb, noise, self.covariates), self.uv, self.layout)

    def estimate(self) -> pd.DataFrame:
        """One row per species that has both classes in numbers, by `species_code`, with all estimates."""
        added = self.compare_under(self.noise)
        alone = self._compare_alone(self.rgb)
        tested = [int(s) for s in np.flatnonzero(added.is_tested)]
        rows = pd.DataFrame({"species_code": tested, "p": added.p[tested], "p_rgb": alone.p[tested]})
        # An embedding has no unit and no sign, and more columns of UV than a covariance is known for.
        is_colour = not self.is_learnt
        rows["p_uv"] = self._compare_alone(self.uv).p[tested] if is_colour else np.nan
        rows["uv_difference"] = self.layout.difference(self.uv)[tested].mean(axis=1) if is_colour else np.nan
        sides = {"rgb": self.rgb, "uv": self.uv, "both": np.hstack((self.rgb, self.uv))}
        for name, values in sides.items():
            predictors = self._predictors(values, None, np.empty((len(values), 0)))
            orders = [leave_pair_out(predictors, self.layout, s) for s in tested]
            rows[f"auc_{name}"] = [np.nanmean(one) if np.isfinite(one).any() else np.nan for one in orders]
        rows["uv_adds_unbiased"] = [unbiased_distance(*_arguments(added, s)) for s in tested]
        limits = {"low": 0.025, "high": 0.975, "uv_adds_upper": 0.95}
        for name, level in limits.items():
            rows[name] = [distance_limit(*_arguments(added, s), level=level) for s in tested]
        rows["uv_adds"] = rows["uv_adds_unbiased"].fillna(0.0).clip(rows["low"], rows["high"])
        mean = float(rows["uv_adds_unbiased"].mean()) if rows["uv_adds_unbiased"].notna().any() else 0.0
        rows["uv_adds_se"] = distance_error(mean, added.dimensions, added.df[tested], added.scale[tested])
        upper = [distance_limit(*_arguments(alone, s), level=0.95) for s in tested]
        rows["auc_rgb_upper"] = np.fmax(scipy.stats.norm.cdf(np.sqrt(np.array(upper) / 2)), rows["auc_rgb"])
        rows["reliability"] = added.reliability[tested] if self.noise else np.nan
        return rows.assign(columns=added.q, df=added.df[tested])

    def _compare_alone(self, values: Floats) -> Statistics:
        """One modality by itself."""
        return compare(
            Predictors.nothing(self.layout),
            values,
            self.layout,
            most=values.shape[1],
            df_per_column=_DF_PER_COLUMN_ALONE,
        )

    def _predictors(self, values: Floats, noise: Noise | None, covariates: Floats) -> Predictors:
        return Predictors.build(values, covariates, self.layout, is_learnt=self.is_learnt, noise=noise)


def _arguments(statistics: Statistics, s: int) -> tuple[float, float, float, float]:
    return float(statistics.t[s]), statistics.dimensions, float(statistics.df[s]), float(statistics.scale[s])


def find_outliers(rgb: Floats, species: np.ndarray, is_second: Booleans, *, reach: float = 5.0) -> Booleans:
    """(N,) Specimens with a feature farther than `reach` robust SDs from the median of their class.

    The robust SD is 1.4826 times the median distance from the class medians, over both classes of a species
    or over all species, whichever is larger: over six specimens a class the first alone is so uncertain that
    one clean specimen in twenty would be set aside. A feature in which half of the specimens are alike has
    none, and sets nobody aside.
    """
    distance = np.empty_like(rgb)
    for s in np.unique(species):
        for second in (False, True):
            cell = (species == s) & (is_second == second)
            if cell.any():
                distance[cell] = np.abs(rgb[cell] - np.median(rgb[cell], axis=0))
    overall = np.median(distance, axis=0)
    is_far = np.zeros(len(rgb), dtype=bool)
    for s in np.unique(species):
        own = species == s
        spread = 1.4826 * np.fmax(np.median(distance[own], axis=0), overall)
        is_far[own] = (distance[own] > reach * np.where(spread > 0, spread, np.inf)).any(axis=1)
    return is_far
