import pandas as pd
import pytest

from xmodal_pipeline.reporting.cells import SeedSpread
from xmodal_pipeline.reporting.classification.differences import (
    judge_labels,
    say_labels,
    tabulate_differences,
)
from xmodal_pipeline.reporting.words import ModalityNames

NAMES = ModalityNames()
BEYOND = "uv_minus_rgb_above_strata"


def one_difference(studies, *rows):
    (judged,) = judge_labels(studies.tidy(list(rows)), "separate", NAMES)
    return judged.finding


@pytest.mark.parametrize(
    ("numbers", "claim", "beginning"),
    [
        ((0.27, 0.15, 0.38), True, "UV is easier to read sex from than RGB (balanced accuracy"),
        ((-0.27, -0.38, -0.15), True, "RGB is easier to read sex from than UV (balanced accuracy"),
        ((0.27, -0.01, 0.38), False, "No difference between UV and RGB is shown for sex"),
    ],
)
def test_a_difference_is_claimed_only_by_its_own_interval(studies, numbers, claim, beginning):
    found = one_difference(studies, studies.make_difference("separate", *numbers))
    assert found.is_claim is claim
    assert found.text.startswith(beginning)
    assert f"{numbers[1]:+.2f} to {numbers[2]:+.2f}".replace("-", "−") in found.text
    assert found.text.endswith(", n = 59).")


def test_a_label_that_only_follows_species_is_not_claimed(studies):
    plain = studies.make_difference("separate", 0.27, 0.15, 0.38)

    def beyond(p, low=0.05):
        own = studies.make_difference("separate", 0.3, 0.2, 0.4, "uv_above_strata") | {"p": p}
        rgb = studies.make_difference("separate", 0.1, 0.0, 0.2, "rgb_above_strata") | {"p": 1 - p}
        return one_difference(
            studies, plain, rgb, own, studies.make_difference("separate", 0.2, low, 0.35, BEYOND)
        )

    found = beyond(0.38)
    assert not found.is_claim
    assert "not shown to be predicted beyond what species" in found.text
    claimed = beyond(0.048)
    assert claimed.is_claim
    assert "each beyond what the species gives: +0.20" in claimed.text
    # A modality that knows the species better only seems to know the label better.
    assert not beyond(0.048, low=-0.1).is_claim


def test_only_the_chosen_variant_speaks(studies):
    table = studies.make_comparison()
    table.loc[(table["name"] == "concat") & (table["metric"] == "uv_minus_rgb"), "value"] = 0.19
    (judged,) = judge_labels(table, "concat", NAMES)
    assert "+0.19 (uncorrected 95" in judged.finding.text
    assert judge_labels(table, "rgb_only", NAMES) == []


def test_the_headline_names_every_label_once_under_its_modality(studies):
    def told(label, value, low, high):
        return studies.make_difference("separate", value, low, high) | {"label": label}

    rows = [
        told("sex", 0.3, 0.2, 0.4),
        told("age", 0.2, 0.1, 0.3),
        told("morph", -0.3, -0.4, -0.2),
        told("species", 0.0, -0.1, 0.1),
    ]
    verdicts = judge_labels(studies.tidy(rows), "separate", ModalityNames("Dorsal", "Ventral"))
    assert say_labels(verdicts, {}, "pca_cca", ModalityNames("Dorsal", "Ventral")) == (
        "Sex and age are easier to read from Ventral than from Dorsal; morph is easier to read from Dorsal "
        "than from Ventral; for species no difference between Dorsal and Ventral is shown "
        "(features of the model PCA + CCA)."
    )
    assert say_labels([], {}, "separate", NAMES) == ""


def test_the_headline_tells_no_difference_from_no_test_and_from_nothing_told(studies):
    rows = [
        studies.make_difference("separate", 0.0, -0.1, 0.1) | {"label": label} for label in ("sex", "morph")
    ]
    genus = {"name": "separate", "kind": "variant", "task": "classification", "label": "genus"}
    rows += [
        genus | {"metric": "uv_minus_rgb", "value": 0.3, "low": 0.2, "high": 0.4, "p": 0.001},
        genus | {"metric": BEYOND, "reason": "each species has one class of it"},
    ]
    verdicts = judge_labels(studies.tidy(rows), "separate", NAMES)
    assert [one.is_tested for one in verdicts] == [True, True, False]
    assert say_labels(verdicts, {"sex": ("rgb", "uv"), "morph": ()}, "separate", NAMES) == (
        "Sex is told beyond the species by RGB and UV, and no difference between RGB and UV is shown; for "
        "morph no difference between RGB and UV is shown; genus could not be tested beyond the species "
        "(features of the model separate)."
    )


@pytest.mark.parametrize(("value", "end"), [(-0.09, ", of which 0.09 is UV falling below"), (0.01, "")])
def test_a_difference_says_how_much_of_it_is_the_other_below_what_the_species_gives(studies, value, end):
    found = one_difference(
        studies,
        studies.make_difference("separate", -0.4, -0.5, -0.3),
        studies.make_difference("separate", 0.29, 0.2, 0.4, "rgb_above_strata"),
        studies.make_difference("separate", value, -0.2, 0.1, "uv_above_strata", p=1.0),
        studies.make_difference("separate", -0.38, -0.5, -0.2, BEYOND),
    )
    assert found.is_claim
    assert found.text.endswith(f", n = 59){f'{end} what the species gives' if end else ''}.")


def test_the_table_goes_through_species(studies):
    sex = {"name": "separate", "kind": "variant", "label": "sex"}
    over_all = sex | {"task": "classification", "n": 59, "stratum": ""}
    inside = sex | {"task": "classification_by_stratum", "n": 12, "stratum": "pieris_rapae"}
    few = inside | {"n": 5, "stratum": "parus_major", "reason": "too few: f 3, m 2"}

    def rows(of, rgb, uv, difference):
        values = {"rgb_accuracy": rgb, "uv_accuracy": uv, "uv_minus_rgb": difference}
        limits = {"low": difference - 0.1, "high": difference + 0.1}
        return [of | limits | {"metric": metric, "value": value} for metric, value in values.items()]

    other = [row | {"name": "concat"} for row in rows(over_all, 0.1, 0.2, 0.1)]
    table = studies.tidy([*rows(over_all, 0.55, 0.82, 0.27), *rows(inside, 0.6, 0.5, -0.1), few, *other])
    spread = pd.DataFrame(
        [("separate", "classification", "sex", "uv_minus_rgb", "", 0.03, 5)],
        columns=["name", "task", "label", "metric", "stratum", "sd", "n_seeds"],
    )
    shown = tabulate_differences(table, "separate", NAMES, SeedSpread(spread))
    assert shown.header[2:5] == ("RGB", "UV", "UV − RGB (95 % interval)")
    assert shown.rows == [
        ("sex", "All", "0.55", "0.82", "0.27 (0.17 to 0.37), SD 0.03", "59"),
        ("sex", "Pieris rapae", "0.60", "0.50", "−0.10 (−0.20 to 0.00)", "12"),
    ]
