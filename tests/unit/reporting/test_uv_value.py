import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.uv_value.figure import draw_uv_value, picture_uv_value
from xmodal_pipeline.reporting.uv_value.headline import say_uv_value
from xmodal_pipeline.reporting.uv_value.rows import rank_uv_value
from xmodal_pipeline.reporting.uv_value.section import (
    describe_uv_value,
    find_reservations,
    find_untested,
    tabulate_exploratory,
    tabulate_uv_value,
    uv_value_section,
)
from xmodal_pipeline.reporting.uv_value.sentences import find_uv_value
from xmodal_pipeline.reporting.uv_value.unflagged import Unflagged
from xmodal_pipeline.reporting.words import ModalityNames
from xmodal_pipeline.specimens.study_calibration import CALIBRATION_COLUMNS

NAMES = ModalityNames()
NO_LINES = pd.DataFrame(columns=CALIBRATION_COLUMNS)


def with_learnt(table, **changes):
    """The rows of colour, and the first two again as learnt features find them."""
    learnt = table.iloc[:2].assign(
        features="separate", noise_tip=np.nan, tip=0.85, uv_difference=np.nan, **changes
    )
    return pd.concat([table, learnt], ignore_index=True)


def test_a_row_per_test_and_a_panel_per_set_of_features_ranked_by_lower_limit(studies, points):
    table = with_learnt(studies.make_uv_value(), uv_adds=9.0, low=[0.5, 3.0], high=20.0, verdict="uv_adds")
    table = table.sample(frac=1, random_state=1)
    figure = draw_uv_value(table, names=ModalityNames("Dorsal", "Ventral"))
    colour, learnt, *notes = figure.axes
    rows = ["Gonepteryx rhamni", "Colias croceus", "Pieris rapae", "Parus major"]
    texts = [t.get_text() for t in colour.get_yticklabels()]
    assert [text.split(",")[0] for text in texts] == list(rows)
    assert texts[0] == "Gonepteryx rhamni, n = 12 + 11"
    assert [ax.get_title(loc="left") for ax in (colour, learnt)] == ["By mean colour", "By learnt features"]
    assert colour.get_xlim() == learnt.get_xlim()
    assert colour.get_ylim() == learnt.get_ylim()
    assert [[t.get_text() for t in axes.get_yticklabels()] for axes in notes] == [
        ["q = 0.021", "q = 0.002", "q = 0.400", "q = 0.850"],
        ["q = 0.021", "q = 0.002", "", ""],
    ]
    x, y, ends = points(colour)["uv_adds"]
    assert (x.tolist(), y.tolist()) == ([3.2], [0])
    np.testing.assert_allclose(ends, [[0.9, 6.8]])
    x, y, _ = points(learnt)["uv_adds"]
    assert (x.tolist(), y.tolist()) == ([9.0, 9.0], [0, 1])
    x, y, ends = points(colour)["rgb_suffices"]
    assert (x.tolist(), y.tolist()) == ([0.0], [3])
    assert ends[0, 1] == pytest.approx(0.5)
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "about sex; too few specimens in 1 more; n: f + m"
    assert [t.get_text() for t in legend.get_texts()] == [
        *("Ventral only", "Ventral adds", "Dorsal suffices", "unresolved"),
    ]


