import numpy as np

from xmodal_pipeline.reporting.similarity.maps import draw_umap, explorer_section, maps_section
from xmodal_pipeline.reporting.similarity.umap import MappedCaptures
from xmodal_pipeline.reporting.words import ModalityNames


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


def test_without_a_map_both_sections_say_why(studies, index):
    study = studies.make_study(uv_name="Ventral")
    nothing = MappedCaptures(reason="UV has too few captures")
    section = maps_section(study, index, nothing, studies.make_chosen(index))
    assert section.chapters[0].figures[0].reason == "UV has too few captures"
    explorer = explorer_section(study, index, nothing, None)
    assert explorer.explorer is None
    assert explorer.reasons == ("Explorer not shown: Ventral has too few captures.",)
