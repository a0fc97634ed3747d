"""Bootstrap weights in bytes and in blocks against the whole matrix of draws at once."""

import tracemalloc

import numpy as np
import pytest

from xmodal_pipeline.evaluation import resampling
from xmodal_pipeline.evaluation.resampling import bootstrap_weights, float_blocks


def drawn_at_once(clusters, strata, bootstraps, seed):
    """Each stratum's draws of all resamples in one call, as numbers of 8 bytes."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((bootstraps, len(clusters)))
    for stratum in np.unique(strata):
        members = np.unique(clusters[strata == stratum])
        drawn = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), bootstraps)
        for member, column in zip(members, drawn.T, strict=True):
            weights[:, clusters == member] = column[:, None]
    return weights


@pytest.mark.parametrize("elements", [1, 60, 10_000])
def test_blocks_draw_what_one_call_draws(monkeypatch, elements):
    monkeypatch.setattr(resampling, "_BLOCK_ELEMENTS", elements)
    clusters = np.random.default_rng(0).integers(0, 30, 100)
    strata = clusters % 3
    weights = bootstrap_weights(clusters, strata, 70, seed=5)
    expected = drawn_at_once(clusters, strata, 70, 5)
    np.testing.assert_array_equal(weights, expected)
    np.testing.assert_array_equal(np.concatenate(list(float_blocks(weights))), expected)


def test_blocks_take_less_than_the_weights_would_as_floats():
    n, bootstraps = 20_000, 1_000
    tracemalloc.start()
    try:
        weights = bootstrap_weights(np.arange(n), None, bootstraps, seed=0)
        sums = [block.sum(1) for block in float_blocks(weights)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.concatenate(sums) == pytest.approx(np.full(bootstraps, n))
    assert peak < 8 * n * bootstraps / 2
