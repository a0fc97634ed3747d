"""Slopes, differences and distances of `uv_value` against ordinary least squares and known truths."""

import numpy as np
import pytest

from xmodal_pipeline.evaluation.uv_value_design import Design, reduce_features, whiten
from xmodal_pipeline.evaluation.uv_value_estimates import Comparison
from xmodal_pipeline.evaluation.uv_value_slopes import (
    Slopes,
    discriminant_directions,
    estimate_ratio,
    free_directions,
)


def make_design(n_strata, n_1, n_2, n_blocks=1, seed=0):
    rng = np.random.default_rng(seed)
    stratum = np.repeat(np.arange(n_strata), n_1 + n_2)
    is_second = np.tile(np.repeat([False, True], [n_1, n_2]), n_strata)
    return Design.build(stratum, rng.integers(0, n_blocks, len(stratum)), is_second)


def explicit_columns(design, given, direction):
    """Block means, a class column per stratum, common slopes, raw scores per stratum."""
    blocks = np.eye(design.block.max() + 1)[design.block]
    strata = np.eye(design.n_strata)[design.stratum]
    classes = strata * design.is_second[:, None]
    scores = strata * np.sum(given * direction[design.stratum], axis=1)[:, None]
    return blocks, classes, given, scores


@pytest.mark.parametrize("n_blocks", [1, 3])
@pytest.mark.parametrize("ratio", [np.inf, 0.4, 0.0])
def test_given_difference_is_the_class_coefficient_of_a_regression(n_blocks, ratio):
    rng = np.random.default_rng(1)
    design = make_design(4, 7, 9, n_blocks)
    given, response = rng.normal(size=(2, 64, 3))
    direction = discriminant_directions(given, design)
    blocks, classes, common, scores = explicit_columns(design, given, direction)
    matrix = np.hstack((blocks, classes, common, scores) if ratio > 0 else (blocks, classes, common))
    penalty = np.zeros(matrix.shape[1])
    if 0 < ratio < np.inf:
        penalty[-4:] = 1 / ratio
    inverse = np.linalg.inv(matrix.T @ matrix + np.diag(penalty))
    chosen = slice(blocks.shape[1], blocks.shape[1] + 4)
    coefficients = inverse @ matrix.T @ response

    slopes = Slopes.fit(given, direction, design, ratio=ratio)
    difference, residual = slopes.given_difference(response)

    np.testing.assert_allclose(difference, coefficients[chosen], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(slopes.variance, np.diag(inverse)[chosen], rtol=1e-9)
    expected = response.T @ response - (matrix.T @ response).T @ coefficients
    np.testing.assert_allclose(residual, expected, rtol=1e-9, atol=1e-9)
    n_fixed = matrix.shape[1] - (4 if 0 < ratio < np.inf else 0)
    assert slopes.df == 64 - n_fixed


def test_one_stratum_has_no_slope_beyond_the_common_ones():
    rng = np.random.default_rng(2)
    design = make_design(1, 10, 10)
    given, response = rng.normal(size=(2, 20, 3))
    own = Slopes.fit(given, discriminant_directions(given, design), design)
    common = Slopes.fit(given, discriminant_directions(given, design), design, ratio=0.0)
    assert own.df == common.df == 18 - 3
    np.testing.assert_allclose(own.given_difference(response)[0], common.given_difference(response)[0])
    np.testing.assert_allclose(own.variance, common.variance)


def test_degrees_of_freedom_are_specimens_less_cells():
    stratum = np.array([0, 0, 0, 0, 1, 1, 2])
    is_second = np.array([False, False, True, True, False, False, True])
    design = Design.build(stratum, np.zeros(7, dtype=int), is_second)
    assert design.df == 7 - 4
    np.testing.assert_allclose(design.weight, [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(design.counts, [[2, 2], [2, 0], [0, 1]])


def test_distances_are_unbiased():
    rng = np.random.default_rng(3)
    design = make_design(5, 8, 10)
    is_second = design.is_second[:, None]
    in_first = (design.stratum == 0)[:, None]
    mixing = np.array([[0.6, 0.3], [-0.2, 0.5]])
    rgb_shift, added = np.array([1.0, 0.5]), np.array([0.0, 1.2])
    draws = []
    for _ in range(400):
        rgb = rng.normal(size=(90, 2)) + rgb_shift * is_second
        uv = rgb @ mixing + 0.7 * (rng.normal(size=(90, 2)) + added * is_second * in_first)
        rgb, uv = whiten(rgb, design), whiten(uv, design)
        alone = Comparison.build(np.empty((90, 0)), rgb, design).distance()
        given = Comparison.build(rgb, uv, design).distance()
        draws.append([alone[0], alone[1], given[0], given[1], given[4]])
    mean, error = np.mean(draws, axis=0), np.std(draws, axis=0) / np.sqrt(400)
    # Truth: |rgb_shift|² in both strata, then |added|² in the first alone. Four standard errors.
    np.testing.assert_array_less(np.abs(mean - [1.25, 1.25, 1.44, 0.0, 0.0]), 4 * error)
    assert error.max() < 0.12


def test_a_linear_function_of_the_other_modality_adds_exactly_nothing():
    rng = np.random.default_rng(4)
    design = make_design(3, 8, 8)
    rgb = whiten(rng.normal(size=(48, 3)) + design.is_second[:, None], design)
    comparison = Comparison.build(rgb, whiten(rgb @ rng.normal(size=(3, 3)), design), design)
    assert comparison.q == 0
    np.testing.assert_array_equal(comparison.distance(), 0.0)
    assert comparison.p_values(np.eye(3), permutations=19, rng=rng).tolist() == [1.0, 1.0, 1.0]


def test_only_the_free_directions_of_a_partly_determined_modality_count():
    rng = np.random.default_rng(5)
    design = make_design(3, 8, 8)
    rgb, free = rng.normal(size=(48, 2)), rng.normal(size=(48, 1))
    rgb = whiten(rgb, design)
    direction = discriminant_directions(rgb, design)
    slopes = Slopes.fit(rgb, direction, design)
    kept = free_directions(whiten(np.hstack((rgb[:, :1] + rgb[:, 1:], free)), design), slopes)
    assert kept.shape == (48, 1)
    both = Comparison.build(rgb, kept, design).length
    np.testing.assert_allclose(both, Comparison.build(rgb, whiten(free, design), design).length, rtol=1e-6)


def test_variance_ratio_of_slopes_is_recovered():
    rng = np.random.default_rng(6)
    design = make_design(40, 5, 5)
    direction = np.tile([1.0, 0.0], (40, 1))
    estimates = []
    for _ in range(100):
        rgb = rng.normal(size=(400, 2))
        own = rng.normal(0, np.sqrt(0.3), size=(40, 2))
        uv = rng.normal(size=(400, 2)) + 0.5 * rgb + rgb[:, :1] * own[design.stratum]
        estimates.append(estimate_ratio(rgb, uv, direction, design))
    assert abs(np.mean(estimates) - 0.3) < 4 * np.std(estimates) / 10
    assert np.std(estimates) / 10 < 0.02


def test_variance_ratio_is_zero_when_slopes_vary_less_than_chance():
    design = make_design(2, 4, 4)
    rgb = np.tile([-1.0, -0.5, 0.5, 1.0], 4)[:, None]
    uv = rgb + np.tile([1.0, -1.0, -1.0, 1.0], 4)[:, None]
    assert estimate_ratio(rgb, uv, np.ones((2, 1)), design) == 0.0


def test_components_follow_the_variance_within_blocks_and_not_the_species():
    rng = np.random.default_rng(7)
    design = make_design(4, 10, 10)
    wide = rng.normal(size=80)
    values = np.stack((rng.normal(size=80) * 0.1 + 50 * design.stratum, wide * 2), axis=1)
    reduced = reduce_features(values, design, 1)[:, 0]
    within = design.within_cells(np.stack((reduced, wide), axis=1))
    assert abs(np.corrcoef(within.T)[0, 1]) > 0.99
    np.testing.assert_allclose(np.sum(within[:, 0] ** 2) / design.df, 1.0)
