"""The permutation test against a slow loop of regressions, and its rate of false claims."""

import numpy as np
import pytest

from xmodal_pipeline.evaluation import uv_value_permutation
from xmodal_pipeline.evaluation.uv_value_design import Design, whiten
from xmodal_pipeline.evaluation.uv_value_estimates import Comparison
from xmodal_pipeline.evaluation.uv_value_slopes import discriminant_directions


def make_design(n_strata, n_1, n_2, block=None):
    stratum = np.repeat(np.arange(n_strata), n_1 + n_2)
    is_second = np.tile(np.repeat([False, True], [n_1, n_2]), n_strata)
    return Design.build(stratum, np.zeros(len(stratum), dtype=int) if block is None else block, is_second)


def slow_lengths(matrix, n_blocks, n_strata, response, penalty, df):
    """a'Σ⁻¹a of every stratum from one penalised regression."""
    inverse = np.linalg.pinv(matrix.T @ matrix + np.diag(penalty))
    coefficients = inverse @ matrix.T @ response
    residual = response.T @ response - (matrix.T @ response).T @ coefficients
    a = coefficients[n_blocks : n_blocks + n_strata]
    return np.array([row @ np.linalg.inv(residual / df) @ row for row in a])


@pytest.mark.parametrize("ratio", [np.inf, 0.5])
@pytest.mark.parametrize("n_blocks", [1, 2])
def test_p_values_equal_those_of_a_loop(ratio, n_blocks):
    rng = np.random.default_rng(8)
    n, n_strata = 36, 3
    design = make_design(n_strata, 5, 7, np.tile(np.arange(12) % n_blocks, 3))
    rgb = whiten(rng.normal(size=(n, 2)) + design.is_second[:, None], design)
    uv = whiten(0.6 * rgb + rng.normal(size=(n, 2)) + 0.6 * design.is_second[:, None], design)
    comparison = Comparison.build(rgb, uv, design, ratio=ratio)
    groups = np.vstack((np.eye(3), [[1.0, 1.0, 0.0]]))

    response, direction = comparison.response, discriminant_directions(rgb, design)
    blocks = np.eye(design.block.max() + 1)[design.block]
    strata = np.eye(n_strata)[design.stratum]
    scores = strata * np.sum(rgb * direction[design.stratum], axis=1)[:, None]
    full = np.hstack((blocks, strata * design.is_second[:, None], rgb, scores))
    reduced = np.hstack((blocks, rgb, scores))
    weight = 0.0 if np.isinf(ratio) else 1 / ratio
    full_penalty = np.r_[np.zeros(full.shape[1] - 3), np.full(3, weight)]
    reduced_penalty = np.r_[np.zeros(reduced.shape[1] - 3), np.full(3, weight)]
    fitted = reduced @ np.linalg.solve(reduced.T @ reduced + np.diag(reduced_penalty), reduced.T @ response)
    variance = np.diag(np.linalg.inv(full.T @ full + np.diag(full_penalty)))[blocks.shape[1] :][:3]

    def statistic(values):
        df = comparison.full.df
        return groups @ (slow_lengths(full, blocks.shape[1], 3, values, full_penalty, df) / variance)

    stream = np.random.default_rng(9)
    orders = [
        uv_value_permutation._permutations(design.block[design.stratum == s], 60, stream) for s in range(3)
    ]
    observed, exceeding = statistic(response), np.zeros(4)
    for draw in range(60):
        shuffled = response - fitted
        for s in range(3):
            rows = design.stratum == s
            shuffled[rows] = shuffled[rows][orders[s][:, draw]]
        exceeding += statistic(fitted + shuffled) >= observed * (1 - 1e-9)

    p = comparison.p_values(groups, permutations=60, rng=np.random.default_rng(9))
    np.testing.assert_allclose(p, (1 + exceeding) / 61, atol=1e-12)
    assert len(np.unique(p)) > 1


def test_permutations_stay_within_blocks_and_use_every_row_once():
    block = np.array([3, 3, 3, 5, 5, 9])
    orders = uv_value_permutation._permutations(block, 200, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(orders, axis=0), np.tile(np.arange(6)[:, None], 200))
    np.testing.assert_array_equal(block[orders], np.tile(block[:, None], 200))
    first, counts = np.unique(orders[0], return_counts=True)
    assert first.tolist() == [0, 1, 2]
    assert counts.min() > 40


def test_batches_do_not_change_the_count(monkeypatch):
    rng = np.random.default_rng(10)
    design = make_design(2, 6, 6)
    rgb, uv = (whiten(rng.normal(size=(24, 2)), design) for _ in range(2))
    comparison = Comparison.build(rgb, uv, design)
    one = comparison.p_values(np.eye(2), permutations=499, rng=np.random.default_rng(1))
    monkeypatch.setattr(uv_value_permutation, "_BATCH", 100)
    five = comparison.p_values(np.eye(2), permutations=499, rng=np.random.default_rng(1))
    np.testing.assert_allclose(one, five, atol=0.08)
    np.testing.assert_allclose(one * 500, np.round(one * 500), atol=1e-9)


def simulate_redundant(rng, n_strata, n, slopes):
    """RGB differs between the classes, UV only follows RGB: steeply in some strata, weakly in others."""
    design = make_design(n_strata, n, n)
    rgb = rng.normal(size=(2 * n * n_strata, 3))
    rgb[:, 0] += 2.0 * design.is_second
    uv = slopes[design.stratum][:, None] * rgb + 0.8 * rng.normal(size=rgb.shape)
    return Comparison, whiten(rgb, design), whiten(uv, design), design


def test_a_slope_per_species_prevents_false_claims_that_common_slopes_make():
    rng = np.random.default_rng(11)
    own, common = [], []
    for _ in range(12):
        slopes = rng.permutation(np.repeat([0.3, 0.8], 6))
        _, rgb, uv, design = simulate_redundant(rng, 12, 15, slopes)
        for ratio, p in ((np.inf, own), (0.0, common)):
            comparison = Comparison.build(rgb, uv, design, ratio=ratio)
            p.append(comparison.p_values(np.eye(12), permutations=199, rng=rng))
    # 144 tests each: .05 has a standard error of .018.
    assert np.mean(np.array(own) <= 0.05) < 0.11
    assert np.mean(np.array(common) <= 0.05) > 0.15


def test_p_values_are_uniform_where_uv_adds_nothing():
    rng = np.random.default_rng(12)
    p = []
    for _ in range(30):
        _, rgb, uv, design = simulate_redundant(rng, 10, 7, rng.uniform(0.1, 0.9, 10))
        comparison = Comparison.build(rgb, uv, design)
        p.append(comparison.p_values(np.eye(10), permutations=199, rng=rng))
    # 300 tests: three standard errors about .05 and .5.
    assert 0.012 < np.mean(np.array(p) <= 0.05) < 0.088
    assert 0.41 < np.mean(np.array(p) <= 0.5) < 0.59
