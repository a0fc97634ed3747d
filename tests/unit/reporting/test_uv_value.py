import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.uv_value.figure import draw_uv_value
from xmodal_pipeline.reporting.uv_value.rows import rank_uv_value
from xmodal_pipeline.reporting.uv_value.section import (
    describe_uv_value,
    find_uv_value,
    tabulate_exploratory,
    tabulate_uv_value,
    uv_value_section,
)
from xmodal_pipeline.reporting.words import ModalityNames
from xmodal_pipeline.specimens.study_calibration import CALIBRATION_COLUMNS

NAMES = ModalityNames()
NO_LINES = pd.DataFrame(columns=CALIBRATION_COLUMNS)


def test_uv_value_is_ranked_by_lower_limit_with_interval_n_and_verdict(studies, points):
    table = studies.make_uv_value().sample(frac=1, random_state=1)
    figure = draw_uv_value(table, names=ModalityNames("Dorsal", "Ventral"))
    axes, notes = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        "Colias croceus, sex",
        "Gonepteryx rhamni, sex",
        "Pieris rapae, sex",
        "Parus major, sex",
    ]
    assert (
        axes.get_title(loc="left").replace("\n", " ") == "Ranked by lower limit (too few specimens in 1 more)"
    )
    assert [t.get_text() for t in notes.get_yticklabels()] == [
        "n = 12 + 12, q = 0.002, noise ≤ 2.1 %, Ventral only",
        "n = 12 + 11, q = 0.021, noise ≤ 0.6 %, Ventral adds",
        "n = 9 + 9, q = 0.400, unresolved",
        "n = 12 + 12, q = 0.850, Dorsal suffices",
    ]
    x, y, ends = points(axes)["Ventral adds (1)"]
    assert (x.tolist(), y.tolist()) == ([3.2], [1])
    np.testing.assert_allclose(ends, [[0.9, 6.8]])
    x, y, ends = points(axes)["Dorsal suffices (1)"]
    assert (x.tolist(), y.tolist()) == ([0.0], [3])
    assert ends[0, 1] == pytest.approx(0.5)


def test_pooled_rows_come_last_and_exploratory_ones_not_at_all(studies):
    table = studies.make_uv_value()
    pooled = table.iloc[:1].assign(species="all species", scope="all", low=99.0)
    learnt = table.iloc[:1].assign(species="elsewhere", family="exploratory")
    ranked = rank_uv_value(pd.concat([pooled, learnt, table]))
    assert ranked["species"].tolist()[-1] == "all species"
    assert "elsewhere" not in ranked["species"].tolist()
    assert len(ranked) == 6


def test_the_table_has_every_number_of_a_row(studies):
    table = tabulate_uv_value(studies.make_uv_value(), NAMES)
    assert table.caption == "What UV adds to RGB, measured by colour"
    first, *_, last = table.rows
    shown = ("UV only", "12 + 12", "0.55", "0.96", "0.97", "6.10 (2.40 to 11.00)", "0.0002")
    assert first == ("Colias croceus", "sex", *shown, "0.002", "2.1\u00a0%, reliability 0.70")
    assert last == ("Sturnus vulgaris", "sex", "too few", "3 + 2", "–", "–", "–", "too few", "–", "–", "")


def test_exploratory_verdicts_are_counted_over_species(studies):
    learnt = studies.make_uv_value().assign(family="exploratory", features="concat")
    pooled = learnt.iloc[:1].assign(scope="all")
    alone = learnt.iloc[:2].assign(specimens="test")
    table = tabulate_exploratory(pd.concat([studies.make_uv_value(), learnt, pooled, alone]), NAMES)
    assert table.header[2:] == ("UV only", "UV adds", "RGB suffices", "unresolved", "too few")
    assert table.rows == [
        ("concat", "all", "1", "1", "1", "1", "1"),
        ("concat", "test only", "1", "1", "0", "0", "0"),
    ]


