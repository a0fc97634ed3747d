import numpy as np
import pandas as pd

from xmodal_pipeline.evaluation.class_balance import class_balance
from xmodal_pipeline.evaluation.confounding import confounding_table
from xmodal_pipeline.reporting.html import ReportContent, build_report
from xmodal_pipeline.reporting.label_tables import (
    tabulate_balance,
    tabulate_confounding,
    tabulate_information,
    tabulate_tips,
)
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.specimens.tree import match_tips

NAMES = ModalityNames("dorsal", "ventral")


def index():
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
    rows = {row[:2]: row[2:] for row in tabulate_balance(class_balance(index()), NAMES).rows}

    assert rows[("sex", "f")] == ("20", "20", "5 to 15 in 2 species")
    assert rows[("sex", "unlabelled")] == ("1", "1", "1 to 1 in 1 species")
    assert rows[("species", "Genus x")] == ("30", "30", "–")


def test_coded_rows_come_first_with_what_to_do():
    table = tabulate_confounding(confounding_table(index(), ["museum", "year"], permutations=99), NAMES)

    first = table.rows[0]
    assert first[:3] == ("year", "sex", "LABEL_CONFOUNDED")
    assert first[3].startswith("Within species, sex goes together with year")
    assert first[5] == "1.00 (0.010)"
    assert {row[2] for row in table.rows[1:]} == {"–"}


def test_the_measure_of_a_numeric_confounder_is_eta_squared():
    known = index().assign(humidity=np.arange(40) / 7)
    table = tabulate_confounding(confounding_table(known, ["humidity", "museum"], permutations=99), NAMES)

    assert {row[0]: row[4] for row in table.rows} == {"humidity": "η²", "museum": "Cramér's V"}


def test_information_names_the_modalities_and_leaves_gaps_open():
    facts = dict.fromkeys(["sd", "effective_dimensions", "first_dimension_share", "among_species_share"], 0.5)
    row = {"n_specimens": 9, "n_bands": 3, **facts, "r2_given_other_within": 0.25}
    table = pd.DataFrame([{"modality": m, **row, "r2_given_other_between": np.nan} for m in ("rgb", "uv")])

    rows = tabulate_information(table, NAMES).rows

    assert [row[0] for row in rows] == ["dorsal", "ventral"]
    assert rows[0][1:4] == ("3", "9", "0.500")
    assert rows[0][-2:] == ("0.25", "–")


def test_the_report_shows_them_in_its_data_section(studies):
    known = index()
    tables = studies.make_tables(
        class_balance=class_balance(known),
        confounding=confounding_table(known, ["year"], permutations=99),
    )

    html = build_report(ReportContent(tables))
    data = html[html.index('<section id="data">') : html.index('<section id="training">')]

    assert "LABEL_CONFOUNDED" in data
    assert "Photograph every class of sex in every year" in data
    assert "5 to 15 in 2 species" in data


def test_species_that_the_tree_lacks_are_named_with_what_they_may_be():
    tips = match_tips(["Parus_major", "Sitta_europaea", "Struthio_camelus"], ["parus major", "sitta europea"])

    assert [row[1:] for row in tabulate_tips(tips).rows] == [
        ("1", "–"),
        ("1", "Sitta europea (tip Sitta_europaea?)"),
        ("2", "–"),
    ]
