import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.reporting.evaluation_figures import (
    classification_rows,
    draw_classification,
    draw_retrieval,
    draw_uv_value,
    rank_uv_value,
    retrieval_rows,
)
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.report_tables import tabulate_classification
from xmodal_pipeline.reporting.seeds import SeedSpread
from xmodal_pipeline.reporting.style import NothingToDrawError


def points(axes):
    """Per legend label: x of the points, and the ends of their intervals."""
    drawn = {}
    for container in axes.containers:
        line, _, (bars,) = container.lines
        ends = np.array([segment[:, 0] for segment in bars.get_segments() if len(segment)])
        drawn[container.get_label()] = (
            np.asarray(line.get_xdata(), float),
            np.asarray(line.get_ydata(), float),
            ends,
        )
    return drawn


def test_retrieval_points_are_recall_at_1_with_their_intervals(studies):
    table = studies.make_comparison()
    axes = draw_retrieval(table).axes[0]
    rows = retrieval_rows(table)
    for direction, label in (("rgb_to_uv", "RGB → UV"), ("uv_to_rgb", "UV → RGB")):
        expected = rows[(rows["k"] == 1) & (rows["direction"] == direction)]
        x, y, ends = points(axes)[label]
        np.testing.assert_allclose(x, expected["value"])
        np.testing.assert_allclose(ends, expected[["low", "high"]])
        np.testing.assert_allclose(np.diff(y), 1)
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert names[0] == "separate, n = 20"
    assert names[-1] == "[PCA + CCA], n = 20"
    chance = next(line for line in axes.lines if line.get_label() == "chance")
    assert chance.get_xdata()[0] == pytest.approx(0.05)


def test_retrieval_curves_rise_over_k_with_chance(studies):
    table = studies.make_comparison()
    _, forth, back = draw_retrieval(table).axes
    curves = retrieval_rows(table).query("name == 'concat'")
    for axes, direction in ((forth, "rgb_to_uv"), (back, "uv_to_rgb")):
        line = next(line for line in axes.lines if line.get_label() == "concat")
        rows = curves[curves["direction"] == direction]
        np.testing.assert_allclose(line.get_ydata(), rows["value"])
        chance = next(line for line in axes.lines if line.get_label() == "chance")
        np.testing.assert_allclose(chance.get_ydata(), [1 / 20, 5 / 20, 10 / 20])


def test_direction_is_read_from_label_or_metric(studies):
    table = studies.make_comparison()
    merged = table.assign(metric=table["label"] + "." + table["metric"], label=pd.NA)
    pd.testing.assert_series_equal(retrieval_rows(merged)["direction"], retrieval_rows(table)["direction"])
    assert retrieval_rows(table)["k"].unique().tolist() == [1, 5, 10]


def test_chance_is_a_line_and_not_a_baseline(studies):
    table = studies.make_comparison()
    chance = table[table["name"] == "silhouette"].assign(name="chance")
    names = draw_retrieval(pd.concat([table, chance])).axes[0].get_yticklabels()
    assert [t.get_text() for t in names if "chance" in t.get_text()] == []


def test_other_metrics_and_tasks_are_left_out(studies):
    table = studies.make_comparison()
    extra = table.iloc[:1].assign(metric="median_rank", value=3.0)
    control = table[table["task"] == "classification"].iloc[:1].assign(metric="uv_minus_rgb", value=0.3)
    assert len(retrieval_rows(pd.concat([table, extra]))) == len(retrieval_rows(table))
    assert len(classification_rows(pd.concat([table, control]))) == len(classification_rows(table))


def test_classification_points_belong_to_their_source(studies):
    table = studies.make_comparison()
    species, sex = (ax for ax in draw_classification(table).axes if ax.containers)
    assert species.get_title("left") == "species"
    x, _, ends = points(sex)["uv"]
    np.testing.assert_allclose(x, [0.82, 0.82, 0.82, 0.7])
    np.testing.assert_allclose(ends, [[0.74, 0.9]] * 3 + [[0.62, 0.78]])
    np.testing.assert_allclose(points(sex)["rgb"][0], [0.55, 0.55, 0.55, 0.52])
    chance = [
        line.get_xdata()[0] for ax in (species, sex) for line in ax.lines if line.get_label() == "chance"
    ]
    assert chance == pytest.approx([0.2, 0.5])


def test_classification_without_a_number_says_too_few(studies):
    table = studies.make_comparison()
    silent = (table["name"] == "attention") & (table["label"] == "sex")
    cell = table[silent].iloc[:1].assign(metric="accuracy", value=np.nan, low=np.nan, high=np.nan, n=np.nan)
    table = pd.concat([table[~silent], cell])
    _, sex = (ax for ax in draw_classification(table).axes if ax.containers)
    names = [t.get_text() for t in sex.get_yticklabels()]
    assert [(t.get_text(), names[t.xy[1]]) for t in sex.texts] == [("too few", "attention")]
    rows = tabulate_classification(table, ModalityNames(), SeedSpread(pd.DataFrame())).rows
    assert ("sex", "attention", *["too few"] * 5, "0.50", "–") in rows
    told = next(row for row in rows if row[:2] == ("sex", "separate"))
    assert told[2] == "0.55 (0.47 to 0.63)"


def test_uv_value_is_ranked_by_lower_limit_with_interval_n_and_verdict(studies):
    table = studies.make_uv_value().sample(frac=1, random_state=1)
    figure = draw_uv_value(table, names=ModalityNames("Dorsal", "Ventral"))
    axes, notes = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        "Colias croceus, sex",
        "Gonepteryx rhamni, sex",
        "Pieris rapae, sex",
        "Parus major, sex",
        "Sturnus vulgaris, sex",
    ]
    assert [t.get_text() for t in notes.get_yticklabels()] == [
        "n = 12 + 12, q = 0.002, Ventral only",
        "n = 12 + 11, q = 0.021, Ventral adds",
        "n = 9 + 9, q = 0.400, unresolved",
        "n = 12 + 12, q = 0.850, Dorsal suffices",
        "n = 3 + 2, too few",
    ]
    x, y, ends = points(axes)["Ventral adds (1)"]
    assert (x.tolist(), y.tolist()) == ([3.2], [1])
    np.testing.assert_allclose(ends, [[0.9, 6.8]])
    # the unbiased estimate lies below 0, its interval does not
    x, y, ends = points(axes)["Dorsal suffices (1)"]
    assert (x.tolist(), y.tolist()) == ([-0.2], [3])
    assert ends[0, 1] == pytest.approx(0.5)


def test_pooled_rows_come_last_and_exploratory_ones_not_at_all(studies):
    table = studies.make_uv_value().assign(scope="species", family="primary")
    pooled = table.iloc[:1].assign(species="all species", scope="all", low=99.0)
    learnt = table.iloc[:1].assign(species="elsewhere", family="exploratory")
    ranked = rank_uv_value(pd.concat([pooled, learnt, table]))
    assert ranked["species"].tolist()[-1] == "all species"
    assert "elsewhere" not in ranked["species"].tolist()
    assert len(ranked) == 6


def test_empty_tables_give_a_reason(studies):
    with pytest.raises(NothingToDrawError, match="no retrieval across the modalities"):
        draw_retrieval(pd.DataFrame())
    with pytest.raises(NothingToDrawError, match="no label could be predicted"):
        draw_classification(pd.DataFrame())
    with pytest.raises(NothingToDrawError, match="enough specimens"):
        draw_uv_value(studies.make_uv_value().iloc[-1:])
