"""Planted against found: every judgement by hand, the counts, and no such section for real captures."""

import pandas as pd
import pytest

from xmodal_pipeline.reporting.planted import planted_section
from xmodal_pipeline.reporting.section import join_sections
from xmodal_pipeline.simulation import empty_simulated_truth

NO_SEEDS = pd.DataFrame()
# Species, role, δ of what UV adds, δ of the pattern; verdicts by colour and by learnt features; in words.
CASES = [
    ("Chromalia_a", "uv_only", 3.0, 0.0, "uv_adds", "unresolved", "right: found"),
    ("Chromalia_b", "uv_only", 3.0, 0.0, "unresolved", "uv_only", "right: found by pattern"),
    ("Chromalia_c", "leaking", 2.0, 0.0, "unresolved", "rgb_suffices", "missed"),
    ("Lumenia_d", "pattern", 0.01, 10.0, "unresolved", "uv_adds", "right: found by pattern, not by mean col"),
    ("Lumenia_e", "pattern", 0.01, 10.0, "uv_adds", "uv_adds", "found, but by mean colour"),
    ("Lumenia_f", "pattern", 0.01, 10.0, "rgb_suffices", "unresolved", "missed"),
    ("Pieris_g", "plain", 0.0, 0.0, "unresolved", "unresolved", "right: nothing is claimed"),
    ("Pieris_h", "plain", 0.0, 0.0, "unresolved", "uv_adds", "wrong: nothing is planted"),
    ("Pieris_i", "redundant", 0.4, 0.0, "uv_adds", "unresolved", "wrong: nothing is planted"),
    ("Pieris_j", "plain", 0.0, 0.0, "too_few", "too_few", "not tested"),
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
        rows.append(own | {"features": "colour", "verdict": by_colour})
        rows.append(own | {"features": "separate", "verdict": by_learnt})
        rows.append(own | {"features": "concat", "verdict": "uv_only", "family": "exploratory"})
    return pd.DataFrame(rows)


@pytest.fixture
def section(studies):
    return planted_section(studies.make_study(), make_truth(), make_uv_value(), NO_SEEDS)


@pytest.mark.parametrize(("row", "case"), list(enumerate(CASES)), ids=[case[0] for case in CASES])
def test_each_species_is_judged(section, row, case):
    species, _, _, delta, _, _, words = case
    shown = section.tables[0].rows[row]
    assert shown[0] == species.replace("_", " ")
    assert shown[-1].startswith(words)
    assert shown[3] == "12 + 11"
    if delta:
        assert shown[1:3] == ("UV: pattern", "10.0")


def test_the_sentence_counts_planted_and_other_species(section):
    assert section.lead.endswith(
        "The trait is found in 4 of 6 species that have it, 2 of them by pattern, not by mean colour, and "
        "claimed in 2 of 3 tested that do not (1 more have too few specimens)."
    )


def test_what_is_left_of_means_and_sds_is_stated(section):
    assert (
        "δ = 0.03 in the means and 0.12 in the SDs of UV, and 0.00 in the means of RGB"
        in section.tables[0].note
    )


def test_without_tests_nothing_is_judged(studies):
    section = planted_section(studies.make_study(), make_truth(), pd.DataFrame(), NO_SEEDS)
    assert {row[-1] for row in section.tables[0].rows} == {"not tested: too few specimens"}


def test_medians_over_seeds_stand_instead_of_one_training(studies):
    section = planted_section(studies.make_study(), make_truth(), pd.DataFrame(), make_uv_value())
    assert section.tables[0].rows[0][-1] == "right: found"


def test_real_captures_have_no_such_section(studies):
    section = planted_section(studies.make_study(), empty_simulated_truth(), make_uv_value(), NO_SEEDS)
    assert join_sections([section]) == []
