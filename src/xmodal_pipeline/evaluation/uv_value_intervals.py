"""Confidence limits of squared distances between classes, and the AUC that a distance means."""

import numpy as np
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use
from scipy import special

from xmodal_pipeline.evaluation.uv_value_design import Design, Floats


def distance_limit(
    length: Floats, variance: Floats, *, p: int, df: int, level: float, terms: int = 1
) -> Floats:
    """One-sided confidence limit of a squared distance, by inverting the noncentral F distribution.

    With a ~ N(α, v Σ) in p dimensions and Σ estimated on df degrees of freedom, (df - p + 1) / (df p) Q / v
    with Q = a'Σ⁻¹a is noncentral F with (p, df - p + 1) degrees of freedom and λ = α'Σ⁻¹α / v.

    Args:
        length: Q, any shape; with several terms, v times the sum of Q / v over them.
        variance: v, same shape; with several terms, the inverse of the sum of 1 / v.
        p: dimensions.
        df: degrees of freedom of Σ.
        level: P(limit >= truth): 0.025 and 0.975 are the ends of a 95 % interval.
        terms: number of independent distances averaged with weights 1 / v (then approximate in Σ).

    Returns:
        The limit, in the units of Q and at least 0.
    """
    ratio = (df - p + 1) / (df * p * terms) * np.asarray(length) / variance
    shape = (float(p * terms), float(df - p + 1))
    target = 1.0 - level
    limit = np.where(np.isfinite(ratio), 0.0, np.nan)
    inside = np.isfinite(ratio) & (
        special.ncfdtr(*shape, 0.0, np.where(np.isfinite(ratio), ratio, 0.0)) > target
    )
    if not inside.any():
        return np.asarray(limit * variance)
    limit[inside] = _invert_noncentrality(ratio[inside], shape, target)
    return np.asarray(limit * variance)


def _invert_noncentrality(ratio: Floats, shape: tuple[float, float], target: float) -> Floats:
    from scipy.optimize import elementwise  # on first use, as above

    def excess(noncentrality: Floats, ratio: Floats) -> Floats:
        return np.asarray(special.ncfdtr(*shape, noncentrality, ratio) - target)

    start = 2.0 * shape[0] * (ratio + 1.0)
    bracket = elementwise.bracket_root(
        excess, np.zeros_like(start), start, xmin=np.zeros_like(start), args=(ratio,)
    ).bracket
    return np.asarray(elementwise.find_root(excess, bracket, args=(ratio,)).x)


def area_under_curve(squared_distance: Floats) -> Floats:
    """AUC = Φ(√(max(δ², 0) / 2)) of two normal classes δ standard deviations apart."""
    return np.asarray(special.ndtr(np.sqrt(np.maximum(squared_distance, 0.0) / 2.0)))


def unbiased_distance(length: Floats, variance: Floats, *, p: int, df: int) -> Floats:
    """Q (df - p - 1) / df - p v: the squared distance without the bias of estimating a and Σ."""
    return np.asarray(length * (df - p - 1) / df - p * variance)


def distance_error(distance: Floats, variance: Floats, *, p: int, df: int) -> Floats:
    """Standard error of an unbiased squared distance: the root of its variance under the noncentral F.

    With m = df − p − 1 and λ = max(distance, 0) / v, it is 2 v² [(p + λ)² + (p + 2 λ) m] / (m − 2).

    Args:
        distance: of `unbiased_distance`, any shape.
        variance: v, same shape.
        p: dimensions.
        df: degrees of freedom of Σ.

    Returns:
        The error, in the units of the distance; NaN where df < p + 4, without a variance.
    """
    left = df - p - 1
    if left <= 2:
        return np.full_like(distance, np.nan)
    noncentrality = np.maximum(distance, 0.0) / variance
    spread = (p + noncentrality) ** 2 + (p + 2 * noncentrality) * left
    return np.asarray(variance * np.sqrt(2 * spread / (left - 2)))


def jackknife_contrast(
    first: Floats, second: Floats, design: Design, strata: list[int], *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Half-widths of intervals for δ²(second) - δ²(first), by the jackknife over specimens.

    Every specimen is left out in turn, those of other strata too, since they enter Σ. Spread is taken
    within blocks and classes; t quantiles on n1 + n2 - 2.

    Args:
        first: (N, p) whitened components of one modality.
        second: (N, p) the same of the other.
        design: strata, classes, blocks.
        strata: those wanted.
        level: coverage.

    Returns:
        Estimate and half-width per wanted stratum.
    """
    cell = 2 * design.block + design.is_second
    size = np.bincount(cell)
    estimates, widths = np.empty(len(strata)), np.empty(len(strata))
    for position, s in enumerate(strata):
        contrast = _left_out_distances(second, design, s) - _left_out_distances(first, design, s)
        estimates[position] = contrast[-1]
        mean = np.bincount(cell, weights=contrast[:-1]) / np.maximum(size, 1)
        spread = (contrast[:-1] - mean[cell]) ** 2 * ((size - 1) / np.maximum(size, 1))[cell]
        quantile = scipy.stats.t.ppf(0.5 + level / 2, design.counts[s].sum() - 2)
        widths[position] = quantile * np.sqrt(spread.sum())
    return estimates, widths


def _left_out_distances(values: Floats, design: Design, s: int) -> Floats:
    """δ² of stratum s without each row in turn, and last with all rows, (N + 1,).

    `values` have Σ = I within cells, so a row r with leverage h leaves the cross-product
    df I - r r' / (1 - h), whose inverse is in closed form (Sherman and Morrison).
    """
    df, p = design.df, values.shape[1]
    rows, leverage = design.within_cells(values), design.leverage()
    d = design.difference(values)[s]
    alone = leverage > 1 - 1e-9
    factor = np.where(alone, 0.0, 1.0 / np.where(alone, 1.0, 1.0 - leverage))
    is_inside = design.stratum == s
    pull = np.where(is_inside, design.contrast / design.weight[s], 0.0) * factor
    shifted = d - pull[:, None] * rows
    loss = design.contrast**2 / np.maximum(1.0 - 1.0 / np.bincount(design.block)[design.block], 1e-9)
    weight = design.weight[s] - np.where(is_inside, loss, 0.0)
    df_left = np.where(alone, df, df - 1)
    along = np.sum(shifted * rows, axis=1) / df
    inner = np.sum(shifted**2, axis=1) / df
    inner += factor * along**2 / (1.0 - factor * np.sum(rows**2, axis=1) / df)
    left_out = inner * (df_left - p - 1) - p / weight
    return np.append(left_out, float(d @ d) * (df - p - 1) / df - p / design.weight[s])
