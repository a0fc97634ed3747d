"""The pieces of `uv_value` by hand: layout, F, moderation, slopes, pooling, pairs left out."""

import numpy as np
import pytest
from scipy import stats

from xmodal_pipeline.evaluation.uv_value.adjustment import Slopes, adjust_for_own_rgb, slopes_of_others
from xmodal_pipeline.evaluation.uv_value.analysis import find_outliers
from xmodal_pipeline.evaluation.uv_value.contrast import _Contrast, reference_df
from xmodal_pipeline.evaluation.uv_value.layout import Layout
from xmodal_pipeline.evaluation.uv_value.moderation import invert_trigamma, moderate
from xmodal_pipeline.evaluation.uv_value.pooling import pool_species
from xmodal_pipeline.evaluation.uv_value.prediction import leave_pair_out
from xmodal_pipeline.evaluation.uv_value.predictors import Predictors, scale
from xmodal_pipeline.evaluation.uv_value.reference import (
    distance_error,
    distance_limit,
    p_value,
    unbiased_distance,
)


def lay_out(species, label, block=None):
    species = np.asarray(species, dtype=np.int64)
    block = np.zeros_like(species) if block is None else np.asarray(block, dtype=np.int64)
    return Layout.build(species, block, np.asarray(label) == 1)


