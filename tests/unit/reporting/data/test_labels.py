import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation.class_balance import class_balance
from xmodal_pipeline.evaluation.confounding import confounding_table
from xmodal_pipeline.reporting.data.labels import (
    draw_class_balance,
    labels_section,
    say_unchecked,
    tabulate_balance,
    tabulate_confounding,
    tabulate_information,
    tabulate_tips,
)
from xmodal_pipeline.reporting.figure import ReportFigure
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.words import ModalityNames
from xmodal_pipeline.specimens.tree import match_tips

NAMES = ModalityNames("dorsal", "ventral")


def labelled():
    ids = [f"s{i:02d}" for i in range(40)]
    return pd.DataFrame(
        {
            "capture_id": ids,
            "specimen_id": ids,
            "species": np.repeat(["genus_x", "genus_y"], [30, 10]),
            "sex": [*(["f", "m"] * 19), "f", None],
            "year": [*(["2019", "2020"] * 19), "2019", "2020"],
            "museum": np.tile(["a", "a", "b", "b"], 10),
        }
    )


def test_balance_counts_specimens_with_the_range_over_species():
    rows = {row[:2]: row[2:] for row in tabulate_balance(class_balance(labelled()), NAMES).rows}

    assert rows[("sex", "f")] == ("20", "20", "5 to 15 in 2 species")
    assert rows[("sex", "unlabelled")] == ("1", "1", "1 to 1 in 1 species")
    assert rows[("species", "Genus x")] == ("30", "30", "–")


def test_coded_rows_come_first_with_what_to_do():
    table = tabulate_confounding(confounding_table(labelled(), ["museum", "year"], permutations=99), NAMES)

    first = table.rows[0]
    assert first[:3] == ("year", "sex", "LABEL_CONFOUNDED")
    assert first[3].startswith("Within species, sex goes together with year")
    assert first[5] == "1.00 (0.010)"
    assert {row[2] for row in table.rows[1:]} == {"–"}


def test_the_measure_of_a_numeric_confounder_is_eta_squared():
    known = labelled().assign(humidity=np.arange(40) / 7)
    table = tabulate_confounding(confounding_table(known, ["humidity", "museum"], permutations=99), NAMES)

    assert {row[0]: row[4] for row in table.rows} == {"humidity": "η²", "museum": "Cramér's V"}


def test_information_names_the_modalities_and_leaves_gaps_open():
    shares = {"first_dimension_share": 0.7, "among_species_share": 0.4, "r2_given_other_within": 0.25}
    row = {"n_specimens": 9, "n_bands": 3, "sd": 0.1234, "effective_dimensions": 1.5} | shares
    table = pd.DataFrame([{"modality": m, **row, "r2_given_other_between": np.nan} for m in ("rgb", "uv")])

    first, second = tabulate_information(table, NAMES).rows

    assert first == ("dorsal", "3", "9", "0.123", "1.50", "0.70", "0.40", "0.25", "–")
    assert second[0] == "ventral"


def test_species_that_the_tree_lacks_are_named_with_what_they_may_be():
    tips = match_tips(["Parus_major", "Sitta_europaea", "Struthio_camelus"], ["parus major", "sitta europea"])

    assert [row[1:] for row in tabulate_tips(tips).rows] == [
        ("1", "–"),
        ("1", "Sitta europea (tip Sitta_europaea?)"),
        ("2", "–"),
    ]


def test_the_section_has_every_table_in_order_and_none_of_the_tree_without_one(studies):
    known = labelled()
    given = (
        studies.make_study(),
        class_balance(known),
        confounding_table(known, ["year"], permutations=99),
        match_tips(["Parus_major"], ["parus major"]),
        pd.DataFrame(columns=["modality"]),
        ReportFigure("class_balance", "Specimens per class", ""),
    )
    section = labels_section(*given)
    assert [table.caption.split("?")[0] for table in section.chapters[0].tables] == [
        "Do labels go together with confounders",
        "Specimens per class",
        "Species in the tree",
        "Information in mean colour",
    ]
    without = labels_section(*given[:3], given[3].iloc[:0], *given[4:])
    assert "Species in the tree" not in [table.caption for table in without.chapters[0].tables]


def test_class_balance_counts_specimens_not_captures(index):
    twice = index.assign(species=index["species"].where(index.index != 0, "Pieris rapae"))
    twice = twice._append(twice.iloc[5], ignore_index=True) if hasattr(twice, "_append") else twice
    axes = draw_class_balance(twice).axes[0]
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert [t.get_text() for t in axes.texts] == ["13", "12", "12", "12", "11"]
    assert names[0] == "Pieris rapae"
    assert names[-1] == "Colias croceus"
    widths = {bars.get_label(): [p.get_width() for p in bars] for bars in axes.containers}
    assert widths["female"] == [7, 6, 6, 6, 4]
    assert widths["unlabelled"] == [0, 0, 0, 0, 1]


def test_class_balance_draws_the_other_labels_too(index):
    views = index.assign(view=["dorsal", "ventral"] * (len(index) // 2))
    main, view = draw_class_balance(views, label="clade", others=["species", "view"]).axes
    assert main.get_title("left") == "60 specimens by species"
    assert [t.get_text() for t in view.get_yticklabels()] == ["dorsal", "ventral"]
    assert [t.get_text() for t in view.texts] == ["30", "30"]


def test_a_specimen_of_two_sessions_is_said_to_stand_in_both():
    index = pd.DataFrame({"specimen_id": ["s1", "s1", "s2"], "session": ["one", "two", "two"]})
    axes = draw_class_balance(index, label="session").axes[0]
    assert axes.get_title("left") == "2 specimens by session\n1 in several classes"
    assert [t.get_text() for t in axes.texts] == ["2", "1"]


def test_class_balance_leaves_out_the_smallest_of_many_classes(index):
    many = index.assign(drawer=[f"d{i // 2}" for i in range(len(index))])
    figure = draw_class_balance(many, label="drawer", most=10)
    assert len(figure.axes[0].get_yticks()) == 10
    assert "the 10 largest of 30 classes" in figure.axes[0].get_title("left")


def test_class_balance_without_labels_says_so(index):
    with pytest.raises(NothingToDrawError, match="no capture has the label clade"):
        draw_class_balance(index.drop(columns=["species"]), label="clade")


@pytest.mark.parametrize(
    ("label", "columns", "what"),
    [
        ("sex", ("species", "sex", "session", "morph"), "whether sex goes with session or morph was"),
        (None, ("species", "sex", "session"), "whether sex and session go together was"),
        (None, ("species", "sex", "day"), "what else goes with the labels was"),
        ("sex", ("species", "sex"), "what else goes with the labels was"),
    ],
)
def test_without_a_confounder_the_report_says_what_was_not_checked(studies, label, columns, what):
    """A day of 13 values is no class to balance."""
    rows = [(name, f"{name} {i}", pd.NA) for name in columns for i in range(13 if name == "day" else 2)]
    balance = pd.DataFrame(rows, columns=["label", "class", "species"])
    said = say_unchecked(studies.make_study(label=label), balance)
    assert said == [f"No confounder was named (specimens.confounders): {what} not checked."]
    assert say_unchecked(studies.make_study(label=label, confounders=["museum"]), balance) == []
    assert say_unchecked(studies.make_study(label=label), balance.iloc[:0]) == []
