"""What a reader learns of the grey standards and of the bands."""

import math

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.reporting.data.colour import (
    calibration_caution,
    colour_section,
    describe_calibration,
    draw_band_histograms,
    say_quality,
    tabulate_calibration,
    tabulate_quality,
)
from xmodal_pipeline.reporting.figure import ReportFigure
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.words import ModalityNames
from xmodal_pipeline.specimens.band_histograms import sum_histograms
from xmodal_pipeline.specimens.study_calibration import CALIBRATION_COLUMNS

LINES = pd.DataFrame(
    [
        ("a", "rgb", "R", 1.2, 0.0, 0.999, 4, 1, 0.004, 0.007, False),
        ("a", "uv", "UV1", 1.5, 0.0, 0.985, 5, 0, 0.012, 0.020, False),
        ("b", "rgb", "R", 1.3, 0.0, 0.991, 5, 0, 0.008, 0.011, False),
        ("b", "uv", "UV1", 1.6, 0.0, 0.914, 5, 0, 0.100, 0.150, True),
        ("c", "rgb", "R", math.nan, math.nan, math.nan, 0, 5, math.nan, math.nan, True),
    ],
    columns=CALIBRATION_COLUMNS,
)
GOOD = LINES[~LINES["flagged"]]
NO_FIGURE = ReportFigure("bands", "Bands", "", reason="none")


@pytest.fixture
def study(studies):
    settings = {"root": "x", "grey_standards": "s.csv", "encoding": "srgb", "calibrate_by": "session"}
    return studies.make_study("reflectance", **settings)


def test_the_table_has_one_row_per_band():
    table = tabulate_calibration(LINES, ModalityNames("visible", "UV"))
    assert table.rows == [
        ("visible R", "3", "9", "6", "0.991 to 0.999", "0.006", "0.011", "1"),
        ("UV UV1", "2", "10", "0", "0.914 to 0.985", "0.056", "0.150", "1"),
    ]


def test_bands_are_summed_up_over_captures():
    rows = [
        ("uv", "UV1", 0.2, 10.0, 0.02, 0.0, 0.0),
        ("uv", "UV1", 0.4, 14.0, 0.002, 0.1, 0.0),
        ("uv", "UV1", 0.6, 12.0, 0.3, 0.0, 0.1),
    ]
    columns = ["modality", "band", "mean", "snr", "saturated_share", "below_zero_share", "above_one_share"]
    table = tabulate_quality(pd.DataFrame(rows, columns=columns), ModalityNames("Dorsal", "Ventral"))
    # Two captures have more than a hundredth of their pixels saturated, two have values out of range.
    assert table.rows == [("Ventral 1", "0.400", "0.200", "12.0", "2", "2")]


def test_the_methods_say_how_bands_were_calibrated(study):
    text = describe_calibration(study, LINES)
    assert "through the grey standards of each session (3 in all) after the sRGB curve was undone" in text
    assert "R² 0.914 to 0.999; 2 of 5 lines flagged" in text
    assert text.endswith("fewer than two standards); statements about colour share their error.")
    assert "share their error" not in describe_calibration(study, GOOD)


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ("reflectance", "came calibrated to reflectance"),
        ("relative", "relative to a standard"),
        ("uncalibrated", "camera units"),
    ],
)
def test_without_standards_the_methods_tell_the_units(studies, units, words):
    assert words in describe_calibration(studies.make_study(units), LINES.iloc[:0])


def test_flagged_lines_are_a_caution_and_good_ones_are_not(study, studies):
    quality = studies.make_quality(studies.make_index())
    assert calibration_caution(LINES) == "2 of 5 calibration lines are flagged"
    assert calibration_caution(GOOD) == ""
    doubtful = colour_section(study, LINES, quality, NO_FIGURE)
    assert doubtful.tags == ("calibration in doubt",)
    _, (title, text) = doubtful.facts
    assert title == "Calibration in doubt"
    assert text.startswith("2 of 5 calibration lines are flagged (POOR_CALIBRATION)")
    good = colour_section(study, GOOD, quality, NO_FIGURE)
    assert good.tags == ()
    assert [title for title, _ in good.facts] == ["Calibrated to reflectance"]
    camera = colour_section(studies.make_study("uncalibrated"), LINES.iloc[:0], quality, NO_FIGURE)
    assert camera.tags == ("uncalibrated",)
    assert [title for title, _ in camera.facts] == ["Uncalibrated"]


def test_the_weakest_band_and_the_saturated_captures_are_named(studies):
    quality = studies.make_quality(studies.make_index()).assign(saturated_share=0.0, snr=20.0)
    quality.loc[quality["band"] == "UV1", "snr"] = 7.0
    captures = quality["capture_id"].unique()
    quality.loc[quality["capture_id"].isin(captures[:3]), "saturated_share"] = 0.02
    (found,) = say_quality(quality, ModalityNames("Dorsal", "Ventral"))
    assert found.text.startswith("The weakest band, Ventral 1, stands 7 times above its noise")
    assert found.text.endswith("(more than 1% of the specimen) in 3 of 60 captures.")
    assert say_quality(quality.iloc[:0], ModalityNames()) == []


def test_band_histograms_show_every_pixel_and_name_saturation(studies):
    table = studies.make_histograms()
    figure = draw_band_histograms(table, captures=60, names=ModalityNames("Dorsal", "Ventral"))
    panels = [ax for ax in figure.axes if ax.patches]
    assert [ax.get_title("left") for ax in panels] == [
        "Dorsal R",
        "Dorsal G",
        "Dorsal B",
        "Ventral 1",
        "Ventral 2",
    ]
    for ax, band in zip(panels, ["R", "G", "B", "UV1", "UV2"], strict=True):
        counts = table.loc[table["band"] == band, "n_px"]
        np.testing.assert_allclose([bar.get_height() for bar in ax.patches], counts / counts.sum())
    red, uv2 = panels[0], panels[-1]
    assert red.get_title("right") == "4.0 % saturated"
    assert red.patches[-2].get_facecolor() != red.patches[-3].get_facecolor()
    assert uv2.get_title("right") == "2.5 % < 0, 2.5 % > 1"
    assert uv2.patches[0].get_x() == pytest.approx(-1 / 64)
    assert uv2.patches[-1].get_x() == pytest.approx(1)


def test_bands_without_captures_say_so():
    with pytest.raises(NothingToDrawError, match="no band was measured"):
        draw_band_histograms(sum_histograms([]), captures=0)