def test_layout_of_one_species_in_two_blocks_by_hand():
    layout = lay_out([0] * 6 + [1], [0, 1, 1, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1, 0])
    assert layout.counts.tolist() == [[3, 3], [0, 1]]
    np.testing.assert_allclose(layout.contrast[:3], [-2 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(layout.weight, [4 / 3, 0])
    assert layout.df.tolist() == [6 - 2 - 1, 0]
    v = np.array([[0.0], [4.0], [2.0], [0.0], [0.0], [6.0], [9.0]])
    # Differences of 3 and 6 in blocks of equal weight.
    np.testing.assert_allclose(layout.difference(v), [[4.5], [0.0]])
    np.testing.assert_allclose(layout.within(v).ravel(), [1.0, 0.5, -1.5, -0.5, -0.5, 1.0, 0.0], atol=1e-12)


def test_a_block_of_one_class_is_not_compared():
    layout = lay_out([0] * 5, [0, 1, 0, 1, 1], [0, 0, 0, 1, 1])
    assert layout.counts.tolist() == [[2, 1]]
    assert layout.is_compared.tolist() == [True] * 3 + [False] * 2


def test_scaling_is_by_the_pooled_sd_within_cells_and_a_dead_column_is_zero():
    layout = lay_out([0] * 4, [0, 0, 1, 1])
    scaled, sd = scale(np.array([[1.0, 7], [3, 7], [10, 7], [10, 7]]), layout)
    np.testing.assert_allclose(sd, [1.0, 0.0])
    np.testing.assert_allclose(scaled, [[-5.0, 0], [-3, 0], [4, 0], [4, 0]])


def test_distance_and_its_limits_are_those_of_noncentral_f():
    t, q, df, unit = 4.0, 3, 25.0, 0.4
    low, high = (distance_limit(t, q, df, unit, level=level) for level in (0.025, 0.975))
    assert stats.ncf.cdf(t, q, df, low / unit) == pytest.approx(0.975, abs=1e-9)
    assert stats.ncf.cdf(t, q, df, high / unit) == pytest.approx(0.025, abs=1e-9)
    assert distance_limit(1.0, q, df, unit, level=0.025) == 0.0
    assert p_value(t, q, df) == pytest.approx(stats.f.sf(t, q, df))
    assert p_value(t, q, np.inf) == pytest.approx(stats.chi2.sf(12, 3))
    assert distance_limit(t, q, np.inf, unit, level=0.975) == pytest.approx(
        distance_limit(t, q, 1e8, unit, level=0.975), rel=1e-6
    )


def test_the_estimate_is_unbiased_and_its_error_its_spread():
    q, df, unit, distance = 3, 25.0, 0.4, 2.0
    t = stats.ncf(q, df, distance / unit)
    assert unbiased_distance(t.mean(), q, df, unit) == pytest.approx(distance)
    error = distance_error(distance, np.array(q), np.array(df), np.array(unit))
    assert error == pytest.approx(t.std() * q * (df - 2) / df * unit)
    assert np.isnan(distance_error(distance, np.array(q), np.array(4.5), np.array(unit)))
    assert np.isnan(unbiased_distance(3.0, q, 2.0, unit))


def test_variances_that_differ_by_chance_alone_become_one():
    variances = np.array([0.9, 1.0, 1.1, 1.0, 1.0])
    moderated, df = moderate(variances, np.full(5, 10.0))
    assert np.isinf(df).all()
    np.testing.assert_allclose(moderated, moderated[0])
    few, few_df = moderate(variances[:4], np.full(4, 10.0))
    assert (few == variances[:4]).all()
    assert (few_df == 10).all()


def test_moderation_recovers_its_prior():
    rng = np.random.default_rng(0)
    truth = 2.0 * 8 / rng.chisquare(8, 4000)
    df = rng.integers(5, 20, 4000).astype(float)
    drawn = truth * rng.chisquare(df) / df
    moderated, total = moderate(drawn, df)
    prior_df = (total - df)[0]
    assert prior_df == pytest.approx(8, abs=0.8)
    raw, close = (np.mean(np.log(v / truth) ** 2) for v in (drawn, moderated))
    assert close < 0.8 * raw
    assert invert_trigamma(np.pi**2 / 6) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("df", "used", "ridge"),
    [(30, 6, False), (29, 2, False), (6, 2, False), (5, 2, True), (4, 2, True), (3, 0, False)],
)
def test_slopes_use_as_many_terms_as_the_others_can_tell(df, used, ridge):
    rng = np.random.default_rng(1)
    terms = rng.normal(size=(40, 6))
    target = rng.normal(size=(40, 2))
    slopes = slopes_of_others(terms.T @ terms, terms.T @ target, p=2, df=df)
    assert len(slopes.used) == used
    x = terms[:, :used]
    penalty = 3 * np.mean(np.sum(x**2, axis=0)) / df * np.eye(used) if ridge else 0
    if used:
        np.testing.assert_allclose(
            slopes.coefficients[:used], np.linalg.solve(x.T @ x + penalty, x.T @ target)
        )
    assert (slopes.coefficients[used:] == 0).all()
    g = rng.normal(size=6)
    expected = g[:used] @ np.linalg.inv(x.T @ x + penalty) @ g[:used] if used else 0.0
    assert slopes.variance(g) == pytest.approx(expected)


def test_the_label_left_over_is_orthogonal_to_the_score_its_square_and_the_mean():
    rng = np.random.default_rng(2)
    layout = lay_out(np.repeat([0, 1], 14), np.tile(np.repeat([0, 1], 7), 2))
    rgb = Predictors.build(rng.normal(size=(28, 3)), np.empty((28, 0)), layout, is_learnt=False)
    adjusted = adjust_for_own_rgb(0, rgb, layout)
    x, c = rgb.linear[:14], rgb.within_products
    score = x @ np.linalg.solve(c[0] + c[1] / 12, x[7:].mean(0) - x[:7].mean(0))
    for column in (np.ones(14), score, score**2):
        np.testing.assert_allclose(adjusted.label @ column, 0, atol=1e-9)
        np.testing.assert_allclose(adjusted.residual @ column, 0, atol=1e-9)
    np.testing.assert_allclose(adjusted.residual, adjusted.residual.T, atol=1e-12)


@pytest.mark.parametrize(("n", "is_squared"), [(9, False), (10, True)])
def test_the_square_of_the_score_counts_from_ten_specimens_on(n, is_squared):
    rng = np.random.default_rng(8)
    label = np.tile(np.arange(n) % 2, 2)
    layout = lay_out(np.repeat([0, 1], n), label)
    rgb = Predictors.build(rng.normal(size=(2 * n, 1)), np.empty((2 * n, 0)), layout, is_learnt=False)
    left = adjust_for_own_rgb(0, rgb, layout).residual @ rgb.linear[:n] ** 2
    assert (np.abs(left).max() < 1e-9) == is_squared


def test_blocks_of_one_class_take_no_part():
    rng = np.random.default_rng(9)
    species, label = np.repeat([0, 1], [14, 12]), np.array([0, 1] * 6 + [0, 0] + [0, 1] * 6)
    block = np.array([0] * 12 + [1, 1] + [2] * 12)
    layout = lay_out(species, label, block)
    rgb = Predictors.build(rng.normal(size=(26, 2)), np.empty((26, 0)), layout, is_learnt=False)
    adjusted = adjust_for_own_rgb(0, rgb, layout)
    assert adjusted.at.tolist() == list(range(12))
    assert adjusted.residual.shape == (12, 12)


def test_no_class_difference_of_uv_is_left_in_its_residual():
    rng = np.random.default_rng(4)
    layout = lay_out(np.repeat([0, 1], 14), np.tile(np.repeat([0, 1], 7), 2))
    rgb = Predictors.build(rng.normal(size=(28, 3)), np.empty((28, 0)), layout, is_learnt=False)
    adjusted, slopes = adjust_for_own_rgb(0, rgb, layout), Slopes(np.zeros((3, 1)), np.arange(0), np.eye(0))
    noise, label = rng.normal(size=(14, 1)), np.repeat([[0.0], [1.0]], 7, axis=0)
    plain, apart = (_Contrast.build(0, adjusted, slopes, noise + d * label) for d in (0.0, 12.0))
    np.testing.assert_allclose(apart.e, plain.e, atol=1e-9)
    np.testing.assert_allclose(apart.a - plain.a, 12.0)


def test_an_embedding_explains_at_most_a_third_of_a_species():
    rng = np.random.default_rng(3)
    layout = lay_out(np.repeat([0, 1], 20), np.tile(np.repeat([0, 1], 10), 2))
    rgb = Predictors.build(rng.normal(size=(40, 50)), np.empty((40, 0)), layout, is_learnt=True)
    hat = np.eye(20) - adjust_for_own_rgb(0, rgb, layout).residual
    # Three dimensions are the mean, the score and its square.
    assert 3 < np.trace(hat) <= 3 + 18 / 3


def test_reference_is_hotellings_where_a_species_stands_alone():
    q, df = 3, 3 * 20.0
    assert reference_df(q, q, 20.0, 20.0, df, 1.0) == pytest.approx(20 - q + 1)
    assert reference_df(q, q, 20.0, 20.0, np.inf, 0.5) == np.inf
    # Classes apart with fewer df than the mean variance.
    expected = 1 / (1 / 100 + 1 / 30 - 1 / 60)
    assert reference_df(q, q, 10.0, 20.0, 100.0, 0.0) == pytest.approx(expected)
    assert reference_df(q, q, 20.0, 10.0, 100.0, 0.0) == pytest.approx(100)
    assert reference_df(1, 1, 2.0, 2.0, 2.0, 0.5) == pytest.approx(2.0)
    assert reference_df(5, 5, 2.0, 2.0, 10.0, 1.0) == 1.0
    # Half of the columns count: half the df, of the share that is not its own.
    assert reference_df(4, 2, 10.0, 20.0, np.inf, 0.0) == pytest.approx(1 / (1 / 20 - 1 / 40))


def test_pooling_by_hand():
    pool = pool_species(stats.norm.sf([1.0, 2.0, 9.0]), np.array([1.0, 2.0, 6.0]), np.full(3, 9.0))
    # Scores 1, 2 and 3, for 9 is clipped; their spread is 1.
    assert pool.p == pytest.approx(stats.norm.sf(2 * np.sqrt(3)))
    reach = stats.t.ppf(0.975, 2) * np.std([1, 2, 6], ddof=1) / np.sqrt(3)
    assert (pool.estimate, pool.low, pool.high) == (3.0, 0.0, pytest.approx(3 + reach))
    spread = pool_species(stats.norm.sf([-3.0, 3.0, 3.0]), np.array([1.0, np.nan, 1.0]), np.full(3, np.inf))
    assert spread.p == pytest.approx(stats.norm.sf(np.sqrt(3) / np.sqrt(12)))
    assert spread.estimate == 1.0
    assert np.isnan(pool_species(np.array([0.1, 0.2]), np.array([np.nan, 1.0]), np.full(2, 9.0)).estimate)


def test_a_distance_without_a_variance_counts_in_p_alone():
    p, df = stats.norm.sf([1.0, 1.0, 1.0]), np.array([9.0, 4.0, 4.1])
    pool = pool_species(p, np.array([1.0, 1e6, 3.0]), df)
    assert pool.estimate == 2.0
    assert pool.p == pytest.approx(stats.norm.sf(np.sqrt(3)))


def test_a_specimen_far_from_its_class_is_set_aside():
    rgb = np.zeros((12, 2))
    rgb[:, 0] = [0, 1, 2, 3, 4, 100, 50, 51, 52, 53, 54, 55]
    species, second = np.zeros(12, int), np.repeat([False, True], 6)
    assert np.flatnonzero(find_outliers(rgb, species, second)).tolist() == [5]
    assert not find_outliers(rgb, species, second, reach=70.0).any()
    # The second class lies far away as a whole, and a column alike in half of the specimens says nothing.
    rgb[0, 1] = 9
    assert np.flatnonzero(find_outliers(rgb, species, second)).tolist() == [5]


def test_a_species_alike_in_rgb_sets_nobody_aside_who_is_not_far_out_among_all():
    species, second = np.repeat([0, 1, 2], 6), np.tile(np.arange(6) % 2 == 1, 3)
    rgb = np.tile([[0.0], [0.0], [1.0], [1.0], [2.0], [2.0]], (3, 1))
    rgb[12:] = [[0.0], [0.0], [0.01], [0.01], [0.5], [0.02]]
    # Half a unit is 33 robust SDs of the third species, and not one of all.
    assert not find_outliers(rgb, species, second).any()
    rgb[16] = 9.0
    assert np.flatnonzero(find_outliers(rgb, species, second)).tolist() == [16]


def naive_leave_pair_out(x, label, block, ridge):
    orders = np.full((int((label == 1).sum()), int((label == 0).sum())), np.nan)
    for a, i in enumerate(np.flatnonzero(label == 1)):
        for b, j in enumerate(np.flatnonzero(label == 0)):
            kept = np.ones(len(label), bool)
            kept[[i, j]] = False
            y, z, g = x[kept], label[kept].astype(float), block[kept]
            blocks = (g[:, None] == np.unique(g)).astype(float)
            z_left = z - blocks @ np.linalg.lstsq(blocks, z, rcond=None)[0]
            if block[i] != block[j] or z_left @ z_left < 1e-9:
                continue
            y = y - blocks @ np.linalg.lstsq(blocks, y, rcond=None)[0]
            d = z_left @ y / (z_left @ z_left)
            left = y - np.outer(z_left, d)
            orders[a, b] = float((x[i] - x[j]) @ np.linalg.solve(left.T @ left + ridge, d) > 0)
    return orders


@pytest.mark.parametrize("n_blocks", [1, 2])
def test_leaving_pairs_out_is_refitting_without_them(n_blocks):
    rng = np.random.default_rng(4)
    species, label = np.repeat([0, 1], 16), np.tile([0, 1], 16)
    block = np.arange(32) // 2 % n_blocks
    x = rng.normal(size=(32, 3)) + 0.7 * label[:, None]
    layout = lay_out(species, label, block)
    rgb = Predictors.build(x, np.empty((32, 0)), layout, is_learnt=False)
    for s in (0, 1):
        at = species == s
        expected = naive_leave_pair_out(rgb.linear[at], label[at], block[at], rgb.prior(s)[0])
        found = leave_pair_out(rgb, layout, s)
        assert np.isfinite(found).any()
        np.testing.assert_array_equal(found, expected)


def test_leaving_pairs_out_finds_nothing_where_there_is_nothing():
    rng = np.random.default_rng(5)
    species, label = np.repeat(np.arange(100), 16), np.tile([0, 1], 800)
    layout = lay_out(species, label)
    rgb = Predictors.build(rng.normal(size=(1600, 4)), np.empty((1600, 0)), layout, is_learnt=False)
    areas = [leave_pair_out(rgb, layout, s).mean() for s in range(100)]
    assert np.mean(areas) == pytest.approx(0.5, abs=3 * np.std(areas) / 10)


def test_covariates_have_no_powers_and_dead_columns_go():
    layout = lay_out([0] * 8, [0, 1] * 4)
    rgb = np.stack([np.arange(8.0) ** 2, np.ones(8)], axis=1)
    size = np.arange(8.0)[:, None] % 3
    given = Predictors.build(rgb, size, layout, is_learnt=False)
    assert given.linear.shape == (8, 2)
    np.testing.assert_allclose(
        given.terms, np.hstack([given.linear, given.linear[:, :1] ** 2, given.linear[:, :1] ** 3])
    )
    assert Predictors.build(rgb, size, layout, is_learnt=True).terms.shape == (8, 2)


def test_a_species_alone_has_a_ridge_of_its_own():
    rng = np.random.default_rng(6)
    for n, is_learnt, expected in ((10, False, (1e-4, 0.0)), (4, False, (1.0, 1.0)), (10, True, (1.0, 1.0))):
        layout = lay_out([0] * n, [0, 1] * (n // 2))
        given = Predictors.build(rng.normal(size=(n, 3)), np.empty((n, 0)), layout, is_learnt=is_learnt)
        ridge, worth = given.prior(0)
        np.testing.assert_allclose(ridge, expected[0] * np.eye(3))
        assert worth == expected[1]
