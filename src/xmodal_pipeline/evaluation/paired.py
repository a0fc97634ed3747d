"""Which of several models is better? Paired differences on the same specimens, corrected for their number."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.permutation import p_of_hits
from xmodal_pipeline.evaluation.resampling import bootstrap_weights, float_blocks, percentile_interval
from xmodal_pipeline.evaluation.schema import DIFFERENCE_COLUMNS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_FLIPS_AT_ONCE = 256
"""Bounds the memory at 50,000 specimens to 100 MB."""
_SMALLEST_P = 1e-300
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Measure:
    """One measure of several models on the same specimens."""

    task: str
    label: str
    metric: str
    contributions: dict[str, Floats]
    """Per model (seeds, specimens): a row adds up to that seed's value; 0 where a specimen has no part."""
    strata: Integers
    """(specimens,): what resamples keep, such as the class; −1 for specimens without a part."""
    features: dict[str, str]
    """Per model, what was measured: `rgb`, `uv`, `combined`, `joint`, `rgb+uv`."""
    widening: float = 1.0
    """Of the standard error, where specimens share fitted probes."""


@dataclass(frozen=True)
class _Difference:
    """Model a minus model b: the mean over the seeds of each."""

    measure: Measure
    a: str
    b: str

    @property
    def contributions(self) -> Floats:
        """(specimens,): adds up to the difference."""
        sides = self.measure.contributions
        return np.asarray(sides[self.a].mean(0) - sides[self.b].mean(0))

    def values(self, model: str) -> Floats:
        """One value per seed."""
        return np.asarray(self.measure.contributions[model].sum(1))

    def seed_variances(self) -> list[tuple[float, int]]:
        """Variance of each side's mean that its seeds show, and its degrees of freedom."""
        seeds = [self.values(model) for model in (self.a, self.b)]
        return [(float(v.var(ddof=1)) / len(v), len(v) - 1) for v in seeds if len(v) > 1]


def compare_models(
    measures: Sequence[Measure],
    *,
    bootstraps: int,
    permutations: int,
    seed: int,
    baselines: Collection[str] = (),
) -> pd.DataFrame:
    """Every pair of models, and every model with every baseline, on every measure.

    The test flips the sign of each specimen's whole row of differences: under exchangeable models that
    changes nothing, and one flip for all comparisons keeps their correlation. `p_adjusted` is the step-down
    maximum of the statistics (Westfall & Young 1993) over all rows of a task and family: family-wise error in
    the strong sense, and unlike Holm's it does not pay for comparisons that repeat one another. Statistics of
    probes are first divided by `widening`. Where models have several seeds, the variance that these show is
    added to that of specimens, and the statistic brought to a normal one by Satterthwaite's degrees of
    freedom.

    Args:
        measures: models in one order, baselines last; the first of a pair is `a`.
        bootstraps: resamples of specimens behind each interval.
        permutations: sign flips behind each p-value.
        seed: of both.
        baselines: names of models that are not compared with one another, but with the others, as a family
            of their own.

    Returns:
        A row per measure and pair, `DIFFERENCE_COLUMNS` but for `protocol`: `family` is `baselines` where b
        is one, else `models`; `difference` is a − b with its own 95 % interval `low`, `high`; `n` specimens,
        `n_seeds` of the side that has fewer; `seed_sd_*` is NaN for one seed.
    """
    found, described = [], []
    for measure in measures:
        resampled = _resample(measure, bootstraps, seed)
        for a, b in combinations(measure.contributions, 2):
            if a not in baselines:
                found.append(_Difference(measure, a, b))
                row = _describe(found[-1], resampled[a] - resampled[b])
                described.append(row | {"family": "baselines" if b in baselines else "models"})
    rows = pd.DataFrame(described, columns=DIFFERENCE_COLUMNS[:-1])
    statistics = np.array([_statistic(one) for one in found])
    for members in rows.groupby(["task", "family"], sort=False).indices.values():
        differences = np.stack([found[i].contributions for i in members])
        p, adjusted = sign_flip_p(differences, statistics[members], permutations, seed=seed)
        rows.loc[members, "p"], rows.loc[members, "p_adjusted"] = p, adjusted
    return rows.astype({"p": float, "p_adjusted": float, "n": int, "n_seeds": int})