def test_an_open_interval_does_not_squeeze_the_others(studies):
    table = studies.make_uv_value()
    axes = draw_uv_value(table).axes[0]
    assert axes.get_xlim()[1] == pytest.approx(1.08 * 11)
    table.loc[table["verdict"] == "unresolved", "high"] = 500.0
    figure = draw_uv_value(table)
    assert figure.axes[0].get_xlim()[1] == pytest.approx(1.08 * 11)
    assert "intervals go on beyond the edge" in figure.legends[0].get_title().get_text()


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
    assert table.caption == "What UV adds to RGB, by mean colour"
    first, *_, last = table.rows
    aucs = ("0.55", "0.62", "0.96", "0.97")
    shown = ("mean colour", "UV only", "12 + 12", *aucs, "1.80", "6.10 (2.40 to 11.00)", "0.0002")
    assert first == ("Colias croceus", "sex", *shown, "0.002", "2.1\u00a0%, reliability 0.70")
    few = ("mean colour", "too few", "3 + 2", *5 * ["–"], "too few", "–", "–", "")
    assert last == ("Sturnus vulgaris", "sex", *few)
    assert "UV ratio: mean UV of males over females" in table.note
    mixed = studies.make_uv_value()
    mixed.loc[0, "classes"] = "dark | light"
    assert "mean UV of the second class over the first" in tabulate_uv_value(mixed, NAMES).note
    both = tabulate_uv_value(with_learnt(studies.make_uv_value()), NAMES)
    assert both.caption == "What UV adds to RGB, by mean colour and learnt features (separate)"
    assert {row[2] for row in both.rows} == {"mean colour", "learnt features"}


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
        "In Colias croceus, UV adds about sex (n = 12 + 12): 6.1 by mean colour (95 % interval 2.4 to "
        "11.0), q = 0.002, UV 1.80-fold in males, holds up to 2.1 % of band noise; UV only: by "
        "mean colour RGB's AUC is below 0.65.",
        True,
    )
    assert texts[1][0].startswith("In Gonepteryx rhamni, UV adds about sex (n = 12 + 11): 3.2")
    assert "UV 1.25-fold in females" in texts[1][0]
    assert "UV only" not in texts[1][0]
    assert texts[2] == (
        "RGB separates the classes, and what UV adds is shown to lie below the margin, in Parus major (sex).",
        True,
    )
    assert texts[3:] == [
        (
            "Unresolved are 1 of 5 tests of one species: no evidence that UV adds nothing.",
            False,
        ),
        ("1 of 5 species had too few specimens to be tested.", False),
    ]


def test_a_species_is_named_once_for_colour_and_learnt_features(studies):
    both = with_learnt(studies.make_uv_value(), uv_adds=9.0, low=[5.0, 0.4])
    texts = [f.text.replace("\u00a0", " ") for f in find_uv_value(both, NAMES)]
    assert sum("Colias croceus" in text for text in texts) == 1
    assert "9.0 by learnt features (95 % interval 5.0 to 11.0), q = 0.002, holds to an RGB" in texts[0]
    assert "RGB reliability of 0.85; 6.1 by mean colour" in texts[0]
    headline = say_uv_value(both, NAMES)
    assert headline == (
        "UV shows more of the sexes than RGB predicts: in Colias croceus and Gonepteryx rhamni by mean "
        "colour and by learnt features (one training); RGB alone hardly tells them apart in Colias croceus; "
        "in 2 of 4 species more is not shown, which does not say that there is none."
    )
    several = both.assign(n_seeds=np.where(both["features"] == "colour", np.nan, 5))
    assert "(one training)" not in say_uv_value(several, NAMES)
    assert "learnt" not in say_uv_value(studies.make_uv_value(), NAMES)
    both.loc[both["features"] == "separate", "verdict"] = "uv_adds"
    assert "hardly" not in say_uv_value(both, NAMES)


def test_a_species_whose_classes_uv_tells_apart_without_adding_is_named(studies):
    table = studies.make_uv_value()
    assert "may explain" not in say_uv_value(table, NAMES)
    table.loc[table["species"] == "Parus major", "q_uv"] = 0.05
    assert say_uv_value(table, NAMES).endswith(
        "which does not say that there is none; in Parus major mean UV tells the sexes apart, which RGB may "
        "explain."
    )
    open_table = table.assign(verdict="unresolved", label="morph")
    assert say_uv_value(open_table.iloc[[3]], NAMES) == (
        "UV is not shown to add to RGB about morph in any of 1 species tested; in Parus major mean UV tells "
        "the classes of morph apart, which RGB may explain."
    )


def test_what_only_the_learnt_feature_finds_is_a_pattern(studies):
    colour = studies.make_uv_value()
    learnt = colour.iloc[[1, 2]].assign(
        features="separate", verdict="uv_adds", noise_tip=np.nan, tip=0.7, low=2.3, uv_adds=7.0, high=9.0
    )
    table = pd.concat([colour, learnt])

    def tell(table):
        return [
            next(f.text for f in find_uv_value(table, NAMES) if name in f.text)
            for name in ("Pieris rapae", "Gonepteryx rhamni")
        ]

    pieris, gonepteryx = tell(table)
    assert pieris.endswith(
        "holds to an RGB reliability of 0.70, the lowest tried; by mean colour 0.4 (0.0 to 2.2), not claimed."
    )
    touching = table.assign(low=table["low"].replace(2.3, 2.2))
    assert "about sex by learnt features, while mean colour leaves it open (n" in tell(touching)[0]
    assert "in Pieris rapae by learnt features, while mean colour" in say_uv_value(touching, NAMES)
    assert pieris.startswith(
        "In Pieris rapae, UV adds about sex by pattern, not by mean colour (n\u00a0=\u00a09"
    )
    assert "by pattern" not in gonepteryx
    assert "in Pieris rapae by pattern, not by mean colour" in say_uv_value(table, NAMES)
    alone = colour.assign(verdict="unresolved")
    assert say_uv_value(alone.assign(q_uv=0.06), NAMES) == (
        "UV is not shown to add to RGB about sex in any of 5 species tested."
    )
    assert say_uv_value(colour.iloc[-1:], NAMES) == (
        "What UV adds to RGB could not be tested in any species by itself: none has enough specimens of both "
        "classes."
    )
    assert say_uv_value(colour.iloc[:0], NAMES) == ""


