"""Validation retrieval against hand-made cases and random tie-breaking."""

import numpy as np
import pytest
import torch

from xmodal_pipeline.training.validation import is_as_good, retrieval_score


def at_angles(*degrees: float) -> torch.Tensor:
    angles = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_perfect_and_reversed_matches():
    three = at_angles(0, 60, 120)
    assert retrieval_score(three, three) == (1.0, 1.0)
    two = at_angles(0, 90)
    assert retrieval_score(two, two.flip(0)) == (0.0, 0.0)


def test_hand_made_directions_are_averaged():
    queries, keys = at_angles(0, 50, 100), at_angles(10, 20, 110)
    # From the queries: 50 lies nearer to 20 than to 10 and 110 (30, 40, 60): all three find their match.
    # From the keys: 20 lies nearer to 0 than to 50, so the second finds its match second of three.
    score = retrieval_score(queries, keys)
    assert score.recall_at_1 == pytest.approx((1 + 2 / 3) / 2)
    assert score.match_above_other == pytest.approx((1 + (1 + 0.5 + 1) / 3) / 2)
    assert retrieval_score(keys, queries) == score


def test_collapsed_projections_score_chance():
    same = torch.ones(8, 4)
    score = retrieval_score(same, same)
    assert score.recall_at_1 == pytest.approx(1 / 8)
    assert score.match_above_other == pytest.approx(0.5)


def test_ties_count_by_expectation_over_random_orders():
    generator = np.random.default_rng(0)
    queries, keys = at_angles(0, 0, 90, 90), at_angles(0, 0, 0, 90)
    similarity = (queries @ keys.T).numpy()
    hits = []
    for _ in range(4000):
        shuffled = similarity + 1e-3 * generator.random(similarity.shape)
        hits.append([(s.argmax(axis=1) == np.arange(4)).mean() for s in (shuffled, shuffled.T)])
    assert retrieval_score(queries, keys).recall_at_1 == pytest.approx(np.mean(hits), abs=0.01)


def test_length_of_projections_is_ignored():
    generator = torch.Generator().manual_seed(0)
    queries, keys = torch.randn(9, 5, generator=generator), torch.randn(9, 5, generator=generator)
    lengths = torch.arange(1.0, 10.0)[:, None]
    assert retrieval_score(queries * lengths, keys) == retrieval_score(queries, keys)


def test_as_good_is_within_one_standard_error():
    # (.9 · 96 + 2) / 100 = .884, and sqrt(.884 · .116 / 100) = .032
    assert is_as_good(0.869, 0.9, 96)
    assert not is_as_good(0.867, 0.9, 96)
    assert not is_as_good(0.869, 0.9, 9600)
    # One miss among both directions of 20 is no reason to go back to a lucky epoch.
    assert is_as_good(0.975, 1.0, 20)
    assert not is_as_good(0.9, 1.0, 20)
