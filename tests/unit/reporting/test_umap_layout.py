import warnings

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from xmodal_pipeline.reporting.umap_layout import (
    fuzzy_graph,
    lay_out,
    nearest_by_cosine,
    place,
    placing_strength,
)

SETTINGS = {"neighbours": 15, "min_dist": 0.1, "seed": 3}


@pytest.fixture(scope="module")
def points():
    generator = np.random.default_rng(0)
    made = generator.normal(size=(120, 12)).astype(np.float32)
    made[:60, 0] += 4
    made[7] = made[9]
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_the_graph_is_that_of_umap_learn(points):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap.umap_ import compute_membership_strengths, smooth_knn_dist
    nearest, distances = nearest_by_cosine(points, points, 15)
    assert (nearest[:5, 0] == np.arange(5)).all()
    # The compiled functions as plain Python, which spares the test their compilation.
    known = distances.astype(np.float32)
    widths, reach = smooth_knn_dist.py_func(known, 15.0)
    rows, columns, values, _ = compute_membership_strengths.py_func(nearest, known, widths, reach)
    directed = np.zeros((120, 120))
    directed[rows, columns] = values
    expected = directed + directed.T - directed * directed.T
    np.testing.assert_allclose(fuzzy_graph(nearest, distances).toarray(), expected, atol=1e-5)


def test_neighbours_are_exact(points):
    nearest, distances = nearest_by_cosine(points, points, 6)
    np.testing.assert_allclose(
        distances, np.sort(pairwise_distances(points, metric="cosine"), axis=1)[:, :6], atol=1e-6
    )
    assert nearest.shape == (120, 6)


def test_equal_points_have_a_graph():
    equal = np.ones((12, 3), dtype=np.float32)
    graph = fuzzy_graph(*nearest_by_cosine(equal, equal, 5)).toarray()
    assert np.isfinite(graph).all()
    assert graph.max() == 1


def test_the_layout_parts_two_groups_and_is_reproducible(points):
    first, second = (lay_out(points, **SETTINGS) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    centres = first[:60].mean(axis=0), first[60:].mean(axis=0)
    own = np.linalg.norm(first[:60] - centres[0], axis=1)
    other = np.linalg.norm(first[:60] - centres[1], axis=1)
    assert (own < other).mean() > 0.9


def test_memberships_of_new_points_are_those_that_umap_learn_gives_each_alone(points):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap.umap_ import compute_membership_strengths, smooth_knn_dist
    nearest, distances = nearest_by_cosine(points[100:], points[:100], 15)
    known = distances.astype(np.float32)
    for row in range(20):
        alone = slice(row, row + 1)
        widths, reach = smooth_knn_dist.py_func(known[alone], 15.0, local_connectivity=0.0)
        _, columns, values, _ = compute_membership_strengths.py_func(
            nearest[alone], known[alone], widths, reach, bipartite=True
        )
        np.testing.assert_array_equal(columns, nearest[row])
        np.testing.assert_allclose(placing_strength(distances)[row], values, atol=1e-5)


def test_new_points_lie_with_their_group_and_move_nothing(points):
    is_new = np.arange(120) % 4 == 0
    layout = lay_out(points[~is_new], **SETTINGS)
    before = layout.copy()
    placed = place(points[is_new], points[~is_new], layout, **SETTINGS)
    np.testing.assert_array_equal(layout, before)
    first = np.arange(120) < 60
    centres = [layout[part[~is_new]].mean(axis=0) for part in (first, ~first)]
    own, other = (np.linalg.norm(placed[:15] - centre, axis=1) for centre in centres)
    assert (own < other).mean() > 0.9
