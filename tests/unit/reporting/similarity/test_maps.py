import numpy as np
import pandas as pd

from xmodal_pipeline.reporting.similarity.maps import draw_umap, explorer_section, maps_section
from xmodal_pipeline.reporting.similarity.umap import MappedCaptures
from xmodal_pipeline.reporting.words import ModalityNames


def test_umap_figure_places_points_by_label(index, coordinates):
    figure = draw_umap(coordinates, index, label="species", names=ModalityNames("Dorsal", "Ventral"))
    first = figure.axes[0]
    titles = [ax.get_title("left") for ax in figure.axes[:3]]
    assert titles == ["Dorsal", "Ventral", "Dorsal (filled) and Ventral (open)"]
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
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == sorted(index["species"].unique())
    assert {t.get_fontstyle() for t in legend.get_texts()} == {"italic"}
    assert legend.get_title().get_text().startswith("species; pale: training captures")
    # Every map reaches the edges of its frame.
    for axes, space in zip(figure.axes, ("rgb", "uv", "pooled"), strict=False):
        own = coordinates[coordinates["space"] == space]
        for low, high, values in ((*axes.get_xlim(), own["x"]), (*axes.get_ylim(), own["y"])):
            assert (values.max() - values.min()) / (high - low) > 0.85


def test_the_figure_shows_the_chosen_variant_alone(studies, index, mapped):
    other = mapped.coordinates.assign(variant="separate", trustworthiness=0.123)
    both = MappedCaptures(pd.concat([other, mapped.coordinates]))
    study = studies.make_study()
    section = maps_section(study, index, both, studies.make_chosen(index, "separate"))
    own = section.chapters[0].figures[0].files["umap_double.png"]
    alone = maps_section(study, index, MappedCaptures(other), studies.make_chosen(index, "separate"))
    assert own == alone.chapters[0].figures[0].files["umap_double.png"]


def test_without_a_map_both_sections_say_why(studies, index):
    study = studies.make_study(uv_name="Ventral")
    nothing = MappedCaptures(reason="UV has too few captures")
    section = maps_section(study, index, nothing, studies.make_chosen(index))
    assert section.chapters[0].figures[0].reason == "UV has too few captures"
    explorer = explorer_section(study, index, nothing, None, studies.make_chosen(index))
    assert explorer.explorer is None
    assert explorer.reasons == ("Explorer: not shown, as Ventral has too few captures.",)
