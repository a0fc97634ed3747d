import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import pairwise_distances

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.embeddings import vectors
from xmodal_pipeline.reporting.similarity.maps import draw_umap
from xmodal_pipeline.reporting.similarity.umap import (
    lay_out,
    map_captures,
    nearest_by_cosine,
    trustworthiness_of_placed,
    umap_coordinates,
)
from xmodal_pipeline.reporting.style import NothingToDrawError

PARAMS = ReportingParams(seed=3)
NONE = np.empty((0, 12), dtype=np.float32)


@pytest.fixture(scope="module")
def points():
    generator = np.random.default_rng(0)
    made = generator.normal(size=(120, 12)).astype(np.float32)
    made[:60, 0] += 4
    made[7] = made[9]
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_neighbours_are_exact(points):
    nearest, distances = nearest_by_cosine(points, points, 6)
    np.testing.assert_allclose(
        distances, np.sort(pairwise_distances(points, metric="cosine"), axis=1)[:, :6], atol=1e-6
    )
    assert nearest.shape == (120, 6)


def test_the_layout_parts_two_groups_and_is_reproducible(points):
    (first, _), (second, _) = (lay_out(points, NONE, PARAMS) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    centres = first[:60].mean(axis=0), first[60:].mean(axis=0)
    own = np.linalg.norm(first[:60] - centres[0], axis=1)
    other = np.linalg.norm(first[:60] - centres[1], axis=1)
    assert (own < other).mean() > 0.9


def test_what_numba_compiles_is_kept_for_the_next_process(points):
    from umap import layouts, umap_

    lay_out(points[:20], NONE, PARAMS)
    kept = [umap_.smooth_knn_dist, umap_.compute_membership_strengths]
    kept += [function for name, function in vars(layouts).items() if name.endswith("euclidean_single_epoch")]
    assert all(function.stats.cache_path for function in kept if hasattr(function, "stats"))


def test_equal_points_have_a_layout():
    layout, placed = lay_out(np.ones((12, 3), np.float32), np.ones((2, 3), np.float32), PARAMS)
    assert np.isfinite(layout).all()
    assert np.isfinite(placed).all()


def test_new_points_lie_with_their_group_and_move_nothing(points):
    is_new = np.arange(120) % 4 == 0
    fitted, new = points[~is_new], points[is_new]
    layout, placed = lay_out(fitted, new, PARAMS)
    np.testing.assert_array_equal(layout, lay_out(fitted, NONE, PARAMS)[0])
    first = np.arange(120) < 60
    centres = [layout[part[~is_new]].mean(axis=0) for part in (first, ~first)]
    own, other = (np.linalg.norm(placed[:15] - centre, axis=1) for centre in centres)
    assert (own < other).mean() > 0.9


def test_new_points_do_not_move_one_another(points):
    """Nor does one that lies on a fitted point, whose membership is the largest there can be."""
    fitted, new = points[20:], np.concatenate([points[:19], points[20:21]])
    together = lay_out(fitted, new, PARAMS)[1]
    np.testing.assert_array_equal(together[:6], lay_out(fitted, new[:6], PARAMS)[1])


def test_a_map_has_a_space_per_modality_and_one_of_both(mapped, studies, index):
    assert mapped.coordinates["space"].unique().tolist() == ["rgb", "uv", "pooled"]
    assert map_captures(ReportingParams(), {}).reason == "no cross-modal variant was trained"
    assert mapped.coordinates["variant"].unique().tolist() == ["concat"]
    few = studies.make_embeddings(index.head(8))
    assert "too few for a UMAP" in map_captures(ReportingParams(), {"concat": (few, few)}).reason


def test_umap_keeps_rows_and_states_its_trustworthiness(studies, index, coordinates):
    rgb = coordinates[coordinates["space"] == "rgb"]
    assert rgb["capture_id"].tolist() == index["capture_id"].tolist()
    table = studies.make_embeddings(index)
    points, xy = vectors(table[table["modality"] == "rgb"]), rgb[["x", "y"]].to_numpy()
    is_fitted = (rgb["partition"] == "train").to_numpy()
    expected = trustworthiness(points[is_fitted], xy[is_fitted], n_neighbors=15, metric="cosine")
    assert rgb["trustworthiness"].iloc[0] == pytest.approx(expected, abs=1e-6)
    assert expected > 0.8
    assert rgb["trustworthiness_placed"].iloc[0] > 0.75
    pooled = coordinates[coordinates["space"] == "pooled"]
    assert pooled["modality"].value_counts().to_dict() == {"rgb": 60, "uv": 60}


def test_umap_is_seeded(studies, index):
    table = studies.make_embeddings(index, ("rgb",)).head(25)
    first, again = (umap_coordinates(table, ReportingParams(seed=3)) for _ in range(2))
    np.testing.assert_array_equal(first[["x", "y"]], again[["x", "y"]])


def test_trustworthiness_of_placed_points_is_that_of_each_among_the_fitted():
    generator = np.random.default_rng(0)
    fitted, layout = generator.normal(size=(40, 5)), generator.normal(size=(40, 2))
    new, placed = generator.normal(size=(7, 5)), generator.normal(size=(7, 2))
    lost = 0
    for point, at in zip(new, placed, strict=True):
        cosine = fitted @ point / np.linalg.norm(fitted, axis=1)
        ranks = np.argsort(np.argsort(-cosine)) + 1
        around = np.argsort(np.linalg.norm(layout - at, axis=1))[:15]
        lost += sum(max(rank - 15, 0) for rank in ranks[around])
    worst = 7 * sum(rank - 15 for rank in range(26, 41))
    assert trustworthiness_of_placed(new, fitted, placed, layout) == pytest.approx(1 - lost / worst)
    assert trustworthiness_of_placed(fitted, fitted, fitted, fitted / np.linalg.norm(fitted)) > 0.6


def test_few_training_captures_have_no_umap(studies, index):
    table = studies.make_embeddings(index, ("rgb",))
    few = table[(table["partition"] != "train") | (table["partition"] == "train").cumsum().le(9)]
    with pytest.raises(NothingToDrawError, match="9 points of training captures are too few for a UMAP"):
        umap_coordinates(few, ReportingParams())


def test_a_study_without_held_out_captures_has_a_map(studies, index):
    table = studies.make_embeddings(index, ("rgb",)).assign(partition="train")
    rows = umap_coordinates(table, ReportingParams())
    assert np.isfinite(rows[["x", "y"]]).all(axis=None)
    assert rows["trustworthiness_placed"].isna().all()
    note = draw_umap(rows.assign(space="rgb"), index, label="sex").axes[0].get_xlabel()
    assert note == f"trustworthiness {rows['trustworthiness'].iloc[0]:.2f}, 60 captures fitted"


def test_a_fit_of_both_modalities_holds_no_more_points_than_one_of_either(studies, index):
    table = studies.make_embeddings(index)
    pooled = umap_coordinates(table, ReportingParams(max_points=50))
    assert pooled["modality"].value_counts().to_dict() == {"rgb": 25, "uv": 25}
    assert (pooled["captures_in_all"] == 60).all()
    figure = draw_umap(pooled.assign(space="pooled"), index, label="species")
    assert figure.axes[0].get_xlabel().endswith("placed (25 of 60 shown)")
    with pytest.raises(ValueError, match="less than or equal to 5000"):
        ReportingParams(max_points=5001)
