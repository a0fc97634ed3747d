"""Tables made so that the summary would say something false, and what it says."""

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation.galleries import measure_retrieval
from xmodal_pipeline.evaluation.results import tabulate_numbers
from xmodal_pipeline.evaluation.specimen_tables import Pairs
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.reporting.cells import SeedSpread
from xmodal_pipeline.reporting.classification.differences import judge_labels
from xmodal_pipeline.reporting.gains import find_gains
from xmodal_pipeline.reporting.retrieval.sentences import find_retrieval
from xmodal_pipeline.reporting.similarity.structures import find_alignment
from xmodal_pipeline.reporting.uv_value.sentences import find_uv_value
from xmodal_pipeline.reporting.words import ModalityNames

NAMES = ModalityNames()
ALONE = SeedSpread(pd.DataFrame())
BEYOND = "uv_minus_rgb_above_strata"
STRONG = (0.5, 0.3, 0.7, 0.001)


def retrieved(rgb, uv):
    """The rows that the evaluation makes of these embeddings."""
    n = len(rgb)
    pairs = Pairs(rgb, uv, np.arange(n).astype(str), None, np.full(n, "", object))
    part = measure_retrieval(pairs, EvaluationParams())
    return tabulate_numbers(part.numbers, protocol="demo", kind="variant", name="separate")


def judged(studies, table, **baselines):
    rows = [studies.make_differences(label=way, **baselines) for way in ("rgb_to_uv", "uv_to_rgb")]
    return find_retrieval(table, pd.concat(rows), "separate", NAMES)


def accuracy(studies, source, value, low, chance=0.5):
    row = studies.make_difference("separate", value, low, 2 * value - low, f"{source}_accuracy")
    return row | {"source": source, "chance": chance}


def differs(studies, *rows):
    return [one.finding for one in judge_labels(studies.tidy(list(rows)), "separate", NAMES)]


def claims(findings):
    return [one.text for one in findings if one.is_claim]


def test_three_specimens_all_found(studies):
    found = judged(studies, retrieved(np.eye(3), np.eye(3)), band_means=STRONG)
    assert claims(found) == []
    assert "not shown to find matches above chance (33\u00a0%)" in found[0].text


@pytest.mark.parametrize("n", range(3, 60))
def test_a_collapsed_model_stands_at_chance(studies, n):
    """Its recall is 1/n in n equal parts, whose mean may be one last digit above 1/n."""
    found = judged(studies, retrieved(np.ones((n, 4)), np.ones((n, 4))), band_means=STRONG)
    assert claims(found) == []
    assert all("not shown to find matches above chance" in one.text for one in found)


def test_three_hits_of_27_are_luck(studies):
    """Wilson's lower limit is above 1/27; a model that knows nothing reaches that in .08 of studies."""
    uv = np.eye(27)[[*range(3), *np.roll(range(3, 27), 1)]]
    table = retrieved(np.eye(27), uv)
    row = table[(table["metric"] == "recall@1") & (table["label"] == "rgb_to_uv")].iloc[0]
    assert row["low"] > row["chance"]
    assert claims(judged(studies, table, band_means=STRONG)) == []


def test_no_baseline_was_measured(studies):
    found = judged(studies, retrieved(np.eye(30), np.eye(30)))
    assert claims(found) == []
    assert found[0].text.endswith("no baseline was measured beside it.")


def test_who_knows_the_species_is_better(studies):
    """Every photograph-blind measure is beaten but the species: recall is that of knowing the species."""
    found = judged(
        studies,
        retrieved(np.eye(30), np.eye(30)),
        band_means=STRONG,
        species_only=(-0.1, -0.2, -0.02, 0.01),
    )
    assert claims(found) == []
    assert "below known species (0.72; corrected p = 0.010)" in found[0].text


def test_a_baseline_that_was_not_computed_is_not_exceeded(studies):
    nan = float("nan")
    table = retrieved(np.eye(30), np.eye(30))
    found = judged(studies, table, band_means=STRONG, silhouette=(nan, nan, nan, nan))
    assert claims(found) == []
    assert found[0].text.endswith(", not compared with silhouette.")
    assert "nan" not in found[0].text


def test_the_baseline_named_is_one_that_is_not_exceeded(studies):
    """The smaller difference is shown, the larger one, of a wider interval, is not."""
    found = judged(
        studies,
        retrieved(np.eye(30), np.eye(30)),
        band_means=(0.1, 0.05, 0.15, 0.001),
        silhouette=(0.4, -0.1, 0.9, 0.2),
    )
    assert claims(found) == []
    assert "not shown to differ from silhouette" in found[0].text
    level = judged(studies, retrieved(np.eye(30), np.eye(30)), band_means=(0.0, 0.0, 0.0, 1.0))
    assert "not shown to differ from band means" in level[0].text


