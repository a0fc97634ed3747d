import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.reporting.cells import SeedSpread
from xmodal_pipeline.reporting.classification.accuracies import (
    describe_choice,
    describe_evaluation,
    draw_classification,
    explain_low,
    tabulate_accuracies,
    tabulate_chosen,
)
from xmodal_pipeline.reporting.classification.controls import accuracy_rows
from xmodal_pipeline.reporting.embeddings import ChosenVariant
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.words import ModalityNames

NAMES = ModalityNames()
ALONE = SeedSpread(pd.DataFrame())


def test_other_metrics_and_tasks_are_no_accuracies(studies):
    table = studies.make_comparison()
    first = table[table["task"] == "classification"].iloc[:1]
    others = [first.assign(metric="uv_minus_rgb", source=""), first.assign(metric="rgb_above_strata")]
    known = accuracy_rows(table, "classification")
    assert len(accuracy_rows(pd.concat([table, *others]), "classification")) == len(known) == 32


def test_classification_points_belong_to_their_source(studies, points):
    table = studies.make_comparison()
    species, sex = draw_classification(table).axes
    assert [ax.get_title("left") for ax in (species, sex)] == ["species\nn = 60", "sex\nn = 60"]
    rows = [t.get_text() for t in species.get_yticklabels()]
    assert rows == ["separate", "concat", "attention", "RGB-only", "[band means]", "[silhouette]"]
    x, y, ends = points(sex)["uv"]
    known = ~np.isnan(x)
    np.testing.assert_allclose(x[known], [0.82, 0.82, 0.82, 0.7])
    np.testing.assert_allclose(ends, [[0.74, 0.9]] * 3 + [[0.62, 0.78]])
    x = points(sex)["rgb"][0]
    np.testing.assert_allclose(x[~np.isnan(x)], [0.55, 0.55, 0.55, 0.52])
    # RGB, UV, both side by side, joint: about the middle of the row.
    np.testing.assert_allclose(y[0], -0.085)
    assert (species.get_xlim(), species.get_ylim()) == (sex.get_xlim(), sex.get_ylim())
    chance = [
        line.get_xdata()[0] for ax in (species, sex) for line in ax.lines if line.get_label() == "chance"
    ]
    assert chance == pytest.approx([0.2, 0.5])


def test_classification_without_a_number_says_too_few(studies):
    table = studies.make_comparison()
    silent = (table["name"] == "attention") & (table["label"] == "sex")
    cell = (
        table[silent]
        .iloc[:1]
        .assign(metric="accuracy", source="", value=np.nan, low=np.nan, high=np.nan, n=np.nan)
    )
    table = pd.concat([table[~silent], cell])
    species, sex = draw_classification(table).axes
    names = [t.get_text() for t in species.get_yticklabels()]
    assert [(t.get_text(), names[t.xy[1]]) for t in sex.texts] == [("too few", "attention")]
    rows = tabulate_accuracies(table, ModalityNames(), SeedSpread(pd.DataFrame())).rows
    assert ("sex", "attention", *["too few"] * 5, "0.50", "–") in rows
    told = next(row for row in rows if row[:2] == ("sex", "separate"))
    assert told[2] == "0.55 (0.47 to 0.63)"


def test_a_baseline_that_sees_neither_photograph_is_not_drawn_as_joint(studies, points):
    table = studies.make_comparison()
    blind = (table["name"] == "silhouette") & (table["label"] == "species")
    species, _ = draw_classification(table.assign(source=table["source"].mask(blind, "joint"))).axes
    x, y, _ = points(species)["baseline"]
    np.testing.assert_allclose([x[5], y[5]], [0.6, 5])
    assert np.isnan(points(species)["joint"][0][5])
    # The table says the same as the legend.
    told = tabulate_accuracies(table.assign(source=table["source"].mask(blind, "joint")), NAMES, ALONE)
    silhouette = next(row for row in told.rows if row[:2] == ("species", "[silhouette]"))
    assert dict(zip(told.header, silhouette, strict=True))["joint"] == "–"
    assert dict(zip(told.header, silhouette, strict=True))["neither"].startswith("0.60 (")


def test_the_section_shows_the_chosen_model_alone(studies):
    table = tabulate_chosen(studies.make_comparison(), "concat", ModalityNames(), SeedSpread(pd.DataFrame()))
    assert table.caption == "Balanced accuracy of the model concat (95 % interval)"
    assert [row[:3] for row in table.rows] == [
        ("species", "0.90 (0.82 to 0.98)", "0.70 (0.62 to 0.78)"),
        ("sex", "0.55 (0.47 to 0.63)", "0.82 (0.74 to 0.90)"),
    ]


def test_nothing_predicted_says_so(studies):
    with pytest.raises(NothingToDrawError, match="no label could be predicted"):
        draw_classification(studies.make_comparison().iloc[:0])


def test_the_methods_state_the_protocol():
    told = describe_evaluation(EvaluationParams(folds=4, bootstraps=50, protocol="quick"))
    assert "regression in 4 folds stratified" in told
    assert told.count("95 % over 50 bootstraps (protocol: quick).") == 1


def test_accuracies_below_chance_are_explained_beside_shuffled_labels(studies):
    known = {"name": "separate", "kind": "variant", "label": "sex", "chance": 0.5, "n": 20}
    rows = [
        known | {"task": "classification", "metric": f"{s}_accuracy", "source": s, "value": value}
        for s, value in (("rgb", 0.37), ("uv", 0.5))
    ]
    rows.append(known | {"task": "classification_control", "metric": "shuffled_within_strata", "value": 0.47})
    (found,) = explain_low(studies.tidy(rows), "separate", NAMES)
    assert found.text.startswith("Below chance (sex from RGB 0.37) is no better than guessing: ")
    assert found.text.endswith(" Labels shuffled within species give 0.47 for sex.")
    assert not found.is_claim
    blind = rows[0] | {"name": "species_only", "kind": "baseline", "source": "joint"}
    blind |= {"metric": "joint_accuracy", "value": 0.21}
    (found,) = explain_low(studies.tidy([*rows, blind]), "separate", NAMES)
    assert found.text.startswith("Below chance (sex from RGB 0.37, sex from known species 0.21) is")
    (found,) = explain_low(studies.tidy([*rows[1:], blind]), "separate", NAMES)
    assert "Labels shuffled" not in found.text
    assert explain_low(studies.tidy(rows[1:]), "separate", NAMES) == []
    assert explain_low(studies.tidy(rows), "concat", NAMES) == []


def test_an_accuracy_without_a_miss_says_of_how_many(studies):
    known = {"name": "separate", "kind": "variant", "task": "classification", "label": "sex", "n": 164}
    rows = [
        known | {"metric": f"{s}_accuracy", "source": s, "value": 1.0, "low": low, "high": 1.0}
        for s, low in (("rgb", 1.0), ("uv", 0.9))
    ]
    (row,) = tabulate_accuracies(studies.tidy(rows), NAMES, ALONE).rows
    assert row[2:4] == ("1.00 (all 164 right)", "1.00 (0.90 to 1.00)")


def test_the_methods_name_the_correction_and_the_choice(studies):
    assert "(Westfall & Young 1993)" in describe_evaluation(EvaluationParams())
    told = describe_choice(ChosenVariant("pca_cca", how="the first"), ModalityNames("Dorsal", "Ventral"))
    assert told.startswith("The report speaks of the model PCA + CCA, the first. What Ventral adds")
    assert "What Ventral adds was asked of all specimens" in told
    assert describe_choice(ChosenVariant(), NAMES) == ""
