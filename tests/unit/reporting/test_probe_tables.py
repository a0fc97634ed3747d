"""k-NN, controls, gains, predictability and other galleries as a reader sees them."""

import pandas as pd
import pytest

from xmodal_pipeline.reporting.difference_table import tabulate_gains
from xmodal_pipeline.reporting.html import ReportContent, build_report
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.predictability_table import explain_predictability, tabulate_predictability
from xmodal_pipeline.reporting.probe_tables import (
    tabulate_claims,
    tabulate_controls,
    tabulate_improvements,
    tabulate_nearest,
    tabulate_test_only,
)
from xmodal_pipeline.reporting.report_tables import list_not_applicable, tabulate_measures
from xmodal_pipeline.reporting.retrieval_tables import tabulate_galleries
from xmodal_pipeline.reporting.seeds import SeedSpread

NAMES = ModalityNames()
ALONE = SeedSpread(pd.DataFrame())
COLUMNS = ["name", "kind", "task", "label", "metric", "value", "low", "high", "n", "chance", "p"]
NONE = float("nan")


@pytest.fixture
def comparison():
    variant, baseline = ("separate", "variant"), ("untrained_encoder", "baseline")
    sex = ("classification", "sex")
    control = (*variant, "classification_control", "sex")
    alone = (*variant, "classification_test_only", "sex")
    rows = [
        (*variant, *sex, "uv_accuracy", 0.82, 0.74, 0.9, 60, 0.5, NONE),
        (*variant, *sex, "joint_accuracy", 0.78, 0.7, 0.86, 60, 0.5, NONE),
        (*variant, *sex, "improvement", 0.02, -0.08, 0.12, 60, 0.0, NONE),
        (*variant, *sex, "improvement_over_rgb", 0.2, 0.1, 0.3, 60, 0.0, 0.048),
        (*variant, *sex, "improvement_over_uv", -0.01, -0.11, 0.09, 60, 0.0, 0.6),
        (*variant, *sex, "uv_above_strata", 0.3, 0.2, 0.4, 60, 0.0, 0.048),
        (*variant, *sex, "uv_minus_rgb_above_strata", 0.25, 0.1, 0.4, 60, 0.0, NONE),
        (*variant, "classification_knn", "sex", "uv_accuracy", 0.7, 0.6, 0.8, 60, 0.5, NONE),
        (*alone, "uv_accuracy", 0.75, 0.5, 0.95, 14, 0.5, NONE),
        (*alone, "uv_minus_rgb", 0.1, -0.2, 0.4, 14, 0.0, NONE),
        (*control, "shuffled_freely", 0.49, NONE, NONE, 60, 0.5, 0.05),
        (*control, "strata_only_accuracy", 0.5, 0.4, 0.6, 60, 0.5, NONE),
        (*control, "strata_held_out_accuracy", NONE, NONE, NONE, 60, 0.5, NONE),
        (*baseline, *sex, "uv_accuracy", 0.6, 0.5, 0.7, 60, 0.5, NONE),
        (*baseline, *sex, "improvement", 0.1, 0.0, 0.2, 60, 0.0, NONE),
        (*baseline, "classification_knn", "sex", "uv_accuracy", 0.55, 0.4, 0.7, 60, 0.5, NONE),
        (*baseline, "classification_control", "sex", "shuffled_freely", 0.51, NONE, NONE, 60, 0.5, NONE),
        (*variant, "retrieval_within_species", "rgb_to_uv", "recall@1", 0.4, 0.3, 0.5, 20, 0.1, NONE),
        (*variant, "retrieval_within_species", "rgb_to_uv", "pairwise", 0.75, 0.6, 0.9, 20, 0.5, NONE),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def metrics(studies):
    return {"separate": studies.make_metrics()}


def test_nearest_neighbours_stand_beside_the_linear_probe(comparison):
    table = tabulate_nearest(comparison, NAMES, ALONE)
    assert table.is_folded
    assert table.header == ("Label", "Name", "From", "Linear probe", "k-NN", "Chance", "n")
    assert table.rows == [
        ("sex", "separate", "UV", "0.82 (0.74 to 0.90)", "0.70 (0.60 to 0.80)", "0.50", "60"),
        ("sex", "[untrained encoder]", "UV", "0.60 (0.50 to 0.70)", "0.55 (0.40 to 0.70)", "0.50", "60"),
    ]


def test_controls_stand_beside_the_accuracy_that_they_belong_to(comparison):
    table = tabulate_controls(comparison, NAMES, ALONE)
    assert not table.is_folded
    columns = ("Label", "Name", "From", "Accuracy", "Shuffled", "Species alone", "New species", "n")
    assert table.header == columns
    assert table.rows == [
        (
            *("sex", "separate", "joint", "0.78 (0.70 to 0.86)"),
            *("0.49, p 0.050", "0.50 (0.40 to 0.60)", "–", "60"),
        ),
        ("sex", "[untrained encoder]", "UV", "0.60 (0.50 to 0.70)", "0.51", "–", "–", "60"),
    ]


def test_claims_are_beyond_the_species_with_interval_and_p(comparison):
    table = tabulate_claims(comparison, NAMES, ALONE)
    assert table.header == ("Label", "Name", "RGB", "UV", "Both", "UV − RGB", "n")
    (row,) = table.rows
    shown = ("–", "0.30 (0.20 to 0.40), p 0.048", "–", "0.25 (0.10 to 0.40)", "60")
    assert row == ("sex", "separate", *shown)
    assert "exchanged within species" in table.note


def test_test_specimens_stand_alone_with_their_own_n(comparison):
    table = tabulate_test_only(comparison, NAMES, ALONE)
    assert table.header[-3:] == ("UV − RGB", "Chance", "n")
    (row,) = table.rows
    shown = ("–", "0.75 (0.50 to 0.95)", "–", "0.10 (−0.20 to 0.40)", "0.50", "14")
    assert row == ("sex", "separate", *shown)


def test_gains_have_interval_and_p(comparison):
    row, baseline = tabulate_improvements(comparison, NAMES, ALONE).rows
    assert row == (
        *("sex", "separate", "0.02 (−0.08 to 0.12)"),
        *("0.20 (0.10 to 0.30), p 0.048", "−0.01 (−0.11 to 0.09), p 0.600", "60"),
    )
    assert baseline[:4] == ("sex", "[untrained encoder]", "0.10 (0.00 to 0.20)", "–")


def test_the_spread_stands_behind_every_number_and_a_variant_without_it_is_marked(comparison):
    rows = [
        ("separate", "classification", "sex", metric, 0.03, 5)
        for metric in ("uv_above_strata", "improvement", "joint_accuracy")
    ]
    rows += [("separate", "classification_knn", "sex", "uv_accuracy", 0.07, 5)]
    rows += [("separate", "classification_control", "sex", "shuffled_freely", 0.01, 5)]
    rows += [("separate", "retrieval_within_species", "rgb_to_uv", "recall@1", 0.04, 5)]
    spread = SeedSpread(pd.DataFrame(rows, columns=["name", "task", "label", "metric", "sd", "n_seeds"]))
    other = comparison[comparison["name"] == "separate"].assign(name="concat")
    comparison = pd.concat([comparison, other])
    for table, shown in (
        (tabulate_claims(comparison, NAMES, spread), "0.30 (0.20 to 0.40), SD 0.03, p 0.048"),
        (tabulate_improvements(comparison, NAMES, spread), "0.02 (−0.08 to 0.12), SD 0.03"),
        (tabulate_nearest(comparison, NAMES, spread), "0.70 (0.60 to 0.80), SD 0.07"),
        (tabulate_controls(comparison, NAMES, spread), "0.49, SD 0.01, p 0.050"),
        (tabulate_galleries(comparison, NAMES, spread), "0.40 (0.30 to 0.50), SD 0.04"),
    ):
        named = {cell: row for row in table.rows for cell in row[:2]}
        assert shown in named["separate"]
        assert "concat (one seed: exploratory)" in named
        assert shown.split(", SD")[0] in " ".join(named["concat (one seed: exploratory)"])


def test_differences_to_baselines_name_what_was_compared(studies):
    differences = pd.concat(
        [
            studies.make_differences(band_means=(0.3, 0.1, 0.5, 0.01)),
            studies.make_differences("retrieval", metric="mrr", band_means=(0.2, 0.1, 0.5, 0.01)),
            studies.make_differences("classification", "sex", "accuracy", band_means=(-0.1, -0.2, 0.0, 0.8)),
        ]
    )
    recall = tabulate_gains(differences, NAMES, is_retrieval=True)
    assert recall.rows == [
        (
            *("separate", "[band means] (combined)", "RGB → UV", "all", "0.62", "0.32"),
            *("0.30 (0.10 to 0.50)", "0.005", "0.010", "20"),
        )
    ]
    (accuracy,) = tabulate_gains(differences, NAMES, is_retrieval=False).rows
    assert accuracy[:3] == ("separate", "[band means] (combined)", "sex")
    assert accuracy[-4:] == ("−0.10 (−0.20 to 0.00)", "0.400", "0.800", "20")
    assert tabulate_gains(pd.DataFrame(), NAMES, is_retrieval=True).rows == []


def test_other_galleries_have_their_own_chance(comparison):
    (row,) = tabulate_galleries(comparison, NAMES, ALONE).rows
    shown = ("0.40 (0.30 to 0.50)", "–", "–", "0.75 (0.60 to 0.90)", "0.100", "20")
    assert row == ("separate", "RGB → UV", "species", *shown)


def predictability(**changes):
    few = {"not_applicable": "too few: 3 species, at least 8 needed"}
    numbers = {"within": 0.31, "between": few, "repeatability": 0.9, "within_corrected": 0.344} | changes
    return {"n": 40, "n_species": 3, "r2_uv_given_rgb": numbers, "r2_rgb_given_uv": numbers}


def test_predictability_names_target_and_predictor():
    measured = {"separate": {"predictability": predictability()}}
    spread = pd.DataFrame(
        [("separate", "predictability", "r2_uv_given_rgb", "within", 0.02, 3)],
        columns=["name", "task", "label", "metric", "sd", "n_seeds"],
    )
    table = tabulate_predictability(measured, NAMES, SeedSpread(spread))
    assert table.rows == [
        ("separate", "UV from RGB", "0.31, SD 0.02", "0.90", "0.34", "too few", "40", "3"),
        ("separate", "RGB from UV", "0.31", "0.90", "0.34", "too few", "40", "3"),
    ]
    assert "Share of the variance of one modality" in table.note
    assert explain_predictability(measured, NAMES) == []


def test_predictability_without_a_number_leaves_its_reason():
    few = {"not_applicable": "too few: 5 specimens, at least 20 needed"}
    nothing = predictability(within=few, repeatability=few, within_corrected=few)
    measured = {"separate": {"predictability": nothing}, "concat": {"predictability": nothing}}
    assert tabulate_predictability(measured, NAMES, ALONE).rows == []
    assert explain_predictability(measured, NAMES) == [
        "Predictability of separate, concat: too few: 5 specimens, at least 20 needed; too few: 3 species, "
        "at least 8 needed."
    ]
    one = {"predictability": {"not_applicable": "one modality: rgb"}}
    assert explain_predictability({"rgb_only": one}, NAMES) == []


def test_reasons_are_grouped_over_variants_and_measures():
    few, one = {"not_applicable": "too few: 3 species"}, {"not_applicable": "one modality: rgb"}
    part = {"alignment": {"spearman_among": few, "p_value_among": few, "spearman": -0.0001, "n": 6}}
    measured = {"separate": part, "concat": part, "rgb_only": {"alignment": one}}
    assert list_not_applicable(measured, "alignment", NAMES) == [
        "spearman among, p value among of separate, concat: too few: 3 species",
        "RGB only: one modality: RGB",
    ]
    rows = [("spearman", "0.000", "0.000"), ("n", "6", "6")]
    assert tabulate_measures(measured, "alignment", NAMES, ALONE).rows == rows


def test_baselines_stand_in_brackets_beside_the_variants(studies, comparison, metrics):
    baseline = {
        "alignment": {"spearman_within": 0.4321},
        "geometry": {"modality_gap": 0.9876},
        "predictability": predictability(),
    }
    comparison.loc[comparison["name"] == "untrained_encoder", "name"] = "band_means"
    tables = studies.make_tables(comparison=comparison, metrics=metrics, baselines={"band_means": baseline})

    page = build_report(ReportContent(tables))

    for caption, shown in (
        ("Alignment", "0.432"),
        ("Geometry", "0.988"),
        ("Predictability, R²", "[band means]"),
        ("What RGB and UV side by side gain", "[band means]"),
    ):
        table = page[page.index(f'<span class="title">{caption}') :]
        table = table[: table.index("</table>")]
        assert "[band means]" in table
        assert shown in table


def test_the_page_folds_long_tables_and_shows_their_notes(studies, comparison, metrics):
    metrics["separate"]["predictability"] = predictability()
    index = studies.make_index(units="uncalibrated")
    page = build_report(
        ReportContent(studies.make_tables(comparison=comparison, metrics=metrics, specimen_index=index))
    )
    assert '<details class="table"><summary>Linear probe beside weighted k-NN' in page
    for caption in ("Controls: what the accuracy", "Predictability, R²", "What RGB and UV side by side gain"):
        assert f'<caption><span class="title">{caption}' in page
    assert "among those of one species" in page
    assert "reflectance" not in page.lower()
