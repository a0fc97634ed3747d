"""Steps 4 to 6 of the test: the class difference of UV given RGB, its variance, and its reference."""

from dataclasses import dataclass

import numpy as np
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use

from xmodal_pipeline.evaluation.uv_value.adjustment import (
    Adjustment,
    Slopes,
    adjust_for_own_rgb,
    slopes_of_others,
)
from xmodal_pipeline.evaluation.uv_value.layout import Booleans, Floats, Layout
from xmodal_pipeline.evaluation.uv_value.moderation import moderate
from xmodal_pipeline.evaluation.uv_value.noise import noise_added
from xmodal_pipeline.evaluation.uv_value.predictors import Predictors, scale
from xmodal_pipeline.evaluation.uv_value.reference import p_value

_LEAST_COMPARED = 2
"""Specimens per class, below which they have no variance."""
MOST_COLUMNS = 5
"""Of UV."""
_LEAST_VARIANCE = 0.15
"""Of the mean variance of a species: the least that one of its classes may have."""
_LEAST_SHARE = 0.2
"""Of a row of UV in its own residual, for pulling it in."""
_SPENT = 1e-9
"""Variance left of a direction of UV, of that within cells, below which it is a function of RGB."""


@dataclass(frozen=True)
class Statistics:
    """The test of every species, (S,) each; NaN where it has fewer than two specimens of a class.

    Attributes:
        t: T.
        q: columns of UV compared.
        dimensions: h, the first degrees of freedom: q, or fewer where species vary along axes of their own.
        df: f*, the second; may be infinite.
        scale: qV / (h s̃²), what a unit of noncentrality is worth as a squared distance.
        p: P(F ≥ T).
        reliability: of the RGB score; 1 where noise is not considered.
    """

    t: Floats
    q: int
    dimensions: float
    df: Floats
    scale: Floats
    p: Floats
    reliability: Floats

    @property
    def is_tested(self) -> Booleans:
        """(S,) Where there are numbers."""
        return np.isfinite(self.p)


@dataclass(frozen=True)
class _Contrast:
    """One species between the steps; `row` is l, `y` UV less the slopes of others."""

    s: int
    adjustment: Adjustment
    slopes: Slopes
    y: Floats
    row: Floats
    residual: Floats
    a: Floats
    e: Floats
    nu: float

    @classmethod
    def build(cls, s: int, adjustment: Adjustment, slopes: Slopes, y: Floats) -> "_Contrast":
        residual = adjustment.residual
        # R₀'s own combination of the label, so that no class difference is left in e, whatever its size.
        label = residual @ adjustment.label
        row = label / (adjustment.label @ label)
        left = residual - np.outer(label, row)
        return cls(s, adjustment, slopes, y, row, left, row @ y, left @ y, float(np.sum(left**2)))


