"""Limits, jackknife and leave-pair-out AUC against closed forms and slow loops."""

import numpy as np
import pytest
from scipy import stats

from xmodal_pipeline.evaluation.uv_value_design import Design, whiten
from xmodal_pipeline.evaluation.uv_value_estimates import Comparison
from xmodal_pipeline.evaluation.uv_value_intervals import (
    area_under_curve,
    distance_limit,
    jackknife_contrast,
)
from xmodal_pipeline.evaluation.uv_value_prediction import leave_pair_out_auc


def make_design(n_1, n_2, n_strata=1, n_blocks=1):
    stratum = np.repeat(np.arange(n_strata), n_1 + n_2)
    is_second = np.tile(np.repeat([False, True], [n_1, n_2]), n_strata)
    block = np.tile(np.arange(n_1 + n_2) % n_blocks, n_strata)
    return Design.build(stratum, block, is_second)


def test_one_component_in_one_species_is_the_two_sample_t_test():
    rng = np.random.default_rng(0)
    design = make_design(12, 15)
    values = rng.normal(size=(27, 1)) + 1.8 * design.is_second[:, None]
    comparison = Comparison.build(np.empty((27, 0)), whiten(values, design), design)
    t = stats.ttest_ind(values[12:, 0], values[:12, 0]).statistic
    c = 12 * 15 / 27
    np.testing.assert_allclose(comparison.length * c, t**2)
    np.testing.assert_allclose(comparison.distance(), t**2 / c * 23 / 25 - 1 / c)
    for level in (0.025, 0.05, 0.95, 0.975):
        limit = comparison.limit(np.array([True]), level=level)[0]
        np.testing.assert_allclose(stats.ncf.cdf(t**2, 1, 25, c * limit), 1 - level, rtol=1e-6)
    # The same limit from the noncentral t, whose square this is; its other tail is below 1e-9 here.
    shift = np.sqrt(c * comparison.limit(np.array([True]), level=0.975)[0])
    np.testing.assert_allclose(stats.nct.cdf(abs(t), 25, shift), 0.025, rtol=1e-5)


def test_limits_invert_the_noncentral_f_in_many_dimensions_at_once():
    length, variance = np.array([0.3, 4.0, 9.0, 400.0]), np.array([0.2, 0.25, 0.1, 0.2])
    for level in (0.05, 0.975):
        limit = distance_limit(length, variance, p=4, df=60, level=level)
        ratio = 57 / (60 * 4) * length / variance
        reached = stats.ncf.cdf(ratio, 4, 57, limit / variance)
        assert (limit[1:] > 0).all()
        np.testing.assert_allclose(reached[limit > 0], 1 - level, rtol=1e-5)
    assert distance_limit(length, variance, p=4, df=60, level=0.05)[0] == 0.0


def test_limit_is_zero_where_even_no_distance_would_exceed_the_data():
    assert distance_limit(np.array([0.0]), np.array([0.2]), p=3, df=50, level=0.975)[0] == 0.0


def test_limit_of_a_mean_has_the_dimensions_of_all_its_terms():
    limit = distance_limit(np.array([1.5]), np.array([0.02]), p=3, df=200, level=0.975, terms=10)
    ratio = 198 / (200 * 30) * 1.5 / 0.02
    np.testing.assert_allclose(stats.ncf.cdf(ratio, 30, 198, limit / 0.02), 0.025, rtol=1e-6)


def test_limits_cover_the_truth():
    rng = np.random.default_rng(1)
    design = make_design(8, 8, n_strata=4)
    is_in_first = (design.stratum == 0)[:, None]
    lengths, variances = [], []
    for _ in range(300):
        rgb = rng.normal(size=(64, 2))
        uv = (
            0.5 * rgb
            + rng.normal(size=(64, 2))
            + np.array([1.5, 0.0]) * design.is_second[:, None] * is_in_first
        )
        comparison = Comparison.build(whiten(rgb, design), whiten(uv, design), design)
        lengths.append(comparison.length[0])
        variances.append(comparison.full.variance[0])
    assert comparison.full.df == 56 - 2 - 4
    low, high = (
        distance_limit(np.array(lengths), np.array(variances), p=2, df=50, level=level)
        for level in (0.025, 0.975)
    )
    # 300 studies: three standard errors about .025 are .027.
    assert np.mean(low > 2.25) < 0.053
    assert np.mean(high < 2.25) < 0.053
    assert np.mean(low > 0) > 0.4