def test_species_that_are_too_small_alone_are_tested_together(studies):
    colour = studies.make_uv_value()
    few = colour.iloc[-1:].assign(uv_adds=np.nan)
    pooled = colour.iloc[:1].assign(scope="all", species="all species", n_species=76.0, n_carry=2.0)
    start = (
        "What UV adds to RGB could not be tested in any species by itself: none has enough specimens of both "
        "classes; pooled over the 76 species with at least 3 of each, it "
    )
    for verdict, words in (
        ("unresolved", "is unresolved."),
        ("uv_adds", "adds on average about sex."),
    ):
        table = pd.concat([few, pooled.assign(verdict=verdict)])
        assert say_uv_value(table, NAMES) == start + words
        with pytest.raises(NothingToDrawError, match="in any species"):
            draw_uv_value(table)


def test_many_species_are_counted_and_not_all_named(studies):
    rows = [studies.make_uv_value().iloc[:1].assign(species=f"genus species{i}") for i in range(9)]
    assert "Genus species5 and 3 more by mean colour;" in say_uv_value(pd.concat(rows), NAMES)


def test_a_caution_stands_in_every_claim_about_colour_and_in_nothing_else(studies):
    found = find_uv_value(studies.make_uv_value(), NAMES, caution="2 of 5 calibration lines are flagged")
    assert sum(one.is_claim for one in found) == 3
    for one in found:
        assert one.text.endswith("; 2 of 5 calibration lines are flagged.") is one.is_claim


def test_a_claim_says_whether_it_stands_without_flagged_captures(studies):
    rows = studies.make_uv_value()
    again = rows.assign(family="exploratory", specimens="unflagged", uv_adds=5.0)
    again.loc[again["species"] == "Gonepteryx rhamni", "verdict"] = "unresolved"
    flags = pd.DataFrame(
        {
            "species": [
                "Colias croceus",
                "Colias croceus",
                "Colias croceus",
                "Gonepteryx rhamni",
                "Parus major",
            ],
            "flags": ["MISREGISTERED", "SATURATED", "", "SATURATED", "SATURATED"],
        }
    )
    check = Unflagged.of(pd.concat([rows, again]), flags)
    colias, gonepteryx, *others = (f.text for f in find_uv_value(rows, NAMES, unflagged=check))
    assert ", without its 2 flagged captures 5.0 (2.4 to 11.0), still claimed;" in colias
    assert gonepteryx.endswith("without its flagged capture 5.0 (0.9 to 6.8), no longer claimed.")
    assert not any("flagged" in text for text in others)
    table = check.tabulate(rows, NAMES)
    assert table.rows == [
        (
            *("Colias croceus", "sex", "mean colour", "2", "6.10 (2.40 to 11.00)"),
            *("12 + 12", "5.00 (2.40 to 11.00)", "q = 0.002", "still claimed"),
        ),
        (
            *("Gonepteryx rhamni", "sex", "mean colour", "1", "3.20 (0.90 to 6.80)"),
            *("12 + 11", "5.00 (0.90 to 6.80)", "q = 0.021", "no longer claimed"),
        ),
    ]
    few = Unflagged.of(pd.concat([rows, again[again["species"] == "Parus major"]]), flags)
    assert "2 flagged captures too few are left" in next(
        f.text for f in find_uv_value(rows, NAMES, unflagged=few)
    )
    none = Unflagged.of(rows, flags)
    assert "2 flagged captures too few are left" in next(
        f.text for f in find_uv_value(rows, NAMES, unflagged=none)
    )
    learnt = with_learnt(rows).iloc[-2:].assign(tip=0.8)
    both = pd.concat([again, again.assign(features="separate")])
    told = next(f.text for f in find_uv_value(learnt, NAMES, unflagged=Unflagged.of(both, flags)))
    assert ", without its 2 flagged captures (same encoder) 5.0" in told
    unmarked = Unflagged.of(rows, flags.assign(flags=""))
    assert not any("flagged" in f.text for f in find_uv_value(rows, NAMES, unflagged=unmarked))
    assert tabulate_exploratory(pd.concat([rows, again]), NAMES).rows == []


