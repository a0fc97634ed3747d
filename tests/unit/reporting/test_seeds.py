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


def test_retrieval_has_the_spread_the_words_or_for_baselines_a_dash(studies, rows):
    table = tabulate_retrieval(studies.make_comparison(), NAMES, SeedSpread(rows))
    assert table.header[-1] == "SD of recall@1 over seeds"
    assert len(table.header) - 1 not in table.numeric
    last = {row[:2]: row[-1] for row in table.rows}
    assert last["separate", "RGB → UV"] == "0.03 (5\u00a0seeds)"
    assert last["separate", "UV → RGB"] == ONE_SEED
    assert last["concat", "RGB → UV"] == ONE_SEED
    assert last["[band means]", "RGB → UV"] == "–"


def test_classification_has_a_number_per_source(studies, rows):
    table = tabulate_classification(studies.make_comparison(), NAMES, SeedSpread(rows))
    last = {row[:2]: row[-1] for row in table.rows}
    assert last["sex", "separate"] == "0.02 / 0.04 / – / – (5\u00a0seeds)"
    assert last["species", "separate"] == ONE_SEED
    assert last["sex", "[band means]"] == "–"


def test_measures_carry_it_behind_the_number(studies, rows):
    table = tabulate_measures({"separate": studies.make_metrics()}, "geometry", NAMES, SeedSpread(rows))
    assert ("modality gap", "0.310 (SD 0.012)") in table.rows
    assert ("uniformity RGB", "−2.900") in table.rows


def test_the_page_says_which_it_is(studies, rows):
    plain = build_report(ReportContent(studies.make_tables()))
    assert "One seed: exploratory." in plain
    assert f"<td>{ONE_SEED}</td>" in plain
    spread = build_report(ReportContent(studies.make_tables(seed_spread=rows)))
    assert "One seed: exploratory." not in spread
    assert "standard deviation (SD) between 5 seeds" in spread
    # Only the maps, which have no number to put a spread beside, keep the mark.
    assert plain.count(f'<span class="tag">{ONE_SEED}</span>') == 4
    assert spread.count(f'<span class="tag">{ONE_SEED}</span>') == 1
