"""Planted against found: every judgement by hand, the counts, and no such section for real captures."""

import pandas as pd
import pytest

from xmodal_pipeline.reporting.planted import planted_section
from xmodal_pipeline.reporting.section import join_sections
from xmodal_pipeline.simulation import empty_simulated_truth

NO_SEEDS = pd.DataFrame()
# Species, role, δ of what UV adds, δ of the pattern; verdict and interval by colour and by learnt features;
# in words.
CASES = [
    ("Chromalia_a", "uv_only", 3.0, 0.0, "uv_adds 2 9", "unresolved 0 20", "found; colour's interval holds"),
    ("Chromalia_b", "uv_only", 3.0, 0.0, "unresolved 0 8.9", "uv_only 9 30", "found; colour's interval does"),
    ("Chromalia_c", "leaking", 2.0, 0.0, "unresolved 0 8", "rgb_suffices 0 .5", "missed; colour's interval"),
    ("Lumenia_d", "pattern", 0.01, 10.0, "unresolved 0 .4", "uv_adds 5 20", "found by pattern, not by mean"),
    ("Lumenia_e", "pattern", 0.01, 10.0, "uv_adds 1 9", "uv_adds 5 20", "found, but by mean colour"),
    ("Lumenia_f", "pattern", 0.01, 10.0, "rgb_suffices 0 .2", "unresolved 0 9", "missed"),
    ("Lumenia_k", "pattern", 0.01, 10.0, "unresolved 0 6", "uv_adds 5 20", "found by learnt features"),
    (
        "Pieris_g",
        "plain",
        0.0,
        0.0,
        "unresolved 0 4",
        "unresolved 0 9",
        "not claimed; an effect as planted not excluded",
    ),
    (
        "Pieris_l",
        "plain",
        0.0,
        0.0,
        "unresolved 0 3",
        "unresolved 0 9",
        "not claimed; an effect as planted excluded",
    ),
    ("Pieris_h", "plain", 0.0, 0.0, "unresolved 0 4", "uv_adds 1 9", "claimed, though nothing is planted"),
    ("Pieris_i", "leaking", 0.4, 0.0, "uv_adds 1 9", "unresolved 0 9", "claimed, though hardly anything"),
    ("Pieris_j", "plain", 0.0, 0.0, "too_few nan nan", "too_few nan nan", "not tested"),
]


def make_truth():
    names = ["species", "role", "sex_uv_adds", "sex_delta_pattern"]
    truth = pd.DataFrame([case[:4] for case in CASES], columns=names)
    residual = {"sex_delta_uv": 0.03, "sex_delta_uv_sd": 0.12, "sex_delta_rgb": 0.0}
    return pd.concat([truth, truth]).assign(**residual)


def make_uv_value():
    known = {"label": "sex", "family": "primary", "scope": "species", "n_1": 12, "n_2": 11}
    rows = []
    for species, *_, by_colour, by_learnt, _ in CASES:
        own = known | {"species": species.casefold()}
        for features, found in (("colour", by_colour), ("separate", by_learnt)):
            verdict, low, high = found.split()
            limits = {"uv_adds": float(low), "low": float(low), "high": float(high)}
            rows.append(own | limits | {"features": features, "verdict": verdict})
        rows.append(own | limits | {"features": "concat", "verdict": "uv_only", "family": "exploratory"})
    return pd.DataFrame(rows)


@pytest.fixture
def section(studies):
    return planted_section(studies.make_study(), make_truth(), make_uv_value(), NO_SEEDS)


@pytest.mark.parametrize(("row", "case"), list(enumerate(CASES)), ids=[case[0] for case in CASES])
def test_each_species_is_judged(section, row, case):
    species, _, delta, pattern, _, _, words = case
    shown = section.tables[0].rows[row]
    assert shown[0] == species.replace("_", " ")
    assert shown[-1].startswith(words)
    assert shown[2:5] == (f"{delta:.1f}", f"{delta**2:.1f}", "12+11")
    if pattern:
        assert shown[1] == "UV: pattern, 10.0 SD apart"


def test_results_stand_with_their_intervals(section):
    assert section.tables[0].rows[0][5:7] == ("UV adds 2.0 (2.0–9.0)", "unresolved 0.0 (0.0–20.0)")
    assert section.tables[0].rows[-1][5:7] == ("too few", "too few")


def test_a_limit_that_would_read_like_the_planted_value_has_two_digits(studies):
    truth = make_truth().assign(sex_uv_adds=3.5005).iloc[:1]
    rows = make_uv_value().query("species == 'chromalia_a' and features == 'colour'")
    for low, high, shown in (
        (
            12.257,
            49.606,
            ("12.25", "UV adds 12.3 (12.26–49.61)", "found; colour's interval does not hold δ²"),
        ),
        (9.0, 12.252, ("12.25", "UV adds 9.0 (9.00–12.25)", "found; colour's interval does not hold δ²")),
        (3.0, 12.31, ("12.25", "UV adds 3.0 (3.00–12.31)", "found; colour's interval holds δ²")),
        (12.4, 49.6, ("12.3", "UV adds 12.4 (12.4–49.6)", "found; colour's interval does not hold δ²")),
    ):
        table = rows.assign(uv_adds=low, low=low, high=high)
        row = planted_section(studies.make_study(), truth, table, NO_SEEDS).tables[0].rows[0]
        assert (row[3], row[5], row[-1]) == shown


def test_the_sentence_counts_planted_and_other_species_with_exact_intervals(section):
    assert section.lead.replace("\u00a0", " ").endswith(
        "The trait is found in 5 of 7 species that have it (exact 95 % interval 29 % to 96 %), 2 of them by "
        "pattern, not by mean colour, and claimed in 2 of 4 tested in which less than δ = 0.5 was planted, "
        "nothing in 3 (exact 95 % interval 7 % to 93 %); 1 more have too few specimens. No tested species "
        "has a UV trait that RGB predicts: whether one is falsely claimed was not tried."
    )


def test_a_species_that_rgb_predicts_is_a_trial(studies):
    redundant = make_truth().replace({"role": {"leaking": "redundant"}})
    section = planted_section(studies.make_study(), redundant, make_uv_value(), NO_SEEDS)
    assert "not tried" not in section.lead


def test_what_is_left_of_means_and_sds_is_stated(section):
    assert "band means show at most δ = 0.03 of it, UV's spread over the body 0.12." in section.tables[0].note


def test_without_tests_nothing_is_judged(studies):
    section = planted_section(studies.make_study(), make_truth(), make_uv_value().iloc[:0], NO_SEEDS)
    assert {row[-1] for row in section.tables[0].rows} == {"not tested: too few specimens"}


def test_medians_over_seeds_stand_instead_of_one_training(studies):
    section = planted_section(studies.make_study(), make_truth(), pd.DataFrame(), make_uv_value())
    assert section.tables[0].rows[0][-1].startswith("found; colour's")


def test_real_captures_have_no_such_section(studies):
    section = planted_section(studies.make_study(), empty_simulated_truth(), make_uv_value(), NO_SEEDS)
    assert join_sections([section]) == []