def test_claims_about_other_species_are_measured_again_without_flagged_captures(studies):
    rows = studies.make_uv_value()
    again = rows.assign(family="exploratory", specimens="unflagged")
    flags = pd.DataFrame({"species": ["Colias croceus"], "flags": ["SATURATED"]})
    stands = "Without any flagged capture all other claims stand."
    assert Unflagged.of(pd.concat([rows, again]), flags).say_others(rows) == stands
    open_again = again.assign(verdict="unresolved")
    assert Unflagged.of(pd.concat([rows, open_again]), flags).say_others(rows) == (
        "Without any flagged capture no longer claimed elsewhere: Gonepteryx rhamni by mean colour."
    )
    assert Unflagged.of(rows, flags).say_others(rows) == ""
    both = pd.DataFrame({"species": ["Colias croceus", "Gonepteryx rhamni"], "flags": "SATURATED"})
    assert Unflagged.of(pd.concat([rows, again]), both).say_others(rows) == ""


def test_two_classes_that_nobody_asked_about_are_named(studies):
    index = studies.make_index().assign(morph=lambda t: t["capture_id"].str[-1], season="dry")
    index["morph"] = np.where(index["morph"].isin(list("012")), "dark", "light")
    table = studies.make_uv_value()
    (found,) = find_untested(table, index, ())
    assert (found.text, found.is_claim) == ("Asked about sex only, not about morph.", False)
    assert find_untested(table, index, ("morph",)) == []
    assert find_untested(table.assign(label="morph"), index, ())[0].text == (
        "Asked about morph only, not about sex."
    )
    assert find_untested(table.iloc[:0], index, ()) == []


def test_what_claims_rest_on_is_said_where_something_is_claimed(studies):
    rows = with_learnt(studies.make_uv_value())
    test = rows[rows["features"] == "separate"].assign(family="exploratory", specimens="test")
    repeats, learnt = (f.text for f in find_reservations(pd.concat([rows, test]), NAMES))
    assert repeats.replace("\u00a0", " ") == (
        "Claims hold up to the noise beside them; RGB's bands have 1.8 % (SD; 95 % interval 1.4 % to 2.7 %; "
        "17 specimens photographed several times; 40 correct for it)."
    )
    once = rows.assign(n_repeated=1, noise_sd=np.nan)
    assert find_reservations(once, NAMES)[0].text == (
        "Claims hold up to the noise beside them; compare the SD between photographs of one specimen (here 1 "
        "specimens photographed several times; 40 correct for it)."
    )
    fewer = pd.concat([rows, rows.assign(view="down", n_repeated=9, noise_sd=0.03)])
    assert "3\u00a0% (SD;" in find_reservations(fewer, NAMES)[0].text
    assert learnt.endswith("; test specimens alone claim 2 of 2 tests (exploratory).")
    few = test.assign(verdict="too_few")
    _, learnt = (f.text for f in find_reservations(pd.concat([rows, few]), NAMES))
    assert learnt.endswith("; test specimens alone are too few.")
    assert find_reservations(studies.make_uv_value().assign(n_repeated=40), NAMES) == []
    assert find_reservations(studies.make_uv_value().assign(n_repeated=39), NAMES) != []
    assert find_reservations(rows.assign(verdict="unresolved"), NAMES) == []
    assert find_reservations(rows, NAMES, "It stands.")[0].text == "It stands."


def test_pooled_rows_speak_of_an_average(studies):
    table = studies.make_uv_value()
    pooled = table.iloc[[1]].assign(species="all species", scope="all", n_species=7, n_carry=2)
    pooled = pooled.assign(noise_tip=np.nan, tip=np.nan)
    texts = [f.text for f in find_uv_value(pd.concat([table, pooled]), NAMES)]
    open_pool = pooled.assign(verdict="unresolved", q=0.06)
    texts_open = [f.text for f in find_uv_value(pd.concat([table, open_pool]), NAMES)]
    assert any("1 of 5 tests of one species and 1 of 1 averages over species:" in one for one in texts_open)
    differing = pooled.assign(verdict="unresolved", q=0.05)
    said = [f for f in find_uv_value(pd.concat([table, differing]), NAMES) if "Some species" in f.text]
    assert [(f.text, f.is_claim) for f in said] == [
        (
            "Some species differ (intervals above 0: 2 of 7 by mean colour, q = 0.050), but their mean is "
            "uncertain.",
            False,
        )
    ]
    assert not any("averages" in f.text for f in find_uv_value(pd.concat([table, differing]), NAMES))
    start = "On average over all species (7, of which 2 show it alone), UV adds about sex"
    assert any(text.startswith(start) for text in texts)


