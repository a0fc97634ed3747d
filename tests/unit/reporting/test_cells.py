"""The spread between seeds beside learnt numbers, and the words where there is none."""

import pandas as pd
import pytest

from xmodal_pipeline.reporting.cells import ONE_SEED, SeedSpread, list_reasons
from xmodal_pipeline.reporting.classification.accuracies import tabulate_accuracies
from xmodal_pipeline.reporting.retrieval.recall import tabulate_recall
from xmodal_pipeline.reporting.similarity.structures import tabulate_measures
from xmodal_pipeline.reporting.words import ModalityNames

NAMES = ModalityNames()
COLUMNS = ["name", "partition", "task", "label", "metric", "stratum", "mean", "sd", "n_seeds"]


@pytest.fixture
def rows():
    return pd.DataFrame(
        [
            ("separate", "test", "retrieval", "rgb_to_uv", "recall@1", "", 0.5, 0.031, 5),
            ("separate", "all", "classification", "sex", "rgb_accuracy", "", 0.55, 0.02, 5),
            ("separate", "all", "classification", "sex", "uv_accuracy", "", 0.8, 0.04, 5),
            ("separate", "test", "geometry", "", "modality_gap", "", 0.3, 0.012, 5),
            ("concat", "test", "retrieval", "rgb_to_uv", "recall@1", "", 0.4, float("nan"), 1),
        ],
        columns=COLUMNS,
    )


def test_every_recall_has_the_spread_of_its_own(studies, rows):
    table = tabulate_recall(studies.make_comparison(), NAMES, SeedSpread(rows))
    shown = {row[:2]: row[2] for row in table.rows}
    assert shown["separate", "RGB → UV"].endswith("), SD 0.03")
    assert "SD" not in shown["separate", "UV → RGB"]
    assert "SD" not in shown["[band means]", "RGB → UV"]
    assert (f"concat ({ONE_SEED})", "RGB → UV") in shown


def test_a_species_has_the_spread_of_its_own():
    key = ("separate", "classification_by_stratum", "sex", "uv_accuracy")
    columns = ["name", "task", "label", "metric", "stratum", "sd", "n_seeds"]
    spread = SeedSpread(pd.DataFrame([(*key, "a", 0.1, 5), (*key, "b", 0.2, 5)], columns=columns))
    rows = pd.DataFrame([(*key, "a"), (*key, "b"), (*key, "c")], columns=columns[:5])
    assert [spread.find(row) for row in rows.itertuples(index=False)] == [(0.1, 5), (0.2, 5), None]


def test_classification_has_a_spread_per_source(studies, rows):
    table = tabulate_accuracies(studies.make_comparison(), NAMES, SeedSpread(rows))
    shown = {row[:2]: row[2:6] for row in table.rows}
    assert [cell.partition(", SD ")[2] for cell in shown["sex", "separate"]] == ["0.02", "0.04", "", ""]
    assert all("SD" not in cell for cell in shown["sex", "[band means]"])


def test_measures_carry_it_behind_the_number(studies, rows):
    table = tabulate_measures(studies.make_comparison(), "geometry", NAMES, SeedSpread(rows))
    assert table.header == ("Measure", "separate", f"concat ({ONE_SEED})")
    assert ("modality gap", "0.310, SD 0.012", "0.310") in table.rows
    assert ("uniformity RGB", "−2.900", "−2.900") in table.rows


def test_a_variant_without_a_spread_is_marked_where_others_have_one(rows):
    assert SeedSpread(rows).mark("concat") == f" ({ONE_SEED})"
    assert SeedSpread(rows).mark("separate") == ""
    assert SeedSpread(pd.DataFrame()).mark("concat") == ""
    assert (SeedSpread(rows).tags, SeedSpread(pd.DataFrame()).tags) == ((), (ONE_SEED,))
    assert SeedSpread(rows).most_seeds == 5


def test_reasons_are_grouped_over_variants_and_measures(studies):
    few = {"task": "alignment", "kind": "variant", "reason": "too few: 3 species"}
    rows = [
        few | {"name": name, "metric": metric}
        for name in ("separate", "concat")
        for metric in ("spearman_among", "strength")
    ]
    rows.append({"name": "rgb_only", "kind": "variant", "task": "alignment", "reason": "one modality: rgb"})
    rows.append({"name": "pca_cca", "kind": "baseline", "task": "alignment", "reason": "of a baseline"})
    rows.append(few | {"name": "separate", "task": "geometry", "metric": "modality_gap"})
    # That a model of one modality has no alignment goes without saying.
    assert list_reasons(studies.tidy(rows), "alignment", NAMES) == [
        "spearman among, strength of separate, concat: too few: 3 species",
    ]


def test_a_label_is_named_once_whatever_its_measures(studies):
    row = {"name": "separate", "kind": "variant", "task": "classification", "label": "view"}
    rows = [row | {"metric": metric, "reason": "one class only"} for metric in ("accuracy", "improvement")]
    inside = row | {"stratum": "parus_major", "reason": "too few: f 3, m 3"}
    table = studies.tidy([*rows, inside])
    assert list_reasons(table, "classification", NAMES) == ["view of separate: one class only"]
