import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.seeds import SeedSpread
from xmodal_pipeline.reporting.sentences import (
    find_alignment,
    find_differences,
    find_gains,
    find_retrieval,
    find_uv_value,
)

NAMES = ModalityNames()
FEW = {"not_applicable": "too few: no species has 4 specimens"}


def one_difference(studies, value, low, high, **extra):
    metrics = studies.make_metrics(uv_minus_rgb=(value, low, high))
    metrics["classification"]["sex"] |= extra
    (found,) = find_differences({"separate": metrics}, NAMES)
    return found


@pytest.mark.parametrize(
    ("numbers", "claim", "beginning"),
    [
        ((0.27, 0.15, 0.38), True, "UV tells more about sex than RGB does"),
        ((-0.27, -0.38, -0.15), True, "RGB tells more about sex than UV does"),
        ((0.27, -0.01, 0.38), False, "No difference between UV and RGB is claimed for sex"),
    ],
)
def test_a_difference_is_claimed_only_by_its_own_interval(studies, numbers, claim, beginning):
    found = one_difference(studies, *numbers)
    assert found.is_claim is claim
    assert found.text.startswith(beginning)
    assert f"{numbers[1]:+.2f} to {numbers[2]:+.2f}".replace("-", "−") in found.text


def test_a_label_that_only_follows_species_is_not_claimed(studies):
    beyond = {"uv_minus_rgb_above_strata": 0.2, "uv_minus_rgb_above_strata_ci": [0.05, 0.35]}
    found = one_difference(studies, 0.27, 0.15, 0.38, **beyond, uv_above_strata_p=0.38)
    assert not found.is_claim
    assert "not shown to be predicted beyond what species" in found.text
    claimed = one_difference(studies, 0.27, 0.15, 0.38, **beyond, uv_above_strata_p=0.048)
    assert claimed.is_claim
    assert "each beyond what the species gives: +0.20" in claimed.text
    # A modality that knows the species better only seems to know the label better.
    beyond["uv_minus_rgb_above_strata_ci"] = [-0.1, 0.35]
    assert not one_difference(studies, 0.27, 0.15, 0.38, **beyond, uv_above_strata_p=0.048).is_claim


def recall(studies, value, low, high, **baselines):
    table = studies.make_comparison()
    first = (table["metric"] == "recall@1") & (table["label"] == "rgb_to_uv")
    table.loc[first & (table["name"] == "separate"), ["value", "low", "high"]] = value, low, high
    differences = studies.make_differences(**baselines)
    found, *_ = find_retrieval(table, differences, NAMES, variant="separate")
    return found


def test_retrieval_is_judged_against_chance_and_every_baseline(studies):
    weak = {"band_means": (0.5, 0.3, 0.7, 0.001), "species_only": (-0.3, -0.5, -0.1, 0.001)}
    above = recall(studies, 0.62, 0.5, 0.74, silhouette=(0.32, 0.1, 0.5, 0.02), **weak)
    assert above.is_claim
    assert above.text.replace("\u00a0", " ") == (
        "From the RGB photograph, separate finds the UV one first in 62 % of 20 held-out queries (95 % "
        "interval 50 % to 74 %), above chance (5 %; who knows the species reaches 30 %) and above every "
        "baseline, the strongest being silhouette (30 %; difference +32 (95 % interval +10 to +50), "
        "corrected p = 0.020)."
    )
    for strongest, words in (
        ((0.1, -0.1, 0.3, 0.4), "but it is not shown to exceed the baseline pixels"),
        ((0.1, 0.01, 0.3, 0.2), "but it is not shown to exceed the baseline pixels"),
        ((-0.3, -0.5, -0.1, 0.2), "but it is not shown to exceed the baseline pixels"),
        ((-0.3, -0.5, -0.1, 0.01), "but without learning pixels (92\u00a0%"),
    ):
        beside = recall(studies, 0.62, 0.5, 0.74, pixels=strongest, **weak)
        assert not beside.is_claim
        assert words in beside.text
    chance = recall(studies, 0.1, 0.04, 0.2, **weak)
    assert not chance.is_claim
    assert "not above chance" in chance.text


def test_accuracy_is_judged_against_every_baseline(studies):
    rows = studies.make_differences("classification", "sex", "accuracy", band_means=(-0.05, -0.15, 0.06, 1.0))
    (found,) = find_gains(rows, NAMES, variant="separate")
    assert not found.is_claim
    assert found.text.replace("\u00a0", " ") == (
        "For sex, separate reaches a balanced accuracy of 0.62 (joint, n = 20), but it is not shown to "
        "exceed the baseline band means (0.67; difference −0.05 (95 % interval −0.15 to +0.06), corrected "
        "p = 1.000)."
    )
    assert find_gains(rows, NAMES, variant="concat") == []
    rows = rows.assign(difference=0.2, low=0.1, high=0.3, p_adjusted=0.03)
    assert find_gains(rows, NAMES)[0].is_claim


