"""k-NN, controls and gains as a reader sees them."""

import pandas as pd
import pytest

from xmodal_pipeline.reporting.cells import SeedSpread
from xmodal_pipeline.reporting.classification.controls import (
    tabulate_claims,
    tabulate_controls,
    tabulate_improvements,
    tabulate_nearest,
    tabulate_test_only,
)
from xmodal_pipeline.reporting.words import ModalityNames

NAMES = ModalityNames()
ALONE = SeedSpread(pd.DataFrame())
COLUMNS = ["name", "kind", "task", "label", "metric", "value", "low", "high", "n", "chance", "p"]
NONE = float("nan")


@pytest.fixture
def comparison(studies):
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
    ]
    table = studies.tidy([dict(zip(COLUMNS, row, strict=True)) for row in rows])
    stem = table["metric"].str.partition("_")[0]
    return table.assign(source=stem.where(stem.isin(["uv", "joint"]), ""))


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
    spread = SeedSpread(pd.DataFrame(rows, columns=["name", "task", "label", "metric", "sd", "n_seeds"]))
    other = comparison[comparison["name"] == "separate"].assign(name="concat")
    comparison = pd.concat([comparison, other])
    for table, shown in (
        (tabulate_claims(comparison, NAMES, spread), "0.30 (0.20 to 0.40), SD 0.03, p 0.048"),
        (tabulate_improvements(comparison, NAMES, spread), "0.02 (−0.08 to 0.12), SD 0.03"),
        (tabulate_nearest(comparison, NAMES, spread), "0.70 (0.60 to 0.80), SD 0.07"),
        (tabulate_controls(comparison, NAMES, spread), "0.49, SD 0.01, p 0.050"),
    ):
        named = {cell: row for row in table.rows for cell in row[:2]}
        assert shown in named["separate"]
        assert "concat (one seed: exploratory)" in named
        assert shown.split(", SD")[0] in " ".join(named["concat (one seed: exploratory)"])
