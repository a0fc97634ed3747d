"""What a reader learns of the grey standards."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from xmodal_pipeline.reporting.html import ReportContent, build_report
from xmodal_pipeline.reporting.methods import write_methods
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.report_tables import tabulate_calibration
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


@pytest.fixture
def tables(studies):
    specimens = {"root": "x", "grey_standards": "s.csv", "encoding": "srgb", "calibrate_by": "session"}
    return studies.make_tables(
        {"specimens": specimens},
        calibration=LINES,
        specimen_index=studies.make_index(units="reflectance"),
    )


def test_the_table_has_one_row_per_band():
    table = tabulate_calibration(LINES, ModalityNames("visible", "UV"))
    assert table.rows == [
        ("visible R", "3", "9", "6", "0.991 to 0.999", "0.006", "0.011", "1"),
        ("UV UV1", "2", "10", "0", "0.914 to 0.985", "0.056", "0.150", "1"),
    ]


def test_the_methods_say_how_bands_were_calibrated(tables):
    text = write_methods(tables)
    assert "through the grey standards of each session (3 in all) after the sRGB curve was undone" in text
    assert "R² 0.914 to 0.999; 2 of 5 lines flagged" in text
    assert "camera units" not in text


def test_the_page_has_the_table_and_no_banner(tables):
    page = build_report(ReportContent(tables))
    assert "Calibration with grey standards" in page
    assert "Uncalibrated." not in page


def test_flagged_lines_stand_in_a_banner_in_the_claims_and_in_the_methods(tables):
    page = build_report(ReportContent(tables))
    assert "<strong>Calibration in doubt.</strong> 2 of 5 calibration lines are flagged" in page
    claims = page.split("What the data show")[1].split("</ul>")[0]
    colour = [line for line in claims.split("<li>") if "UV adds" in line]
    assert len(colour) == 3
    assert all("2 of 5 calibration lines are flagged." in line for line in colour)
    assert page.count("calibration in doubt</span>") == 2
    assert "fewer than two standards); statements about colour share their error." in write_methods(tables)


def test_good_lines_leave_no_caution(tables):
    good = replace(tables, calibration=LINES[~LINES["flagged"]])
    assert good.calibration_caution == ""
    assert "in doubt" not in build_report(ReportContent(good))
    assert "share their error" not in write_methods(good)
