"""Retrieval against brute force over tie orders, another library, and hand-made tables."""

import itertools
import sys

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation import retrieval as measure
from xmodal_pipeline.evaluation.ranks import RankCounts, query_measures, summarise
from xmodal_pipeline.evaluation.retrieval import (
    group_oracle,
    rank_matches,
    rank_within,
)

KS = (1, 2, 3)


def unit_circle(degrees):
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def brute_force(similarity, ks):
    """Average each measure over all orders of the candidates, sorted stably by similarity."""
    n = len(similarity)
    totals = {**{f"recall@{k}": 0.0 for k in ks}, "mrr": 0.0, "pairwise": 0.0}
    orders = list(itertools.permutations(range(n)))
    ranks = np.zeros(n)
    for query in range(n):
        for order in orders:
            ranking = sorted(order, key=lambda j: -similarity[query, j])
            rank = ranking.index(query) + 1
            ranks[query] += rank / len(orders)
            for k in ks:
                totals[f"recall@{k}"] += rank <= k
            totals["mrr"] += 1 / rank
            totals["pairwise"] += 1 - (rank - 1) / (n - 1)
    result = {name: total / (n * len(orders)) for name, total in totals.items()}
    return result | {"median_rank": float(np.median(ranks))}


def test_hand_table():
    """Queries at 0, 90 and 180 degrees; the second and third UV photographs have changed places."""
    rgb, uv = unit_circle([0, 90, 180]), unit_circle([10, 170, 80])
    result = measure(rgb, uv, ks=KS)
    # 0 finds 10; 90 sees 80, then 10 and 170 level (cos 80); 180 sees 170, 80, 10.
    assert result["rgb_to_uv"]["recall@1"] == pytest.approx(1 / 3)
    assert result["rgb_to_uv"]["recall@2"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert result["rgb_to_uv"]["median_rank"] == 2.0
    assert result["rgb_to_uv"]["mrr"] == pytest.approx((1 + (1 / 2 + 1 / 3) / 2 + 1 / 2) / 3)
    # 10 finds 0; 170 sees 180, 90; 80 sees 90, 0, 180.
    assert result["uv_to_rgb"]["recall@1"] == pytest.approx(1 / 3)
    assert result["uv_to_rgb"]["recall@2"] == pytest.approx(2 / 3)
    assert result["uv_to_rgb"]["pairwise"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert result["chance"] == pytest.approx(
        {
            "recall@1": 1 / 3,
            "recall@2": 2 / 3,
            "recall@3": 1,
            "median_rank": 2,
            "mrr": 11 / 18,
            "pairwise": 0.5,
        }
    )
    assert result["n"] == 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_by_expectation_over_all_orders(dtype):
    rng = np.random.default_rng(3)
    rgb = rng.integers(-1, 2, (6, 3)).astype(dtype)
    uv = rng.integers(-1, 2, (6, 3)).astype(dtype)
    rgb[0], uv[1] = 0, 0

    def units(x):
        lengths = np.linalg.norm(x, axis=1, keepdims=True)
        return np.divide(x, lengths, out=np.zeros_like(x, np.float64), where=lengths > 0)

    similarity = (units(rgb) @ units(uv).T).round(9)
    result = measure(rgb, uv, ks=KS)
    assert result["rgb_to_uv"] == pytest.approx(brute_force(similarity, KS))
    assert result["uv_to_rgb"] == pytest.approx(brute_force(similarity.T, KS))


def test_equals_open_clip_without_ties():
    torch = pytest.importorskip("torch")
    from open_clip_train.train import get_clip_metrics

    rng = np.random.default_rng(0)
    rgb = rng.normal(size=(300, 16))
    uv = rgb + 1.5 * rng.normal(size=(300, 16))
    units = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (rgb, uv)]
    theirs = get_clip_metrics(torch.tensor(units[0]), torch.tensor(units[1]), torch.tensor(1.0))
    ours = measure(rgb, uv, ks=(1, 5, 10))
    for direction, name in (("rgb_to_uv", "image_to_text"), ("uv_to_rgb", "text_to_image")):
        for k in (1, 5, 10):
            assert ours[direction][f"recall@{k}"] == pytest.approx(theirs[f"{name}_R@{k}"], abs=1e-12)
        # Theirs floors the median of zero-based ranks.
        assert np.floor(ours[direction]["median_rank"]) == theirs[f"{name}_median_rank"]
    assert ours["rgb_to_uv"] != ours["uv_to_rgb"]


def test_tiles_do_not_change_the_counts(monkeypatch):
    rng = np.random.default_rng(1)
    rgb = rng.normal(size=(53, 4)).round(0)
    uv = (rgb + rng.normal(size=(53, 4))).round(0)
    whole = rank_matches(rgb, uv)
    module = sys.modules[rank_matches.__module__]  # the package's attribute of this name is the function
    monkeypatch.setattr(module, "_TILE_ROWS", 7)
    monkeypatch.setattr(module, "_TILE_COLUMNS", 11)
    for left, right in zip(whole, rank_matches(rgb, uv), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.37])
def test_collapsed_embedding_scores_exactly_chance(dtype, value):
    collapsed = np.full((301, 64), value, dtype)
    result = measure(collapsed, 3 * collapsed)
    assert result["rgb_to_uv"] == pytest.approx(result["chance"], abs=1e-12)
    assert result["uv_to_rgb"] == pytest.approx(result["chance"], abs=1e-12)
    assert result["chance"]["recall@5"] == pytest.approx(5 / 301)
    assert result["chance"]["mrr"] == pytest.approx((1 / np.arange(1, 302)).mean())


