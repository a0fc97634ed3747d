"""Bootstrap weights in bytes and in blocks against the whole matrix of draws at once."""

import tracemalloc

import numpy as np
import pytest

from xmodal_pipeline.evaluation import resampling
from xmodal_pipeline.evaluation.ranks import RankCounts
from xmodal_pipeline.evaluation.resampling import bootstrap_weights, float_blocks
from xmodal_pipeline.evaluation.retrieval import RetrievalRanks, retrieval_intervals


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


def test_intervals_of_retrieval_do_not_depend_on_the_blocks(monkeypatch):
    rng = np.random.default_rng(1)
    n = 300
    better, tied = rng.integers(0, n // 2, (2, n)), rng.integers(1, 4, (2, n))
    sides = (RankCounts(b, t, np.full(n, n)) for b, t in zip(better, tied, strict=True))
    ranks = RetrievalRanks(*sides)
    whole = retrieval_intervals(ranks, seed=2, specimens=np.arange(n) // 2)
    monkeypatch.setattr(resampling, "_BLOCK_ELEMENTS", 7 * n)
    for direction, measures in retrieval_intervals(ranks, seed=2, specimens=np.arange(n) // 2).items():
        for name, interval in measures.items():
            assert interval == pytest.approx(whole[direction][name], rel=1e-13)


def test_intervals_take_less_than_the_weights_would_as_floats():
    n, bootstraps = 20_000, 1_000
    ranks = RankCounts(np.arange(n) % 50, np.ones(n, np.int64), np.full(n, n))
    tracemalloc.start()
    try:
        retrieval_intervals(RetrievalRanks(ranks, ranks), bootstraps=bootstraps)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * n * bootstraps / 2
