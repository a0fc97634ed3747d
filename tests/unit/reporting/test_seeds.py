"""The spread between seeds beside learnt numbers, and the words where there is none."""

import pandas as pd
import pytest

from xmodal_pipeline.reporting.html import ReportContent, build_report
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.report_tables import (
    tabulate_classification,
    tabulate_measures,
    tabulate_retrieval,
)
from xmodal_pipeline.reporting.seeds import ONE_SEED, SeedSpread

NAMES = ModalityNames()
COLUMNS = ["name", "partition", "task", "label", "metric", "mean", "sd", "n_seeds"]


@pytest.fixture
def rows():
    return pd.DataFrame(
        [
            ("separate", "test", "retrieval", "rgb_to_uv", "recall@1", 0.5, 0.031, 5),
            ("separate", "all", "classification", "sex", "rgb_accuracy", 0.55, 0.02, 5),
            ("separate", "all", "classification", "sex", "uv_accuracy", 0.8, 0.04, 5),
            ("separate", "test", "geometry", "", "modality_gap", 0.3, 0.012, 5),
            ("concat", "test", "retrieval", "rgb_to_uv", "recall@1", 0.4, float("nan"), 1),
        ],
        columns=COLUMNS,
    )


def test_every_recall_has_the_spread_of_its_own(studies, rows):
    table = tabulate_retrieval(studies.make_comparison(), NAMES, SeedSpread(rows))
    shown = {row[:2]: row[2] for row in table.rows}
    assert shown["separate", "RGB → UV"].endswith("), SD 0.03")
    assert "SD" not in shown["separate", "UV → RGB"]
    assert "SD" not in shown["[band means]", "RGB → UV"]
    assert (f"concat ({ONE_SEED})", "RGB → UV") in shown


def test_classification_has_a_spread_per_source(studies, rows):
    table = tabulate_classification(studies.make_comparison(), NAMES, SeedSpread(rows))
    shown = {row[:2]: row[2:6] for row in table.rows}
    assert [cell.partition(", SD ")[2] for cell in shown["sex", "separate"]] == ["0.02", "0.04", "", ""]
    assert all("SD" not in cell for cell in shown["sex", "[band means]"])


def test_measures_carry_it_behind_the_number(studies, rows):
    table = tabulate_measures({"separate": studies.make_metrics()}, "geometry", NAMES, SeedSpread(rows))
    assert ("modality gap", "0.310, SD 0.012") in table.rows
    assert ("uniformity RGB", "−2.900") in table.rows


def test_several_seeds_behind_the_numbers_leave_no_mark(rows):
    assert SeedSpread(rows, "").mark("concat") == ""
    assert SeedSpread(rows).mark("concat") == f" ({ONE_SEED})"
    assert SeedSpread(pd.DataFrame()).mark("concat") == ""


def test_the_page_says_which_it_is(studies, rows):
    plain = build_report(ReportContent(studies.make_tables()))
    assert "One seed: exploratory." in plain
    assert f"concat ({ONE_SEED})" not in plain
    spread = build_report(ReportContent(studies.make_tables(seed_spread=rows)))
    assert "One seed: exploratory." not in spread
    assert f"concat ({ONE_SEED})" in spread
    assert "standard deviation (SD) between 5 seeds" in spread
    # Only the maps, which have no number to put a spread beside, keep the mark.
    assert plain.count(f'<span class="tag">{ONE_SEED}</span>') == 4
    assert spread.count(f'<span class="tag">{ONE_SEED}</span>') == 1