def compare(
    rgb: Predictors, uv: Floats, layout: Layout, *, most: int = MOST_COLUMNS, df_per_column: int = 10
) -> Statistics:
    """Test in every species whether the classes differ in UV (N, k) beyond what RGB says.

    Args:
        rgb: what is known before UV.
        uv: (N, k) features, finite.
        layout: species, blocks, classes.
        most: columns that UV is cut to at most.
        df_per_column: degrees of freedom within cells that a column needs, over the species that are tested.
    """
    scaled, sd = scale(uv, layout)
    df = layout.df[_is_comparable(layout)].sum()  # species that are not tested leave no residual to whiten by
    u = cut_response(rgb, scaled[:, sd > 0], layout, count=int(np.clip(df // df_per_column, 1, most)))
    contrasts = _contrasts(rgb, u, layout)
    free = _free_directions(contrasts)
    if contrasts and free.shape[1] < u.shape[1]:
        u = u @ free
        contrasts = _contrasts(rgb, u, layout)
    if not contrasts or u.shape[1] == 0:
        return _nothing_left(contrasts, layout)
    contrasts = _pull_in(contrasts)
    q, nu = u.shape[1], sum(one.nu for one in contrasts)
    whitener = _whitener(np.sum([one.e.T @ one.e for one in contrasts], axis=0) / nu)
    variances = [_variance(one, whitener, layout) for one in contrasts]
    dimensions = _dimensions(contrasts, variances, whitener)
    moderated, moderated_df = moderate(
        np.array([one.mean for one in variances]), np.array([dimensions * one.df_equal for one in variances])
    )
    empty = np.full(layout.n_species, np.nan)
    result = {name: empty.copy() for name in ("t", "df", "scale", "p", "reliability")}
    for i, (one, variance) in enumerate(zip(contrasts, variances, strict=True)):
        v = variance.of_a * moderated[i] / variance.mean
        v += one.slopes.variance(rgb.terms[one.adjustment.at].T @ one.row)
        v += _noise(one, rgb, u, whitener, layout)
        t = float(np.sum((one.a @ whitener) ** 2)) / (q * v) * (nu - q + 1) / nu
        df = reference_df(q, dimensions, variance.df, variance.df_equal, moderated_df[i], one.nu / nu)
        reliability = rgb.corrections[one.s].reliability if rgb.corrections else 1.0
        unit = q / dimensions * v / moderated[i]
        values = (t, df, unit, p_value(t, dimensions, df), reliability)
        for name, value in zip(result, values, strict=True):
            result[name][one.s] = value
    return Statistics(q=q, dimensions=dimensions, **result)


def cut_response(rgb: Predictors, u: Floats, layout: Layout, *, count: int) -> Floats:
    """UV (N, k), scaled, as the first `count` components of what RGB leaves of it.

    The residual is that of least squares on all terms of RGB within blocks, with no class in the model; with
    five or fewer rows per term a ridge of p + 1 times their mean variance. UV of no more columns stays.
    """
    if u.shape[1] <= count:
        return u
    terms = layout.centre(rgb.terms)
    n, g = terms.shape
    if g == 0:
        residual = u
    elif n > 5 * g:
        residual = u - terms @ np.linalg.lstsq(terms, u, rcond=1e-12)[0]
    else:
        ridge = (rgb.p + 1) / layout.df.sum() * float(np.mean(np.sum(terms**2, axis=0)))
        residual = u - terms @ np.linalg.solve(terms.T @ terms + ridge * np.eye(g), terms.T @ u)
    axes = np.linalg.svd(residual, full_matrices=False)[2][:count]
    return np.asarray(u @ axes.T)


def reference_df(
    q: int, dimensions: float, df: float, df_equal: float, moderated: float, share: float
) -> float:
    """f*, the denominator degrees of freedom of T.

    Args:
        q: columns of UV.
        dimensions: h, those of them that count.
        df: f of the variance of a, classes apart (Bell-McCaffrey).
        df_equal: f₀ of the species' mean variance.
        moderated: f_m of the moderated variance.
        share: w, of the species in all residuals: 1 where it stands alone, which gives Hotelling's T².
    """
    inverse = 1 / moderated + max(1 / (dimensions * df) - 1 / (dimensions * df_equal), 0.0)
    own = 1 / inverse if inverse > 0 else np.inf
    alone = max(own / dimensions - q + 1, 1.0)
    return (1 - share) * own + share * alone if share < 1 else alone


def _contrasts(rgb: Predictors, u: Floats, layout: Layout) -> list[_Contrast]:
    within, terms = layout.within(u), layout.within(rgb.terms)
    products, targets = layout.products(terms, terms), layout.products(terms, within)
    total, target, df = products.sum(axis=0), targets.sum(axis=0), float(layout.df.sum())
    contrasts = []
    for s in np.flatnonzero(_is_comparable(layout)):
        adjustment = adjust_for_own_rgb(int(s), rgb, layout)
        if not adjustment.is_usable:
            continue
        slopes = slopes_of_others(
            total - products[s], target - targets[s], p=rgb.p, df=df - float(layout.df[s])
        )
        y = u[adjustment.at] - rgb.terms[adjustment.at] @ slopes.coefficients
        contrast = _Contrast.build(int(s), adjustment, slopes, y)
        if contrast.nu > _SPENT:
            contrasts.append(contrast)
    return contrasts


def _is_comparable(layout: Layout) -> Booleans:
    """(S,) Species with specimens enough of both classes to be tested."""
    return np.asarray(layout.counts.min(axis=1) >= _LEAST_COMPARED)


def _free_directions(contrasts: list[_Contrast]) -> Floats:
    """(k, k') directions of UV that are no function of RGB, all of them as they are."""
    if not contrasts:
        return np.empty((0, 0))
    spread, axes = np.linalg.eigh(_before_class(contrasts))
    free = spread > _SPENT
    return np.eye(len(spread)) if free.all() else np.asarray(axes[:, free])


def _before_class(contrasts: list[_Contrast]) -> Floats:
    """Covariance (k, k) of R₀y, which does not look at the class."""
    residuals = [one.adjustment.residual @ one.y for one in contrasts]
    weight = sum(float(np.sum(one.adjustment.residual**2)) for one in contrasts)
    return np.asarray(sum(one.T @ one for one in residuals) / weight)


def _pull_in(contrasts: list[_Contrast]) -> list[_Contrast]:
    """Draw the rows of R₀y that lie farther out than 1 in 100 should to where that one lies.

    The measure is the median row of the species: R₀y still holds the class difference, so where that is large
    every row lies far out by the standard of other species.
    """
    whitener = _whitener(_before_class(contrasts))
    q = len(whitener)
    reach = np.sqrt(scipy.stats.chi2.ppf(0.99, q) / scipy.stats.chi2.ppf(0.5, q))
    pulled = []
    for one in contrasts:
        residual = one.adjustment.residual @ one.y
        length = np.linalg.norm(residual @ whitener, axis=1)
        excess = np.maximum(0.0, 1 - reach * np.median(length) / np.maximum(length, 1e-300))
        # A change of y shows in its row of R₀y by R₀'s diagonal alone: the row ends near the bound.
        own = np.maximum(np.diag(one.adjustment.residual), _LEAST_SHARE)
        y = one.y - (excess / own)[:, None] * residual
        pulled.append(_Contrast.build(one.s, one.adjustment, one.slopes, y))
    return pulled


def _whitener(covariance: Floats) -> Floats:
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)).T)