def test_views_and_patches_of_a_test_are_told_apart_and_the_whole_is_not_said(studies):
    table = studies.make_uv_value()
    two = pd.concat([table.assign(patch="whole"), table.assign(patch="wing", view="dorsal")])
    texts = " ".join(found.text for found in find_uv_value(two, NAMES))
    assert "about sex (n" in texts
    assert "about sex (dorsal, wing) (n" in texts
    same = pd.concat([table.assign(view="dorsal", patch="whole")])
    assert "dorsal" not in " ".join(found.text for found in find_uv_value(same, NAMES))


def test_learnt_features_carry_the_mark_of_one_seed(studies):
    given = (studies.make_study("uncalibrated"), studies.make_uv_value().iloc[-1:], pd.DataFrame())
    known = (studies.make_index(), NO_LINES)
    alone = EvaluationParams(uv_value_features=("colour",))
    assert uv_value_section(*given, *known, alone).tags == ("uncalibrated",)
    both = EvaluationParams(uv_value_features=("colour", "concat"))
    learnt = uv_value_section(*given, *known, both)
    assert learnt.tags == ("learnt features: one seed: exploratory", "uncalibrated")


def test_several_trainings_stand_for_one_and_say_in_how_many_it_held(studies):
    rows = studies.make_uv_value()
    seeds = rows[rows["family"] == "primary"].assign(n_seeds=np.nan, n_held=np.nan)
    seeds.loc[seeds.index[0], ["features", "n_seeds", "n_held", "uv_adds"]] = ["separate", 5, 4, 7.7]
    given = (studies.make_index(), NO_LINES, EvaluationParams())
    section = uv_value_section(studies.make_study("uncalibrated"), rows, seeds, *given)
    claim = section.findings[0].text
    assert "7.7 by learnt features (95\u00a0% interval 2.4 to 11.0)" in claim
    assert ", held in 4 of 5 trainings" in claim
    assert section.tags == ("uncalibrated",)
    assert "held in 4 of 5 trainings" in section.chapters[0].tables[0].rows[0][3]
    assert "the median over 5 trainings" in section.methods["uv_value"]


def test_the_methods_say_how_it_was_tested(studies):
    study = studies.make_study(confounders=["session", "year"])
    told = describe_uv_value(study, studies.make_uv_value(), EvaluationParams(minimum_n=7))
    for words in (
        "What UV adds to RGB was tested per species with at least 7 specimens per class",
        "moderated over species (Smyth 2004), F as reference",
        "per label over all species, views, patches and the features colour and separate, and over pooled "
        "rows by themselves, classes compared within session, year. RGB is said to suffice where the "
        "upper 95 % limit of what UV adds lies ",
    ):
        assert words in told
    assert describe_uv_value(study, studies.make_uv_value().iloc[:0], EvaluationParams()) == ""


def test_no_number_is_said_and_not_drawn(studies):
    with pytest.raises(NothingToDrawError, match="enough specimens"):
        draw_uv_value(studies.make_uv_value().iloc[-1:])
    assert find_uv_value(studies.make_uv_value().iloc[:0], NAMES) == []


def test_pooled_rows_stand_apart_as_a_mean_without_q(studies):
    table = studies.make_uv_value()
    pooled = table.iloc[[1]].assign(species="all species", scope="all", n_species=5, n_carry=2)
    both = pd.concat([table, pooled])
    figure = draw_uv_value(both)
    assert [list(line.get_ydata()) for line in figure.axes[0].lines if set(line.get_ydata()) == {3.5}]
    assert "n: f + m" in figure.legends[0].get_title().get_text()
    assert "n: of either class" in draw_uv_value(both.assign(classes=None)).legends[0].get_title().get_text()
    assert [t.get_text() for t in figure.axes[1].get_yticklabels()] == [
        *("q = 0.002", "q = 0.021", "q = 0.400", "q = 0.850", ""),
    ]
    alone = draw_uv_value(table)
    assert not [line for line in alone.axes[0].lines if set(line.get_ydata()) == {3.5}]
    assert picture_uv_value(both, NAMES).caption.endswith(
        "above 0. All species: their mean and its interval."
    )
    assert "All species" not in picture_uv_value(table, NAMES).caption
