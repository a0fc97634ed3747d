"""k-NN, controls, gains, predictability and other galleries as a reader sees them."""

import pandas as pd
import pytest

from xmodal_pipeline.reporting.html import ReportContent, build_report
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.predictability_table import explain_predictability, tabulate_predictability
from xmodal_pipeline.reporting.probe_tables import tabulate_controls, tabulate_improvements, tabulate_nearest
from xmodal_pipeline.reporting.report_tables import list_not_applicable, tabulate_measures
from xmodal_pipeline.reporting.retrieval_tables import tabulate_galleries
from xmodal_pipeline.reporting.seeds import SeedSpread

NAMES = ModalityNames()
ALONE = SeedSpread(pd.DataFrame())
COLUMNS = ["name", "kind", "task", "label", "metric", "value", "low", "high", "n", "chance"]
NONE = float("nan")


@pytest.fixture
def comparison():
    variant, baseline = ("separate", "variant"), ("untrained_encoder", "baseline")
    sex = ("classification", "sex")
    rows = [
        (*variant, *sex, "uv_accuracy", 0.82, 0.74, 0.9, 60, 0.5),
        (*variant, *sex, "joint_accuracy", 0.78, 0.7, 0.86, 60, 0.5),
        (*variant, "classification_knn", "sex", "uv_accuracy", 0.7, 0.6, 0.8, 60, 0.5),
        (*variant, "classification_control", "sex", "shuffled_freely", 0.49, NONE, NONE, 60, 0.5),
        (*variant, "classification_control", "sex", "above_shuffled_freely", 0.29, NONE, NONE, 60, 0.0),
        (*variant, "classification_control", "sex", "strata_only_accuracy", 0.5, 0.4, 0.6, 60, 0.5),
        (*variant, "classification_control", "sex", "strata_held_out_accuracy", NONE, NONE, NONE, 60, 0.5),
        (*baseline, *sex, "uv_accuracy", 0.6, 0.5, 0.7, 60, 0.5),
        (*baseline, "classification_knn", "sex", "uv_accuracy", 0.55, 0.4, 0.7, 60, 0.5),
        (*baseline, "classification_control", "sex", "shuffled_freely", 0.51, NONE, NONE, 60, 0.5),
        (*variant, "retrieval_within_species", "rgb_to_uv", "recall@1", 0.4, 0.3, 0.5, 20, 0.1),
        (*variant, "retrieval_within_species", "rgb_to_uv", "pairwise", 0.75, 0.6, 0.9, 20, 0.5),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def metrics():
    gains = {"improvement": 0.02, "improvement_over_rgb": 0.2, "improvement_over_uv": -0.01}
    cell = gains | {f"{name}_ci": [value - 0.1, value + 0.1] for name, value in gains.items()}
    cell |= {"improvement_over_rgb_p": 0.048, "improvement_over_uv_p": 0.6, "n": 60}
    return {"separate": {"classification": {"sex": cell | {"controls": {"shuffled_freely_p": 0.05}}}}}


def test_nearest_neighbours_stand_beside_the_linear_probe(comparison):
    table = tabulate_nearest(comparison, NAMES, ALONE)
    assert table.is_folded
    assert table.header == ("Label", "Name", "From", "Linear probe", "k-NN", "Chance", "n")
    assert table.rows == [
        ("sex", "separate", "UV", "0.82 (0.74 to 0.90)", "0.70 (0.60 to 0.80)", "0.50", "60"),
        ("sex", "[untrained encoder]", "UV", "0.60 (0.50 to 0.70)", "0.55 (0.40 to 0.70)", "0.50", "60"),
    ]


def test_controls_stand_beside_the_accuracy_that_they_belong_to(comparison, metrics):
    table = tabulate_controls(comparison, metrics, NAMES)
    assert not table.is_folded
    columns = ("Label", "Name", "From", "Accuracy", "Shuffled", "Species alone", "New species", "n")
    assert table.header == columns
    assert table.rows == [
        (
            "sex",
            "separate",
            "joint",
            "0.78 (0.70 to 0.86)",
            "0.49 (p 0.05)",
            "0.50 (0.40 to 0.60)",
            "–",
            "60",
        ),
        ("sex", "[untrained encoder]", "UV", "0.60 (0.50 to 0.70)", "0.51", "–", "–", "60"),
    ]


def test_gains_have_interval_and_p(metrics):
    (row,) = tabulate_improvements(metrics, NAMES).rows
    assert row == (
        *("sex", "separate", "0.02 (−0.08 to 0.12)"),
        *("0.20 (0.10 to 0.30)", "0.048", "−0.01 (−0.11 to 0.09)", "0.600", "60"),
    )


def test_other_galleries_have_their_own_chance(comparison):
    (row,) = tabulate_galleries(comparison, NAMES).rows
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
        ("separate", "UV from RGB", "0.31 (SD 0.02)", "0.90", "0.34", "too few", "40", "3"),
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
        "predictability": predictability(),
        "classification": metrics["separate"]["classification"],
    }
    tables = studies.make_tables(comparison=comparison, metrics=metrics, baselines={"band_means": baseline})

    page = build_report(ReportContent(tables))

    for caption, shown in (
        ("Alignment", "0.432"),
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