@dataclass(frozen=True)
class _Variance:
    """Variance of each whitened column of a, classes apart; of the mean over rows; and their df."""

    of_a: float
    mean: float
    df: float
    df_equal: float


def _variance(one: _Contrast, whitener: Floats, layout: Layout) -> _Variance:
    residual, e = one.residual, one.e @ whitener
    q = e.shape[1]
    is_second = layout.is_second[one.adjustment.at]
    classes = np.stack([~is_second, is_second]).astype(float)
    spread = classes @ residual**2 @ classes.T
    mean = float(np.sum(e**2)) / (q * one.nu)
    # A pseudo-inverse, for four specimens may tell the classes' variances apart no more.
    solved = np.linalg.pinv(spread, rcond=1e-10)
    by_class = np.maximum(solved @ (classes @ np.sum(e**2, axis=1)) / q, _LEAST_VARIANCE * mean)
    leverage = classes @ one.row**2
    root = np.sqrt(by_class @ classes)
    matrix = root[:, None] * (residual.T @ ((solved.T @ leverage @ classes)[:, None] * residual)) * root
    equal = residual.T @ residual
    return _Variance(float(by_class @ leverage), mean, _satterthwaite(matrix), _satterthwaite(equal))


def _dimensions(contrasts: list[_Contrast], variances: list["_Variance"], whitener: Floats) -> float:
    """h, the mean dimension (tr Σ)² / tr Σ² of a species' own whitened covariance Σ, 1 to q.

    All species together are whitened; one that varies along directions of its own has fewer dimensions, and
    |a|² then has the longer tail of so many.

    References:
        Box (1954) Ann. Math. Stat. 25:290, theorem 3.1, for a sum of unequal χ²; Bai & Saranadasa (1996)
        Stat. Sinica 6:311, equation 3.6, for tr Σ² and (tr Σ)² without bias.
    """
    q = len(whitener)
    squares = traces = 0.0
    for one, variance in zip(contrasts, variances, strict=True):
        f = variance.df_equal
        if f <= 1:
            continue
        covariance = whitener.T @ (one.e.T @ one.e) @ whitener / (one.nu * variance.mean)  # of trace q
        square = f**2 / ((f - 1) * (f + 2)) * (float(np.sum(covariance**2)) - q**2 / f)
        squares += f * square
        traces += f * (q**2 - 2 * square / f)
    return float(np.clip(traces / squares, 1, q)) if squares > 0 else float(q)


def _satterthwaite(matrix: Floats) -> float:
    """tr(D)² / tr(D²) of a symmetric matrix."""
    return float(np.trace(matrix) ** 2 / np.sum(matrix**2))


def _noise(one: _Contrast, rgb: Predictors, u: Floats, whitener: Floats, layout: Layout) -> float:
    """What the noise of RGB adds to the variance of each whitened column of a."""
    if not rgb.corrections:
        return 0.0
    at = layout.rows[one.s]
    slopes = one.slopes.coefficients[: rgb.p]
    if not len(one.slopes.used):
        # Alone, the species' own slopes are those that noise bends.
        within = [
            values[at]
            - layout.contrast[at][:, None] * (layout.contrast[at] @ values[at]) / layout.weight[one.s]
            for values in (rgb.linear, u)
        ]
        ridge = rgb.within_products[one.s] + rgb.prior(one.s)[0]
        slopes = np.linalg.solve(ridge, within[0].T @ within[1])
    difference = layout.contrast[at] @ u[at] / layout.weight[one.s]
    return noise_added(
        rgb.corrections[one.s], slopes @ whitener, (difference - one.a) @ whitener, layout.weight[one.s]
    )


def _nothing_left(contrasts: list[_Contrast], layout: Layout) -> Statistics:
    """No species can be tested, or all of UV is a function of RGB, and the distance is 0."""
    at = [one.s for one in contrasts]
    t, df, size, p = (np.full(layout.n_species, np.nan) for _ in range(4))
    t[at], df[at], size[at], p[at] = 0.0, np.inf, 1.0, 1.0
    return Statistics(t, 1, 1.0, df, size, p, np.where(np.isnan(p), np.nan, 1.0))