def test_six_labels_each_with_an_uncorrected_p_of_two_hundredths(studies):
    rows = [
        studies.make_difference("separate", 0.2, 0.02, 0.38, p=0.02) | {"label": f"label {i}"}
        for i in "abcdef"
    ]
    found = differs(studies, *rows)
    assert claims(found) == []
    assert all("corrected p = 0.120" in one.text for one in found)
    rows[3] |= {"p": 0.008, "label": "morph"}
    assert [text[:44] for text in claims(differs(studies, *rows))] == [
        "UV is easier to read morph from than RGB (ba"
    ]


def test_each_species_has_one_sex(studies):
    """Who reads the species reads the sex: neither modality tells the sex."""
    plain = studies.make_difference("separate", 0.3, 0.2, 0.4)
    told = {"name": "separate", "kind": "variant", "task": "classification", "label": "sex", "metric": BEYOND}
    (found,) = differs(studies, plain, told | {"reason": "each species has one class of it"})
    assert not found.is_claim
    assert found.text.endswith("could not be tested for sex: each species has one class of it.")
    gains = [
        studies.make_differences("classification", "sex", "accuracy", band_means=STRONG),
        studies.make_differences("classification", "species", "accuracy", band_means=STRONG),
        studies.make_differences(species_only=STRONG),
    ]
    sex, species = find_gains(pd.concat(gains), "separate", NAMES)
    assert (sex.is_claim, species.is_claim) == (False, True)
    assert "who knows the species knows it" in sex.text


def test_less_bad_is_not_easier(studies):
    """UV is significantly better than RGB, because RGB is worse than labels shuffled within species."""
    rows = [
        studies.make_difference("separate", 0.3, 0.1, 0.5),
        studies.make_difference("separate", -0.3, -0.4, -0.2, "rgb_above_strata", p=1.0),
        studies.make_difference("separate", -0.02, -0.1, 0.06, "uv_above_strata", p=0.04),
        studies.make_difference("separate", 0.28, 0.1, 0.46, BEYOND),
    ]
    (found,) = differs(studies, *rows)
    assert not found.is_claim
    # Without species, the same against chance.
    worse = [accuracy(studies, "rgb", 0.2, 0.1), accuracy(studies, "uv", 0.5, 0.4)]
    (found,) = differs(studies, rows[0], *worse)
    assert not found.is_claim
    assert "sex is not shown to be predicted beyond chance" in found.text
    (found,) = differs(studies, rows[0], worse[0], accuracy(studies, "uv", 0.8, 0.7))
    assert found.is_claim


def test_one_interval_leaves_chance_and_the_other_does_not(studies):
    """UV's accuracy is above chance, RGB's is not, and their difference is open: nothing is claimed."""
    rows = [accuracy(studies, "rgb", 0.6, 0.45), accuracy(studies, "uv", 0.7, 0.55)]
    difference = studies.make_difference("separate", 0.1, -0.08, 0.28, p=0.3)
    assert claims(differs(studies, *rows, difference)) == []


def test_one_species_in_which_both_know_the_sex(studies):
    cells = {"spearman_within": (0.62, 0.41, 0.61), "held_fixed": "species, sex"}
    (found,) = find_alignment(studies.tidy(studies.make_alignment("separate", **cells)), "separate", NAMES)
    assert not found.is_claim
    assert "within species, beyond what sex gives (Spearman 0.62, 0.61 by sex alone" in found.text


@pytest.mark.parametrize("value", [float("nan"), 0.4])
def test_rows_without_a_number_claim_nothing(studies, value):
    p = float("nan")
    row = studies.make_difference("separate", value, 0.2, 0.6, p=p)
    table = retrieved(np.eye(30), np.eye(30)).assign(p=p)
    aligned = studies.tidy(studies.make_alignment("separate", spearman_within=(value, p, 0.0)))
    found = [*differs(studies, row), *judged(studies, table, band_means=STRONG)]
    found += find_alignment(aligned, "separate", NAMES)
    assert claims(found) == []
    assert not any("nan" in one.text for one in found)


def test_a_pooled_row_that_one_species_carries_says_so(studies):
    table = studies.make_uv_value().iloc[[0, 2]]
    pooled = table.iloc[:1].assign(species="all species", scope="all", n_species=12, n_carry=1)
    found = find_uv_value(pd.concat([table, pooled]), NAMES)
    (text,) = [one.text for one in found if "On average" in one.text]
    assert text.startswith("On average over all species (12, of which 1 show it alone), UV adds")
