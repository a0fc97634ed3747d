"""The maps of claims on the page: each pixel in its panel, one scale, and none without a claim."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.reporting.uv_value.maps import draw_uv_maps, uv_maps_section
from xmodal_pipeline.reporting.words import ModalityNames

STUDY = Study(
    root=Path(),
    is_simulated=False,
    settings=SpecimensParams(uv_name="Ventral"),
    scale="unit",
    colour_units="relative",
    rgb_bands=("R", "G", "B"),
    uv_bands=("U",),
)


def test_each_panel_shows_its_class_in_its_place_under_one_scale(studies):
    maps = pd.concat([studies.make_uv_maps(), studies.make_uv_maps("colias_croceus", factor=0.1)]).assign(
        features="separate"
    )
    figure = draw_uv_maps(maps, names=ModalityNames("Dorsal", "Ventral"))
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title().strip() for axes in panels[:4]] == ["", "", "", ""]
    assert [axes.get_title(loc="left").strip() for axes in panels[:4]] == [
        *("females (6 of 9)", "females, covered", "males (6 of 9)", "males, covered")
    ]
    uv, female, _, male = (np.ma.filled(axes.images[0].get_array(), np.nan) for axes in panels[:4])
    np.testing.assert_allclose(uv[:, 0], np.arange(2, 8) / 10, rtol=1e-6)
    np.testing.assert_allclose(female[0], [-2, -1, 0, 1, 2])
    assert np.isnan(female[5, 4])
    np.testing.assert_allclose(male[5], [4, 2, 0, -2, -4])
    scales = {axes.images[0].get_clim() for axes in (*panels[1:8:2],)}
    assert len(scales) == 1
    low, high = scales.pop()
    assert low == -high
    assert high == pytest.approx(4.0)
    titles = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert titles == [
        "Pieris rapae: sex, dorsal, by separate, strongest place 4.0 SD",
        "Colias croceus: sex, dorsal, by separate, strongest place 0.4 SD",
    ]


def test_without_claims_the_section_says_so_and_no_method_is_named(studies):
    section = uv_maps_section(
        STUDY, separate=studies.make_uv_maps().iloc[:0], concat=studies.make_uv_maps().iloc[:0]
    )
    assert section.figures[0].reason == "learnt features claim nothing that could be shown on the body"
    assert section.methods["uv_maps"] == ""


def test_the_methods_name_the_modalities_and_the_number_of_specimens(studies):
    section = uv_maps_section(STUDY, separate=studies.make_uv_maps(), concat=studies.make_uv_maps().iloc[:0])
    assert "cover windows of Ventral" in section.methods["uv_maps"]
    assert "up to 6 specimens per class" in section.methods["uv_maps"]
    assert "uv_maps_double.pdf" in section.figures[0].files
