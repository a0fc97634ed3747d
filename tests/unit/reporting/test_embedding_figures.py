import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.embedding_figures import draw_similarity, draw_umap, paired_projections
from xmodal_pipeline.reporting.gallery import draw_gallery
from xmodal_pipeline.reporting.names import ModalityNames, number, write_species
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.umap import subsample, umap_coordinates, vectors


def test_vectors_follow_their_numbers(index, studies):
    table = studies.make_embeddings(index)
    wide = table.rename(columns={"x1": "x10"})
    np.testing.assert_array_equal(vectors(wide)[:, -1], table["x1"].to_numpy())


def test_umap_keeps_rows_and_states_its_trustworthiness(studies, index, coordinates):
    rgb = coordinates[coordinates["space"] == "rgb"]
    assert rgb["capture_id"].tolist() == index["capture_id"].tolist()
    table = studies.make_embeddings(index)
    points = vectors(table[table["modality"] == "rgb"])
    expected = trustworthiness(points, rgb[["x", "y"]].to_numpy(), n_neighbors=15, metric="cosine")
    assert rgb["trustworthiness"].iloc[0] == pytest.approx(expected, abs=1e-6)
    assert expected > 0.8
    pooled = coordinates[coordinates["space"] == "pooled"]
    assert pooled["modality"].value_counts().to_dict() == {"rgb": 60, "uv": 60}


def test_umap_is_seeded(studies, index):
    table = studies.make_embeddings(index, ("rgb",)).head(25)
    first, again = (umap_coordinates(table, ReportingParams(seed=3)) for _ in range(2))
    np.testing.assert_array_equal(first[["x", "y"]], again[["x", "y"]])


def test_few_points_have_no_umap(studies, index):
    with pytest.raises(NothingToDrawError, match="9 points are too few for a UMAP"):
        umap_coordinates(studies.make_embeddings(index, ("rgb",)).head(9), ReportingParams())


def test_subsample_keeps_whole_captures_in_order(studies, index):
    table = studies.make_embeddings(index)
    part = subsample(table, 20, seed=1)
    assert part["capture_id"].value_counts().unique().tolist() == [2]
    assert part["capture_id"].nunique() == 20
    assert part.index.is_monotonic_increasing


def test_a_fit_of_both_modalities_holds_no_more_points_than_one_of_either(studies, index):
    table = studies.make_embeddings(index)
    pooled = umap_coordinates(table, ReportingParams(max_points=50))
    assert pooled["modality"].value_counts().to_dict() == {"rgb": 25, "uv": 25}
    assert (pooled["captures_shown"] == 25).all()
    assert (pooled["captures_in_all"] == 60).all()
    with pytest.raises(ValueError, match="less than or equal to 5000"):
        ReportingParams(max_points=5001)


def test_umap_figure_places_points_by_label(index, coordinates):
    figure = draw_umap(coordinates, index, label="species", names=ModalityNames("Dorsal", "Ventral"))
    first = figure.axes[0]
    assert [ax.get_title("left") for ax in figure.axes[:3]] == ["Dorsal", "Ventral", "pooled"]
    rows = coordinates[coordinates["space"] == "rgb"].merge(index, on="capture_id")
    colias = rows[rows["species"] == "Colias croceus"]
    np.testing.assert_allclose(first.collections[0].get_offsets(), colias[["x", "y"]], rtol=1e-6)
    assert first.get_xlabel() == f"trustworthiness {colias['trustworthiness'].iloc[0]:.2f}, 60 captures"
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert legend[-2:] == ["pooled: Dorsal", "pooled: Ventral"]


def test_similarity_is_cosine_of_held_out_captures_ordered_by_species(studies, index):
    table = studies.make_embeddings(index)
    rgb, uv = paired_projections(table)
    assert set(rgb["partition"]) == {"test"}
    figure = draw_similarity(table, index.iloc[::-1])
    order = rgb.assign(species=rgb["capture_id"].map(index.set_index("capture_id")["species"]))
    order = order.sort_values("species", kind="stable").index
    unit = [
        vectors(t.loc[order]) / np.linalg.norm(vectors(t.loc[order]), axis=1, keepdims=True)
        for t in (rgb, uv)
    ]
    for axes, (a, b) in zip(figure.axes, ((0, 0), (1, 1), (0, 1)), strict=False):
        np.testing.assert_allclose(axes.images[0].get_array(), unit[a] @ unit[b].T, atol=1e-5)
        assert axes.images[0].get_clim() == (-1, 1)
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert names == sorted(write_species(species) for species in set(index["species"]))


def test_similarity_needs_both_modalities(studies, index):
    with pytest.raises(NothingToDrawError, match="0 held-out captures in both modalities"):
        draw_similarity(studies.make_embeddings(index, ("rgb",)), index)


def test_gallery_shows_the_match_and_the_true_order(studies, index):
    table = studies.make_embeddings(index, noise=0.9)
    figure = draw_gallery(table, *studies.make_stores(index), size=4)
    rgb, uv = paired_projections(table)
    a, b = (vectors(t) / np.linalg.norm(vectors(t), axis=1, keepdims=True) for t in (rgb, uv))
    similarity = a @ b.T
    ranks = (similarity > np.diag(similarity)[:, None]).sum(axis=1) + 1
    ids = {name.replace("_", " "): i for i, name in enumerate(rgb["capture_id"])}
    grid = np.array(figure.axes).reshape(4, 7)
    shown = [ids[row[0].get_ylabel().replace("\n", " ")] for row in grid]
    assert [ranks[query] > 1 for query in shown] == [False, False, True, True]
    for row, query in zip(grid, shown, strict=True):
        assert row[1].get_xlabel() == f"{number(similarity[query, query])}, rank {ranks[query]}"
        best = np.sort(similarity[query])[::-1][:5]
        assert [ax.get_xlabel() for ax in row[2:]] == [number(value) for value in best]
        framed = [ax.spines["left"].get_visible() for ax in row[2:]]
        assert framed == [rank == ranks[query] for rank in range(1, 6)]
    assert figure.get_suptitle().startswith(f"{(ranks == 1).sum()} of {len(ranks)} held-out queries")
