"""Weighted k-NN against a naive loop, lightly, and what a collapsed embedding must say."""

import numpy as np
import pytest
import torch
from lightly.utils.benchmarking.knn import knn_predict

from xmodal_pipeline.evaluation import nearest
from xmodal_pipeline.evaluation.nearest import _kth_largest, cross_fit_knn, weighted_knn
from xmodal_pipeline.evaluation.probes import make_folds


def _unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(7, 16))
    classes = rng.integers(0, 7, 300)
    known = (centres[classes] + 2 * rng.normal(size=(300, 16))).astype(np.float32)
    return known, classes, rng.normal(size=(90, 16)).astype(np.float32)


def test_votes_equal_a_naive_loop(embeddings):
    known, classes, queries = embeddings
    votes = weighted_knn(known, classes, queries, n_classes=7, k=11, temperature=0.2)
    for query, vote in zip(_unit(queries), votes, strict=True):
        cosines = _unit(known) @ query
        expected = np.zeros(7)
        for row in np.argsort(-cosines)[:11]:
            expected[classes[row]] += np.exp(cosines[row] / 0.2)
        np.testing.assert_allclose(vote, expected / expected.sum(), rtol=2e-5)


def test_chunks_change_nothing(embeddings, monkeypatch):
    known, classes, queries = embeddings
    whole = weighted_knn(known, classes, queries, n_classes=7)
    monkeypatch.setattr(nearest, "_TILE_ELEMENTS", 1000)
    np.testing.assert_allclose(weighted_knn(known, classes, queries, n_classes=7), whole, rtol=1e-5)


def test_predictions_equal_lightly(embeddings):
    known, classes, queries = embeddings
    ranked = knn_predict(
        torch.from_numpy(_unit(queries)),
        torch.from_numpy(_unit(known)).T,
        torch.from_numpy(classes),
        num_classes=7,
        knn_k=20,
        knn_t=0.07,
    )
    votes = weighted_knn(known, classes, queries, n_classes=7, k=20, temperature=0.07)
    np.testing.assert_array_equal(votes.argmax(1), ranked[:, 0].numpy())


def test_level_neighbours_share_the_places_that_are_left():
    known = np.array([[1, 0], [0, 1], [0, 1], [0, 1]], float)
    votes = weighted_knn(known, [0, 1, 1, 0], np.array([[0, 1.0]]), n_classes=2, k=2, temperature=1.0)
    np.testing.assert_allclose(votes, [[1 / 3, 2 / 3]], rtol=1e-6)
    collapsed = weighted_knn(np.ones((8, 3)), [0, 0, 0, 0, 0, 0, 1, 1], np.ones((2, 3)), n_classes=2, k=3)
    np.testing.assert_allclose(collapsed, [[0.75, 0.25]] * 2, rtol=1e-6)


def test_a_small_temperature_is_the_nearest_neighbour(embeddings):
    known, classes, queries = embeddings
    votes = weighted_knn(known, classes, queries, n_classes=7, temperature=1e-6)
    nearest_row = (_unit(queries) @ _unit(known).T).argmax(1)
    np.testing.assert_array_equal(votes.argmax(1), classes[nearest_row])


def test_cross_fit_sees_only_fitted_rows_and_weighs_classes_alike():
    rng = np.random.default_rng(1)
    classes = np.repeat([0, 1], [90, 30])
    signal = np.where(classes == 1, 1.0, -1.0)[:, None] * [1.0, 0.5] + rng.normal(0, 0.3, (120, 2))
    folds = make_folds(classes, np.arange(120), 5, seed=0)
    assert (cross_fit_knn([signal], classes, folds) == classes).mean() > 0.97
    noise = cross_fit_knn([rng.normal(size=(120, 8))], classes, folds)
    recalls = [(noise[classes == c] == c).mean() for c in (0, 1)]
    assert abs(np.mean(recalls) - 0.5) < 0.15  # not the .5 of always naming the larger class
    assert min(recalls) > 0.15


@pytest.mark.parametrize("rare", [0, 1])
def test_two_votes_of_a_class_of_two_weigh_more_than_seven_farther_ones_of_a_class_of_seven(rare):
    rows = np.tile([1.0, 0.0], (10, 1))
    rows[3:, 1] = 0.05
    classes = np.array([rare] * 3 + [1 - rare] * 7)
    predicted = cross_fit_knn([rows, rows], classes, [(np.arange(1, 10), np.array([0]))])
    assert predicted[0] == rare


@pytest.mark.parametrize(
    ("k", "temperature", "rows"), [(0, 0.1, 4), (3, 0.0, 4), (3, float("nan"), 4), (3, 0.1, 3)]
)
def test_impossible_arguments_are_refused(k, temperature, rows):
    with pytest.raises(ValueError, match="needs k of at least 1, a positive temperature and one class"):
        weighted_knn(
            np.ones((4, 2)), np.zeros(rows, int), np.ones((1, 2)), n_classes=1, k=k, temperature=temperature
        )


@pytest.mark.parametrize("kind", ["unlike", "level", "sorted"])
@pytest.mark.parametrize("k", [1, 7, 60])
def test_the_bound_of_some_columns_finds_the_kth_largest_of_all(kind, k):
    rng = np.random.default_rng(0)
    similarity = rng.normal(size=(9, 403)).astype(np.float32)
    if kind == "level":
        similarity = similarity.round(1)
    elif kind == "sorted":  # the best stand together
        similarity.sort(axis=1)
    expected = np.sort(similarity, axis=1)[:, -k]
    np.testing.assert_array_equal(_kth_largest(similarity, k), expected)
    few = similarity[:, : 3 * k + 1]
    np.testing.assert_array_equal(_kth_largest(few, k), np.sort(few)[:, -k])