def test_ties_are_within_1e6_in_float32_and_1e12_in_float64():
    def near(eps, dtype):
        """Two candidates whose cosines with the first query differ by about eps."""
        rgb = np.array([[1, 0], [0, 1]], np.float64)
        uv = np.array([[0.6, 0.8], [0.6 + eps, np.sqrt(1 - (0.6 + eps) ** 2)]])
        return rank_matches(rgb.astype(dtype), uv.astype(dtype)).rgb_to_uv

    assert near(3e-7, np.float32).tied[0] == 2
    assert near(3e-6, np.float32).tied[0] == 1
    assert near(3e-6, np.float32).better[0] == 1
    assert near(3e-13, np.float64).tied[0] == 2
    assert near(3e-9, np.float64).better[0] == 1


def test_the_match_is_never_its_own_competitor():
    """With one direction per specimen and rounding in every product, everything must be found."""
    rng = np.random.default_rng(5)
    rgb = rng.normal(size=(700, 200)).astype(np.float32)
    result = measure(rgb, rgb * rng.uniform(0.1, 9, (700, 1)).astype(np.float32))
    assert result["rgb_to_uv"]["recall@1"] == 1.0
    assert result["uv_to_rgb"]["mrr"] == 1.0


def test_duplicate_photographs_share_their_rank():
    rgb = np.eye(4)[[0, 0, 1, 2]]
    result = measure(rgb, rgb, ks=(1, 2))
    assert result["rgb_to_uv"]["recall@1"] == pytest.approx((0.5 + 0.5 + 1 + 1) / 4)
    assert result["rgb_to_uv"]["recall@2"] == 1.0


def test_within_groups_equals_separate_galleries_averaged_over_queries():
    rng = np.random.default_rng(2)
    rgb, groups = rng.normal(size=(30, 5)), np.array(["a"] * 12 + ["b"] * 16 + ["c", None], object)
    uv = rgb + rng.normal(size=(30, 5))
    result = measure(rgb, uv, groups=groups)
    parts = {g: measure(rgb[groups == g], uv[groups == g]) for g in "ab"}
    for direction in ("rgb_to_uv", "uv_to_rgb"):
        for key in ("recall@1", "recall@5", "mrr", "pairwise"):
            expected = (12 * parts["a"][direction][key] + 16 * parts["b"][direction][key]) / 28
            assert result["within_groups"][direction][key] == pytest.approx(expected)
    assert result["within_groups"]["chance"]["recall@5"] == pytest.approx((12 * 5 / 12 + 16 * 5 / 16) / 28)
    assert result["within_groups"]["n"] == 28


def test_group_oracle_equals_an_embedding_of_the_species():
    species = np.array(list("aaabbbbbcd"))
    one_hot = pd.get_dummies(species).to_numpy(float)
    expected = measure(one_hot, one_hot, ks=(1, 2, 5))["rgb_to_uv"]
    oracle = group_oracle(species, ks=(1, 2, 5))
    assert {key: oracle[key] for key in expected} == pytest.approx(expected)
    assert oracle["recall@1"] == pytest.approx(4 / 10)  # one per species
    assert measure(one_hot, one_hot, groups=species)["group_oracle"]["recall@1"] == pytest.approx(0.4)


def test_group_oracle_ignores_unlabelled_queries_but_not_their_place_in_the_gallery():
    oracle = group_oracle(["a", "a", None, float("nan")], ks=(1,))
    assert oracle["n"] == 2
    assert oracle["pairwise"] == pytest.approx(1 - 0.5 / 3)
    assert "too few" in group_oracle([None, None])["not_applicable"]


def test_groups_of_one_have_no_within_retrieval():
    rgb = np.eye(3)
    assert rank_within(rgb, rgb, ["a", "b", "c"]) is None
    assert "too few" in measure(rgb, rgb, groups=["a", "b", "c"])["within_groups"]["not_applicable"]


def test_measures_of_hand_made_counts():
    counts = RankCounts(np.array([0, 3]), np.array([1, 2]), np.array([10, 10]))
    measures = query_measures(counts, (1, 4))
    np.testing.assert_allclose(measures["recall@4"], [1, 0.5])
    np.testing.assert_allclose(measures["mrr"], [1, (1 / 4 + 1 / 5) / 2])
    np.testing.assert_allclose(measures["rank"], [1, 4.5])
    np.testing.assert_allclose(measures["pairwise"], [1, 1 - 3.5 / 9])
    assert summarise(counts, (1,))["median_rank"] == pytest.approx(2.75)


def test_bad_input_is_refused():
    with pytest.raises(
        ValueError, match=r"retrieval: rgb and uv must be matrices of one shape .* \(3, 2\) and \(4, 2\)"
    ):
        measure(np.ones((3, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="at least 2 rows"):
        measure(np.ones((1, 2)), np.ones((1, 2)))
    rgb = np.ones((3, 2))
    rgb[1, 0] = np.nan
    with pytest.raises(ValueError, match=r"retrieval: rgb must be finite, .* in 1 row\(s\), the first 1"):
        measure(rgb, np.ones((3, 2)), groups=["a", "a", "b"])
    with pytest.raises(ValueError, match=r"retrieval: uv must be finite, .* in 1 row\(s\), the first 1"):
        measure(np.ones((3, 2)), np.where(np.isnan(rgb), np.inf, rgb))
    with pytest.raises(ValueError, match=r"groups must have one entry per row \(3\), got 2"):
        measure(np.ones((3, 2)), np.ones((3, 2)), groups=["a", "b"])