def sign_flip_p(
    differences: Floats, statistics: Floats, permutations: int, *, seed: int
) -> tuple[Floats, Floats]:
    """Two-sided p-values by itself, and step-down over all rows.

    Args:
        differences: (comparisons, specimens).
        statistics: (comparisons,), in units of the root of the sum of the squared differences.
        permutations: number of flips.
        seed: of the flips.

    Returns:
        p and adjusted p, (comparisons,) each.
    """
    rng = np.random.default_rng(seed)
    lengths = np.sqrt((differences**2).sum(1, keepdims=True))
    unit = (differences / np.where(lengths > 0, lengths, 1)).T
    observed = np.abs(statistics) - _ROUNDING
    order = np.argsort(-observed, kind="stable")
    alone, stepwise = np.zeros(len(observed)), np.zeros(len(observed))
    for start in range(0, permutations, _FLIPS_AT_ONCE):
        count = min(_FLIPS_AT_ONCE, permutations - start)
        signs = rng.integers(0, 2, (count, len(unit)), dtype=np.int8) * 2.0 - 1.0
        flipped = np.abs(signs @ unit)
        alone += (flipped >= observed).sum(0)
        largest = np.maximum.accumulate(flipped[:, order[::-1]], axis=1)[:, ::-1]
        stepwise += (largest >= observed[order]).sum(0)
    adjusted = np.empty_like(stepwise)
    adjusted[order] = np.maximum.accumulate(stepwise)
    return p_of_hits(alone, permutations), p_of_hits(adjusted, permutations)


def _statistic(one: _Difference) -> float:
    """The difference over its standard error, as a normal deviate."""
    contributions = one.contributions
    variance = one.measure.widening**2 * float((contributions**2).sum())
    parts = one.seed_variances()
    total = variance + sum(part for part, _ in parts)
    if total <= 0:
        return 0.0
    t = float(contributions.sum() / np.sqrt(total))
    p = max(float(scipy.stats.t.sf(abs(t), _freedom(total, parts))), _SMALLEST_P)
    return float(np.sign(t) * scipy.stats.norm.isf(p))


def _freedom(total: float, parts: Sequence[tuple[float, int]]) -> float:
    """Satterthwaite's degrees of freedom; those of the specimens count as many."""
    lost = sum(part**2 / df for part, df in parts)
    return float(total**2 / lost) if lost > 0 else np.inf


def _resample(measure: Measure, bootstraps: int, seed: int) -> dict[str, Floats]:
    """Per model (bootstraps,): its value, mean over seeds, in resamples of specimens within strata."""
    used = np.flatnonzero(measure.strata >= 0)
    weights = bootstrap_weights(used, measure.strata[used], bootstraps, seed=seed)
    means = {name: rows[:, used].mean(0) for name, rows in measure.contributions.items()}
    parts = [{name: block @ mean for name, mean in means.items()} for block in float_blocks(weights)]
    return {name: np.concatenate([part[name] for part in parts]) for name in means}


def _describe(one: _Difference, resampled: Floats) -> dict[str, object]:
    measure, (a, b) = one.measure, (one.values(one.a), one.values(one.b))
    low, high = _interval(one, resampled)
    return {
        "a": one.a,
        "b": one.b,
        "task": measure.task,
        "label": measure.label,
        "metric": measure.metric,
        "features_a": measure.features[one.a],
        "features_b": measure.features[one.b],
        "value_a": float(a.mean()),
        "value_b": float(b.mean()),
        "difference": float(one.contributions.sum()),
        "low": low,
        "high": high,
        "p": np.nan,
        "p_adjusted": np.nan,
        "n": int((measure.strata >= 0).sum()),
        "n_seeds": min(len(a), len(b)),
        "seed_sd_a": float(a.std(ddof=1)) if len(a) > 1 else np.nan,
        "seed_sd_b": float(b.std(ddof=1)) if len(b) > 1 else np.nan,
    }


def _interval(one: _Difference, resampled: Floats) -> tuple[float, float]:
    """Percentiles over resampled specimens, widened, with the variance of the seeds added in quadrature."""
    estimate, (low, high) = float(one.contributions.sum()), percentile_interval(resampled)
    widening, parts = one.measure.widening, one.seed_variances()
    between = sum(part for part, _ in parts)
    freedom = _freedom(widening**2 * float(resampled.var()) + between, parts)
    quantile = float(scipy.stats.norm.isf(0.025))
    factor = float(scipy.stats.t.isf(0.025, freedom)) / quantile
    seeds = quantile * np.sqrt(between)
    return (
        estimate - factor * float(np.hypot(widening * (estimate - low), seeds)),
        estimate + factor * float(np.hypot(widening * (high - estimate), seeds)),
    )
