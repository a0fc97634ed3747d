import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation.schema import RETRIEVAL
from xmodal_pipeline.reporting.cells import SeedSpread
from xmodal_pipeline.reporting.retrieval.recall import (
    draw_retrieval,
    find_retrieval,
    recall_rows,
    say_retrieval,
    tabulate_galleries,
    tabulate_recall,
)
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


def recall(studies, value, low, high, **baselines):
    table = studies.make_comparison()
    first = (table["metric"] == "recall@1") & (table["label"] == "rgb_to_uv")
    table.loc[first & (table["name"] == "separate"), ["value", "low", "high"]] = value, low, high
    differences = studies.make_differences(**baselines)
    found, *_ = find_retrieval(table, differences, "separate", NAMES, ALONE)
    return found


def test_retrieval_is_judged_against_chance_and_every_baseline(studies):
    weak = {"band_means": (0.5, 0.3, 0.7, 0.001), "species_only": (0.33, 0.2, 0.5, 0.001)}
    above = recall(studies, 0.62, 0.5, 0.74, silhouette=(0.32, 0.1, 0.5, 0.02), **weak)
    assert above.is_claim
    assert above.text.replace("\u00a0", " ") == (
        "From the RGB photograph, the model separate finds the UV one first in 62 % of 20 held-out queries "
        "(95 % interval 50 % to 74 %), above chance (5 %; corrected p = 0.004; species alone "
        "30 %) and above each of 3 baselines, the strongest being silhouette (30 %; difference +32 points "
        "(95 % interval +10 to +50), "
        "corrected p = 0.020)."
    )
    for strongest, words in (
        ((0.1, -0.1, 0.3, 0.4), "but it is not shown to exceed the baseline pixels"),
        ((0.1, 0.01, 0.3, 0.2), "but it is not shown to exceed the baseline pixels"),
        ((-0.3, -0.5, -0.1, 0.2), "does better; the corrected test does not settle it"),
        ((-0.3, -0.5, -0.1, 0.01), "but without learning pixels (92\u00a0%"),
    ):
        beside = recall(studies, 0.62, 0.5, 0.74, pixels=strongest, **weak)
        assert not beside.is_claim
        assert words in beside.text
        assert "Nor is it" not in beside.text
    unknown = weak | {"species_only": (0.1, -0.02, 0.3, 0.2)}
    species = recall(studies, 0.62, 0.5, 0.74, **unknown)
    assert not species.is_claim
    assert "but it is not shown to exceed the baseline species only" in species.text
    assert "Nor is it" not in species.text
    both = recall(studies, 0.62, 0.5, 0.74, pixels=(-0.1, -0.3, 0.1, 0.5), **unknown)
    assert "baseline pixels" in both.text
    assert both.text.endswith(" Nor is it shown to exceed the species alone.")


def test_recall_is_above_chance_by_the_test_corrected_for_all_directions(studies):
    table = studies.make_comparison()
    is_first = (table["metric"] == "recall@1") & (table["name"] == "separate")
    table.loc[is_first, "p"] = [0.013, 0.011, 0.04, 0.5]
    found = find_retrieval(table, studies.make_differences(), "separate", NAMES, ALONE)
    assert ["not shown to be above chance" in one.text for one in found] == [False, False, True, True]
    assert "corrected p = 0.044;" in found[0].text
    assert [one.is_claim for one in found] == [False] * 4
    assert found[0].text.endswith("; no baseline was measured beside it.")


def test_the_spread_between_seeds_stands_in_the_sentence(studies):
    rows = [("separate", "retrieval", "rgb_to_uv", "recall@1", "", 0.06, 5)]
    columns = ["name", "task", "label", "metric", "stratum", "sd", "n_seeds"]
    spread = SeedSpread(pd.DataFrame(rows, columns=columns))
    found, other, *_ = find_retrieval(
        studies.make_comparison(), studies.make_differences(), "separate", NAMES, spread
    )
    assert ", SD over 5 seeds 6\u00a0%," in found.text
    assert "SD" not in other.text


def test_retrieval_names_the_modalities_in_their_direction(studies):
    names = ModalityNames("Dorsal", "Ventral")
    forth, back, *warped = find_retrieval(
        studies.make_comparison(), studies.make_differences(), "concat", names, ALONE
    )
    assert "From the Dorsal photograph, the model concat finds the Ventral one" in forth.text
    assert "From the Ventral photograph, the model concat finds the Dorsal one" in back.text
    assert all("photograph (warped), the" in one.text for one in warped)
    assert len(warped) == 2


def headline(studies, table, **baselines):
    rows = [studies.make_differences(label=way, **baselines) for way in ("rgb_to_uv", "uv_to_rgb")]
    return say_retrieval(table, pd.concat(rows), "separate", NAMES).replace("\u00a0", " ")


def test_the_headline_names_both_directions_chance_and_what_is_not_exceeded(studies):
    table = studies.make_comparison()
    strong = (0.32, 0.1, 0.5, 0.02)
    start = (
        "From one photograph of a held-out specimen, the model separate finds the other first in 55 % (from "
        "RGB) and 51 % (from UV) of 20 searches"
    )
    assert headline(studies, table, band_means=strong) == (
        f"{start}; chance is 5 %, knowing only the species 29 %, and every baseline finds fewer."
    )
    table = table[table["name"] != "species_only"]
    assert headline(studies, table, band_means=strong, pixels=(0.3, -0.5, 0.9, 0.4)) == (
        f"{start}; chance is 5 %, but this is not shown to exceed what a baseline finds without learning: "
        "pixels (32 % and 32 %)."
    )
    for pixels, open_end in (
        ((-0.3, -0.5, -0.1, 0.01), ""),
        ((-0.3, -0.5, -0.1, 0.2), "; the corrected test does not settle it"),
        ((-0.3, -0.5, 0.0, 0.01), "; the corrected test does not settle it"),
    ):
        assert headline(studies, table, band_means=strong, pixels=pixels) == (
            f"{start}; chance is 5 %, but pixels (92 % and 92 %), without training a model, finds "
            f"more{open_end}."
        )
    luck = table.assign(p=0.03)
    assert headline(studies, luck, band_means=strong) == (
        f"{start}, which is not shown to be above chance (5 %) in both directions."
    )


def test_nothing_measured_is_silent_and_says_so(studies):
    nothing = studies.make_comparison().iloc[:0]
    assert say_retrieval(nothing, studies.make_differences(), "", NAMES) == ""
    assert find_retrieval(nothing, studies.make_differences(), "", NAMES, ALONE) == []
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