def test_the_spread_between_seeds_stands_in_the_sentence(studies):
    rows = [("separate", "retrieval", "rgb_to_uv", "recall@1", 0.06, 5)]
    spread = SeedSpread(pd.DataFrame(rows, columns=["name", "task", "label", "metric", "sd", "n_seeds"]))
    found, other, *_ = find_retrieval(
        studies.make_comparison(), pd.DataFrame(), NAMES, variant="separate", spread=spread
    )
    assert ", SD over 5 seeds 6\u00a0%," in found.text
    assert "SD" not in other.text


def test_retrieval_names_the_modalities_in_their_direction(studies):
    forth, back, *warped = find_retrieval(
        studies.make_comparison(), pd.DataFrame(), ModalityNames("Dorsal", "Ventral"), variant="concat"
    )
    assert "From the Dorsal photograph, concat finds the Ventral one" in forth.text
    assert "From the Ventral photograph, concat finds the Dorsal one" in back.text
    assert all("warped so that neither outline nor pose gives the match away" in one.text for one in warped)
    assert len(warped) == 2


def test_uv_value_claims_follow_verdict_and_interval(studies):
    texts = [
        (f.text.replace("\u00a0", " "), f.is_claim) for f in find_uv_value(studies.make_uv_value(), NAMES)
    ]
    assert texts[0] == (
        "In Colias croceus, UV adds to RGB about sex (6.1 (95 % interval 2.4 to 11.0), q = 0.002, "
        "n = 12 + 12), and RGB alone hardly tells the classes apart.",
        True,
    )
    assert texts[1][0].startswith("In Gonepteryx rhamni, UV adds to RGB about sex (3.2")
    assert texts[2] == (
        "RGB separates the classes and UV adds at most a negligible amount in Parus major (sex).",
        True,
    )
    assert texts[3:] == [
        ("1 of 5 tests of what UV adds are unresolved.", False),
        ("1 of 5 had too few specimens to be tested.", False),
    ]


def test_a_caution_stands_in_every_claim_about_colour_and_in_nothing_else(studies):
    found = find_uv_value(studies.make_uv_value(), NAMES, caution="2 of 5 calibration lines are flagged")
    assert sum(one.is_claim for one in found) == 3
    for one in found:
        assert one.text.endswith("; 2 of 5 calibration lines are flagged.") is one.is_claim


def test_uv_value_with_an_interval_that_reaches_zero_claims_nothing(studies):
    table = studies.make_uv_value().assign(low=0.0)
    first = find_uv_value(table, NAMES)[0]
    assert not first.is_claim
    assert "is not claimed" in first.text


def test_pooled_rows_speak_of_an_average(studies):
    table = studies.make_uv_value().assign(scope="species", family="primary")
    pooled = table.iloc[[1]].assign(species="all species", scope="all")
    texts = [f.text for f in find_uv_value(pd.concat([table, pooled]), NAMES)]
    assert any(text.startswith("On average over all species, UV adds to RGB about sex") for text in texts)


@pytest.mark.parametrize(
    ("changes", "claim", "words"),
    [
        ({}, True, "order specimens alike within species (Spearman 0.45, permutation p = 0.001"),
        (
            {"p_value_within": 0.2},
            False,
            "No common order of specimens in RGB and UV is claimed within species",
        ),
        ({"spearman_within": -0.4}, False, "No common order"),
        (
            {"p_value_within": {"not_applicable": "no species given"}, "p_value": 0.01},
            True,
            "alike over all pairs (Spearman 0.52",
        ),
        (
            # Over all pairs, modalities that merely know the species would always seem alike.
            {"p_value_within": FEW, "spearman_within": FEW, "p_value": 0.001},
            False,
            "order specimens alike within species was not tested: too few: no species has 4 specimens",
        ),
        ({"p_value_within": np.nan, "p_value": 0.3}, False, "claimed over all pairs"),
    ],
)
def test_alignment_is_claimed_by_the_test_that_species_allow(studies, changes, claim, words):
    metrics = studies.make_metrics()
    metrics["alignment"] |= changes
    (found,) = find_alignment({"separate": metrics}, NAMES)
    assert found.is_claim is claim
    assert words in found.text


def test_only_the_chosen_variant_speaks(studies):
    metrics = {"separate": studies.make_metrics(), "concat": studies.make_metrics()}
    assert len(find_alignment(metrics, NAMES)) == 2
    (found,) = find_alignment(metrics, NAMES, variant="concat")
    assert found.text.endswith("; concat).")


def test_what_does_not_apply_is_silent():
    reason = {"not_applicable": "one modality"}
    metrics = {"rgb_only": {"alignment": reason, "classification": reason}}
    assert find_alignment(metrics, NAMES) == find_differences(metrics, NAMES) == []
    assert find_retrieval(pd.DataFrame(), pd.DataFrame(), NAMES) == find_uv_value(pd.DataFrame(), NAMES) == []