def test_uv_value_claims_follow_verdict_and_interval(studies):
    texts = [
        (f.text.replace("\u00a0", " "), f.is_claim) for f in find_uv_value(studies.make_uv_value(), NAMES)
    ]
    assert texts[0] == (
        "In Colias croceus, UV adds to RGB about sex (6.1 (95 % interval 2.4 to 11.0), q = 0.002, "
        "n = 12 + 12), and RGB alone hardly tells the classes apart; it holds unless the band noise of "
        "a capture exceeds 2.1 %.",
        True,
    )
    assert texts[1][0].startswith("In Gonepteryx rhamni, UV adds to RGB about sex (3.2")
    assert texts[2] == (
        "RGB separates the classes, and what UV adds is shown to lie below the margin, in Parus major (sex).",
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


def test_pooled_rows_speak_of_an_average(studies):
    table = studies.make_uv_value()
    pooled = table.iloc[[1]].assign(species="all species", scope="all", n_species=7, n_carry=2)
    pooled = pooled.assign(noise_tip=np.nan, tip=np.nan)
    texts = [f.text for f in find_uv_value(pd.concat([table, pooled]), NAMES)]
    start = "On average over all species (7, of which 2 show it alone), UV adds to RGB about sex"
    assert any(text.startswith(start) for text in texts)


def test_what_only_the_learnt_feature_finds_is_a_pattern(studies):
    colour = studies.make_uv_value()
    learnt = colour.iloc[[1, 2]].assign(
        features="separate", verdict="uv_adds", noise_tip=np.nan, tip=0.85, low=0.1
    )
    texts = {f.text for f in find_uv_value(pd.concat([colour, learnt]), NAMES) if "(separate)" in f.text}
    both, alone = sorted(texts)
    assert both.startswith("In Gonepteryx rhamni, UV adds to RGB about sex (separate)")
    assert "by pattern" not in both
    assert alone.startswith("In Pieris rapae, UV adds to RGB about sex (separate)")
    assert alone.endswith(
        ", by pattern, not by mean colour; it holds unless the reliability of RGB is below 0.85."
    )


def test_patches_are_told_apart_and_the_whole_is_not_said(studies):
    table = studies.make_uv_value()
    two = pd.concat([table.assign(patch="whole"), table.assign(patch="wing", view="dorsal")])
    texts = " ".join(found.text for found in find_uv_value(two, NAMES))
    assert "about sex (6.1" in texts
    assert "about sex (dorsal, wing) (6.1" in texts


def test_views_of_a_test_are_told_apart(studies):
    table = studies.make_uv_value()
    two = pd.concat([table.assign(view="dorsal"), table.assign(view="ventral")], ignore_index=True)
    texts = " ".join(found.text for found in find_uv_value(two, NAMES))
    assert "about sex (dorsal) (" in texts
    assert "about sex (ventral) (" in texts


def test_learnt_features_carry_the_mark_of_one_seed(studies):
    given = (studies.make_study("uncalibrated"), studies.make_uv_value().iloc[-1:])
    alone = EvaluationParams(uv_value_features=("colour",))
    assert uv_value_section(*given, pd.DataFrame(), NO_LINES, alone).tags == ("uncalibrated",)
    both = EvaluationParams(uv_value_features=("colour", "concat"))
    learnt = uv_value_section(*given, pd.DataFrame(), NO_LINES, both)
    assert learnt.tags == ("one seed: exploratory", "uncalibrated")


def test_several_trainings_stand_for_one_and_say_in_how_many_it_held(studies):
    rows = studies.make_uv_value()
    seeds = rows[rows["family"] == "primary"].assign(n_seeds=np.nan, n_held=np.nan)
    seeds.loc[seeds.index[0], ["features", "n_seeds", "n_held", "uv_adds"]] = ["separate", 5, 4, 7.7]
    section = uv_value_section(studies.make_study("uncalibrated"), rows, seeds, NO_LINES, EvaluationParams())
    claim = section.findings["uv_value"][0].text
    assert "(7.7 (95\u00a0% interval 2.4 to 11.0)" in claim
    assert ", which held in 4 of 5 trainings" in claim
    assert section.tags == ("uncalibrated",)
    assert "held in 4 of 5 trainings" in section.tables[0].rows[0][2]
    assert "the median over 5 trainings" in section.methods["uv_value"]


def test_the_methods_say_how_it_was_tested(studies):
    study = studies.make_study(confounders=["session", "year"])
    told = describe_uv_value(study, studies.make_uv_value(), EvaluationParams(minimum_n=7))
    for words in (
        "What UV adds to RGB was tested per species with at least 7 specimens per class",
        "moderated over species (Smyth 2004), F as reference",
        "per label over all species, views, patches and the features colour and separate, classes compared "
        "within session, year. RGB is said to suffice where the upper 95 % limit of what UV adds lies ",
    ):
        assert words in told
    assert describe_uv_value(study, studies.make_uv_value().iloc[:0], EvaluationParams()) == ""


def test_no_number_is_said_and_not_drawn(studies):
    with pytest.raises(NothingToDrawError, match="enough specimens"):
        draw_uv_value(studies.make_uv_value().iloc[-1:])
    assert find_uv_value(studies.make_uv_value().iloc[:0], NAMES) == []