@pytest.mark.parametrize(
    ("squared", "auc"), [(-1.0, 0.5), (0.0, 0.5), (2.0, 0.841344746), (8.0, 0.977249868)]
)
def test_area_under_curve_of_two_normals(squared, auc):
    np.testing.assert_allclose(area_under_curve(np.array(squared)), auc, rtol=1e-8)


def slow_distance(values, design, keep, s):
    """δ² of a stratum from the kept rows, straight from its definition."""
    stratum, block, second = design.stratum[keep], design.block[keep], design.is_second[keep]
    values = values[keep]
    columns = np.hstack(
        (
            (block[:, None] == np.unique(block)).astype(float),
            *(((stratum == k) & second)[:, None].astype(float) for k in np.unique(stratum)),
        )
    )
    coefficients = np.linalg.lstsq(columns, values, rcond=None)[0]
    df = len(values) - columns.shape[1]
    residual = values - columns @ coefficients
    position = columns.shape[1] - design.n_strata + s
    d = coefficients[position]
    v = np.linalg.inv(columns.T @ columns)[position, position]
    p = values.shape[1]
    return (
        d,
        residual.T @ residual / df,
        d @ np.linalg.inv(residual.T @ residual / df) @ d * (df - p - 1) / df - p * v,
    )


@pytest.mark.parametrize("n_blocks", [1, 2])
def test_jackknife_equals_a_loop_over_specimens(n_blocks):
    rng = np.random.default_rng(2)
    design = make_design(6, 7, n_strata=3, n_blocks=n_blocks)
    rgb, uv = rng.normal(size=(2, 39, 2)) + 0.7 * design.is_second[:, None]
    rgb, uv = whiten(rgb, design), whiten(uv, design)
    estimate, width = jackknife_contrast(rgb, uv, design, [1])
    everyone = np.arange(39)
    left_out = np.array(
        [
            slow_distance(uv, design, everyone != i, 1)[2] - slow_distance(rgb, design, everyone != i, 1)[2]
            for i in range(39)
        ]
    )
    cells = 2 * design.block + design.is_second
    total = 0.0
    for cell in np.unique(cells):
        here = left_out[cells == cell]
        total += (len(here) - 1) / len(here) * np.sum((here - here.mean()) ** 2)
    np.testing.assert_allclose(
        estimate[0],
        slow_distance(uv, design, everyone >= 0, 1)[2] - slow_distance(rgb, design, everyone >= 0, 1)[2],
    )
    np.testing.assert_allclose(width[0], stats.t.ppf(0.975, design.counts[1].sum() - 2) * np.sqrt(total))


@pytest.mark.parametrize("n_blocks", [1, 2])
def test_leave_pair_out_auc_equals_a_loop_over_pairs(n_blocks):
    rng = np.random.default_rng(3)
    design = make_design(6, 7, n_strata=2, n_blocks=n_blocks)
    values = rng.normal(size=(26, 3)) + 0.5 * design.is_second[:, None]
    wanted = leave_pair_out_auc(values, design, [0, 1])
    for s in (0, 1):
        is_right = []
        for i in np.flatnonzero((design.stratum == s) & design.is_second):
            for j in np.flatnonzero((design.stratum == s) & ~design.is_second):
                if design.block[i] != design.block[j]:
                    continue
                keep = np.ones(26, dtype=bool)
                keep[[i, j]] = False
                d, covariance, _ = slow_distance(values, design, keep, s)
                is_right.append((values[i] - values[j]) @ np.linalg.solve(covariance, d) > 0)
        np.testing.assert_allclose(wanted[s], np.mean(is_right))
    assert 0.4 < wanted.mean() < 1.0


def test_leave_pair_out_auc_is_the_same_whichever_class_comes_first():
    rng = np.random.default_rng(4)
    stratum, block = np.zeros(16, dtype=int), np.zeros(16, dtype=int)
    is_second = np.repeat([False, True], 8)
    values = rng.normal(size=(16, 2)) + is_second[:, None]
    first = leave_pair_out_auc(values, Design.build(stratum, block, is_second), [0])
    other = leave_pair_out_auc(values, Design.build(stratum, block, ~is_second), [0])
    assert first[0] == other[0] > 0.5
