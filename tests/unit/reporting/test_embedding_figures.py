import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.embedding_figures import (
    _mark_classes,
    draw_similarity,
    draw_umap,
    paired_projections,
)
from xmodal_pipeline.reporting.gallery import draw_gallery
from xmodal_pipeline.reporting.names import ModalityNames, number, write_species
from xmodal_pipeline.reporting.style import NothingToDrawError, make_axes, make_figure
from xmodal_pipeline.reporting.umap import (
    subsample,
    trustworthiness_of_placed,
    umap_coordinates,
    vectors,
)


def test_vectors_follow_their_numbers(index, studies):
    table = studies.make_embeddings(index)
    wide = table.rename(columns={"x1": "x10"})
    np.testing.assert_array_equal(vectors(wide)[:, -1], table["x1"].to_numpy())


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
    assert (pooled["captures_in_all"] == 60).all()
    figure = draw_umap(pooled.assign(space="pooled"), index, label="species")
    assert figure.axes[0].get_xlabel().endswith("placed (25 of 60 shown)")
    with pytest.raises(ValueError, match="less than or equal to 5000"):
        ReportingParams(max_points=5001)


def test_umap_figure_places_points_by_label(index, coordinates):
    figure = draw_umap(coordinates, index, label="species", names=ModalityNames("Dorsal", "Ventral"))
    first = figure.axes[0]
    assert [ax.get_title("left") for ax in figure.axes[:3]] == ["Dorsal", "Ventral", "pooled"]
    rows = coordinates[coordinates["space"] == "rgb"].merge(index, on="capture_id")
    colias = rows[rows["species"] == "Colias croceus"]
    is_fitted = colias["partition"] == "train"
    pale, full = (
        next(c for c in first.collections if c.get_alpha() == alpha and len(c.get_offsets()) == part.sum())
        for alpha, part in ((0.3, is_fitted), (1.0, ~is_fitted))
    )
    np.testing.assert_allclose(pale.get_offsets(), colias.loc[is_fitted, ["x", "y"]], rtol=1e-6)
    np.testing.assert_allclose(full.get_offsets(), colias.loc[~is_fitted, ["x", "y"]], rtol=1e-6)
    fitted, placed = (colias[name].iloc[0] for name in ("trustworthiness", "trustworthiness_placed"))
    assert first.get_xlabel() == (
        f"trustworthiness {fitted:.2f}, 36 captures fitted;\n{placed:.2f}, 24 placed"
    )
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert legend[-4:] == ["training: fitted", "held out: placed", "pooled: Dorsal", "pooled: Ventral"]


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


@pytest.mark.parametrize("direction", ["rgb_to_uv", "uv_to_rgb"])
def test_gallery_shows_the_match_and_the_true_order(studies, index, direction):
    table = studies.make_embeddings(index, noise=0.9)
    names = ModalityNames("Dorsal", "Ventral")
    figure = draw_gallery(table, studies.make_prepared(index), size=8, names=names)
    rgb, uv = paired_projections(table)
    a, b = (vectors(t) / np.linalg.norm(vectors(t), axis=1, keepdims=True) for t in (rgb, uv))
    is_forward = direction == "rgb_to_uv"
    similarity = a @ b.T if is_forward else b @ a.T
    ranks = (similarity > np.diag(similarity)[:, None]).sum(axis=1) + 1
    ids = {name.replace("_", " "): i for i, name in enumerate(rgb["capture_id"])}
    grid = np.array(figure.axes).reshape(8, 7)[:4] if is_forward else np.array(figure.axes).reshape(8, 7)[4:]
    asked, found = ("Dorsal", "Ventral") if is_forward else ("Ventral", "Dorsal")
    assert [ax.get_title("left") for ax in grid[0][:3]] == [f"{asked} query", f"{found} match", f"{found} 1"]
    shown = [ids[row[0].get_ylabel().replace("\n", " ")] for row in grid]
    assert [ranks[query] > 1 for query in shown] == [False, False, True, True]
    for row, query in zip(grid, shown, strict=True):
        assert row[1].get_xlabel() == f"{number(similarity[query, query])}, rank {ranks[query]}"
        best = np.sort(similarity[query])[::-1][:5]
        assert [ax.get_xlabel() for ax in row[2:]] == [number(value) for value in best]
        framed = [ax.spines["left"].get_visible() for ax in row[2:]]
        assert framed == [rank == ranks[query] for rank in range(1, 6)]
        # A query in grey or in colour: UV is one band, RGB three.
        is_grey = [(np.ptp(ax.images[0].get_array(), axis=2) == 0).all() for ax in row[:2]]
        assert is_grey == ([False, True] if is_forward else [True, False])
    first = f"{asked} → {found}: {(ranks == 1).sum()} of {len(ranks)}"
    assert first in figure.get_suptitle()
    assert "level with" not in figure.get_suptitle()


def test_ties_in_the_gallery_do_not_favour_the_match(studies, index):
    """A collapsed model finds one match of n first by expectation, and no row is a success."""
    columns = [f"x{i + 1}" for i in range(8)]
    table = studies.make_embeddings(index)
    table[columns] = np.ones((len(table), 8), dtype=np.float32)
    rgb, _ = paired_projections(table)
    framed = 0
    for seed in range(8):
        figure = draw_gallery(table, studies.make_prepared(index, 8), size=6, seed=seed)
        grid = np.array(figure.axes).reshape(6, 7)
        expected = f"1.00, rank {(len(rgb) + 1) / 2:g}"
        assert [row[1].get_xlabel() for row in grid] == [expected] * 6
        framed += sum(row[2].spines["left"].get_visible() for row in grid)
    assert f"RGB → UV: 1 of {len(rgb)}, UV → RGB: 1 of {len(rgb)};" in figure.get_suptitle()
    assert f"{2 * len(rgb)} queries have captures level with their match" in figure.get_suptitle()
    # 48 rows, each with its match first once in 20 times.
    assert framed < 10


@pytest.mark.parametrize(
    ("values", "lines", "names"),
    [
        (["a b"] * 6 + ["a c"] * 6, 1, ["a b", "a c"]),
        ([f"a s{i}" for i in range(6)] + [f"c s{i}" for i in range(6)], 1, ["a", "c"]),
        ([f"g{i} s" for i in range(12)], 0, []),
    ],
)
def test_small_classes_stand_together_by_genus_or_unparted(values, lines, names):
    (axes,) = make_axes(make_figure(80, 80))[0]
    _mark_classes(axes, values, with_names=True)
    assert len(axes.get_lines()) == 2 * lines
    assert [t.get_text() for t in axes.get_yticklabels()] == names
