import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation.schema import RETRIEVAL
from xmodal_pipeline.reporting.cells import SeedSpread
from xmodal_pipeline.reporting.retrieval.recall import (
    draw_retrieval,
    tabulate_galleries,
    tabulate_recall,
)
from xmodal_pipeline.reporting.retrieval.sentences import recall_rows
from xmodal_pipeline.reporting.style import MODALITY_COLOURS, NothingToDrawError
from xmodal_pipeline.reporting.words import ModalityNames

NAMES = ModalityNames()
ALONE = SeedSpread(pd.DataFrame())


def test_every_panel_holds_the_recall_of_one_k_on_shared_rows_and_one_axis(studies, points):
    table = studies.make_comparison()
    panels = draw_retrieval(table).axes
    rows = recall_rows(table, RETRIEVAL)
    for axes, k in zip(panels, (1, 5, 10), strict=True):
        for direction, label in (("rgb_to_uv", "RGB → UV"), ("uv_to_rgb", "UV → RGB")):
            expected = rows[(rows["k"] == k) & (rows["direction"] == direction)]
            x, y, ends = points(axes)[label]
            np.testing.assert_allclose(x, expected["value"])
            np.testing.assert_allclose(ends, expected[["low", "high"]])
            np.testing.assert_allclose(np.diff(y), 1)
        chance = next(line for line in axes.lines if line.get_label() == "chance")
        assert chance.get_xdata()[0] == pytest.approx(k / 20)
        assert (axes.get_xlim(), axes.get_ylim()) == (panels[0].get_xlim(), panels[0].get_ylim())
    names = [t.get_text() for t in panels[0].get_yticklabels()]
    assert (names[0], names[-1]) == ("separate", "[PCA + CCA]")
    assert len(draw_retrieval(table, width_mm=89).axes) == 2


def test_the_colour_of_a_direction_is_that_of_its_query(studies):
    figure = draw_retrieval(studies.make_comparison())
    drawn = {c.get_label(): c.lines[0].get_color() for c in figure.axes[0].containers}
    assert drawn == {"RGB → UV": MODALITY_COLOURS["rgb"], "UV → RGB": MODALITY_COLOURS["uv"]}
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "query → match, n = 20"


def test_chance_is_a_line_and_not_a_baseline(studies):
    table = studies.make_comparison()
    chance = table[table["name"] == "silhouette"].assign(name="chance")
    names = draw_retrieval(pd.concat([table, chance])).axes[0].get_yticklabels()
    assert [t.get_text() for t in names if "chance" in t.get_text()] == []


def test_other_metrics_and_tasks_are_left_out(studies):
    table = studies.make_comparison()
    extra = table.iloc[:1].assign(metric="median_rank", k=pd.NA, value=3.0)
    assert len(recall_rows(pd.concat([table, extra]), RETRIEVAL)) == len(recall_rows(table, RETRIEVAL)) == 42


def test_the_table_has_recall_at_every_k_with_chance_and_n(studies):
    table = tabulate_recall(studies.make_comparison(), NAMES, ALONE)
    assert table.header == ("Name", "Direction", "recall@1", "recall@5", "recall@10", "Chance @1", "n")
    rows = {row[:2]: row[2:] for row in table.rows}
    shown = ("0.55 (0.43 to 0.67)", "0.83 (0.71 to 0.95)", "0.99 (0.87 to 1.00)", "0.050", "20")
    assert rows["separate", "RGB → UV"] == shown
    assert rows["separate", "UV → RGB"][0] == "0.51 (0.39 to 0.63)"
    assert ("[PCA + CCA]", "UV → RGB") in rows


def test_other_galleries_have_their_own_chance(studies):
    within = {"name": "separate", "kind": "variant", "task": "retrieval_within_species", "n": 20}
    within |= {"label": "rgb_to_uv", "direction": "rgb_to_uv"}
    recall = {"metric": "recall@1", "k": 1, "value": 0.4, "low": 0.3, "high": 0.5, "chance": 0.1}
    pairwise = {"metric": "pairwise", "value": 0.75, "low": 0.6, "high": 0.9, "chance": 0.5}
    further = {"metric": "recall@5", "k": 5, "value": 0.9}
    unheard = {"metric": "log_rank", "value": 3.0}
    measured = studies.tidy([within | one for one in (recall, further, pairwise, unheard)])
    table = tabulate_galleries(measured, NAMES, ALONE)
    assert table.header[3:] == ("recall@1", "pairwise", "log rank", "Chance @1", "n")
    (row,) = table.rows
    shown = ("0.40 (0.30 to 0.50)", "0.75 (0.60 to 0.90)", "3.00", "0.100", "20")
    assert row == ("separate", "RGB → UV", "species", *shown)


def test_nothing_measured_is_not_drawn(studies):
    nothing = studies.make_comparison().iloc[:0]
    with pytest.raises(NothingToDrawError, match="no retrieval across the modalities"):
        draw_retrieval(nothing)


def test_what_the_species_alone_reaches_is_a_dashed_line(studies):
    def lines(table):
        """From the left: where a line goes from the top of the panel to its bottom."""
        drawn = [line.get_xdata() for line in draw_retrieval(table).axes[0].lines]
        return sorted(x[0] for x in drawn if len(x) == 2 and x[0] == x[1])

    table = studies.make_comparison()
    assert lines(table) == pytest.approx([0.05, 0.30 * (1 + 0.93) / 2])
    assert lines(table[table["name"] != "species_only"]) == pytest.approx([0.05])
