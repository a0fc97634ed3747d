"""Intervals of retrieval against scipy's Wilson interval, order statistics, and their own coverage."""

import numpy as np
import pytest
from scipy.stats import binomtest, t

from xmodal_pipeline.evaluation.rank_intervals import (
    chance_p_values,
    effective_queries,
    retrieval_intervals,
    wilson_interval,
)
from xmodal_pipeline.evaluation.ranks import RankCounts
from xmodal_pipeline.evaluation.retrieval import RetrievalRanks, rank_matches


def counts(better, tied=1, gallery=400):
    better = np.asarray(better)
    return RankCounts(better, np.broadcast_to(tied, better.shape), np.full(better.shape, gallery))


def intervals(better, specimens=None, ks=(1, 2), **others):
    side = counts(better, **others)
    return retrieval_intervals(RetrievalRanks(side, side), ks, specimens=specimens)["uv_to_rgb"]


def scipy_wilson(hits, n):
    found = binomtest(hits, n).proportion_ci(method="wilson")
    return pytest.approx([found.low, found.high], abs=1e-9)


@pytest.mark.parametrize("hits", [0, 1, 9, 27])
def test_recall_without_ties_has_wilsons_interval(hits):
    found = intervals(np.where(np.arange(27) < hits, 0, 9))
    assert found["recall@1_ci"] == scipy_wilson(hits, 27)
    assert found["recall@2_ci"] == scipy_wilson(hits, 27)


def test_each_direction_has_its_own():
    ranks = RetrievalRanks(counts(np.repeat([0, 5], [6, 14])), counts(np.repeat([0, 5], [15, 5])))
    found = retrieval_intervals(ranks, (1,))
    assert found["rgb_to_uv"]["recall@1_ci"] == scipy_wilson(6, 20)
    assert found["uv_to_rgb"]["recall@1_ci"] == scipy_wilson(15, 20)


def test_queries_of_one_specimen_count_once_where_they_agree():
    """Three views with one answer are one query, and the t quantile is that of the specimens."""
    alone = np.where(np.arange(30) < 12, 0, 9)
    found = intervals(np.tile(alone, 3), np.tile(np.arange(30), 3))["recall@1_ci"]
    n = 90 / 89 * 29 * (t.isf(0.025, 89) / t.isf(0.025, 29)) ** 2
    assert found == pytest.approx(wilson_interval(0.4, n))
    assert found[0] < intervals(alone)["recall@1_ci"][0]
    # Views that know nothing of one another are worth nearly one query each.
    rng = np.random.default_rng(0)
    free = rng.permuted(np.tile(alone, (300, 1)), axis=1).ravel()
    values, owners = (free == 0).astype(float), np.tile(np.arange(30), 300)
    assert effective_queries(values, owners, 1.0) == pytest.approx(9000, rel=0.4)


def test_where_all_or_none_are_found_specimens_count_not_their_views():
    owners = np.tile(np.arange(10), 3)
    assert intervals(np.full(30, 7), owners)["recall@1_ci"] == scipy_wilson(0, 10)
    assert intervals(np.zeros(30, int), owners)["recall@1_ci"] == scipy_wilson(10, 10)


def test_a_collapsed_model_has_chance_inside_its_intervals():
    """Everything is tied: each value is that of chance, its interval that of a blind ranking."""
    n = 27
    found = intervals(np.zeros(n, int), tied=n, gallery=n, ks=(1,))
    assert found["recall@1_ci"] == scipy_wilson(1, n)
    # A rank drawn from 1 … n has var(pairwise) (n+1)/(12(n−1)); a proportion of .5 has 1/4.
    worth = (1 / 4) / ((n + 1) / (12 * (n - 1)))
    assert found["pairwise_ci"] == pytest.approx(wilson_interval(0.5, n * worth))
    assert found["median_rank_ci"] == [14, 14]


def test_mean_reciprocal_rank_is_worth_no_more_than_a_blind_one():
    """All ranks are 2 or 3: their own spread would make the interval a tenth as long."""
    found = intervals(np.tile([1, 2], 10), gallery=20)["mrr_ci"]
    blind = 1 / np.arange(1, 21)
    worth = blind.mean() * (1 - blind.mean()) / blind.var()
    assert found == pytest.approx(wilson_interval(5 / 12, 20 * worth))


def test_the_median_rank_lies_between_order_statistics():
    """Wilson's limits of .5 among 10 are .237 and .763: the 2nd and the 9th of ten ranks."""
    better = np.random.default_rng(0).permutation(10) * 3
    assert intervals(better)["median_rank_ci"] == [4, 25]
    assert intervals(np.tile(better, 3), np.tile(np.arange(10), 3))["median_rank_ci"] == [4, 25]


def test_galleries_of_several_sizes_share_one_interval():
    """Five queries among 4 and five among 40, all but two found: the interval of 8 in 10."""
    side = RankCounts(np.array([0] * 8 + [3] * 2), np.ones(10, int), np.repeat([4, 40], 5))
    found = retrieval_intervals(RetrievalRanks(side, side), (1,))["rgb_to_uv"]
    assert found["recall@1_ci"] == scipy_wilson(8, 10)


@pytest.mark.parametrize(("hits", "n"), [(0, 27), (1, 27), (3, 27), (9, 9)])
def test_p_against_chance_is_the_binomial_one(hits, n):
    side = counts(np.where(np.arange(n) < hits, 0, n - 1), gallery=n)
    found = chance_p_values(RetrievalRanks(side, side), (1,))["rgb_to_uv"]["recall@1"]
    assert found == pytest.approx(binomtest(hits, n, 1 / n, alternative="greater").pvalue)
    # Three of 27 put Wilson's lower limit above 1/27, which a blind ranking does in .08 of studies.
    if (hits, n) == (3, 27):
        low = retrieval_intervals(RetrievalRanks(side, side), (1,))["rgb_to_uv"]["recall@1_ci"][0]
        assert low > 1 / 27
        assert found == pytest.approx(0.077, abs=0.001)


def test_a_collapsed_model_and_a_recall_of_the_whole_gallery_are_not_above_chance():
    side = counts(np.zeros(27, int), tied=27, gallery=27)
    found = chance_p_values(RetrievalRanks(side, side), (1, 27))["uv_to_rgb"]
    assert found["recall@1"] > 0.5
    assert found["recall@27"] == 1
    views = counts(np.repeat([0, 9], [10, 20]), gallery=30)
    alone, owned = (
        chance_p_values(RetrievalRanks(views, views), (1,), specimens=one)["rgb_to_uv"]["recall@1"]
        for one in (None, np.arange(30) // 10)
    )
    assert alone < 1e-6
    assert owned > 0.05  # three specimens, one of which is found ten times


def test_intervals_of_a_model_at_chance_hold_chance():
    """Nominal .95; 300 studies of 27 specimens in three views: SE .013. Percentiles give .75 to .9."""
    rng, covered, owners = np.random.default_rng(5), 0, np.tile(np.arange(27), 3)
    for _ in range(300):
        own = rng.normal(size=(2, 27, 8))
        views = [rank_matches(*(own + rng.normal(size=own.shape))).rgb_to_uv for _ in range(3)]
        side = RankCounts(*(np.concatenate(column) for column in zip(*views, strict=True)))
        low, high = retrieval_intervals(RetrievalRanks(side, side), (1,), specimens=owners)["rgb_to_uv"][
            "recall@1_ci"
        ]
        covered += low <= 1 / 27 <= high
    assert 0.91 <= covered / 300 <= 0.99
