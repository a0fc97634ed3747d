"""What a column is taken for."""

import pandas as pd
import pytest

from xmodal_pipeline.evaluation.specimen_tables import label_columns, specimen_labels
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.columns import column_kind, describe_columns
from xmodal_pipeline.specimens.metadata import clean_labels


def series(values):
    return pd.Series(values, dtype="string")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["m", "f", None], "classes"),
        ([None, None], "empty"),
        ([str(n) for n in range(10)], "classes"),
        ([str(n) for n in range(11)], "number"),
        (["20.5", "21"], "number"),
        (["20.5", "21", "worn"], "classes"),
        (["01.06.2024", "2.6.2024"], "date"),
        (["2024-06-01", "2024-06-02t10:00:00"], "date"),
        (["6/1/24", None], "date"),
        (["3 june 1921", "14-sep-1899"], "date"),
        (["19210603"], "date"),
        (["spring 1921", "2024-06-01"], "classes"),
        ([f"name {n}" for n in range(51)], "text"),
    ],
)
def test_values_say_what_a_column_is(values, kind):
    assert column_kind(series(values)) == kind


def test_species_and_their_like_are_classes_whatever_they_are_written_as():
    numbers = series([str(n) for n in range(20)])
    assert column_kind(numbers, "species") == "classes"
    assert column_kind(numbers, "wing") == "number"


def test_dates_and_measures_are_no_labels_of_specimens():
    index = pd.DataFrame({"specimen_id": list("abcd"), "sex": list("mfmf"), "session": list("1122")})
    index["wing"] = ["20.5", "21", "20.5", "21"]
    index["date"] = ["01.06.2024", "02.06.2024"] * 2
    index = index.astype("string")
    assert list(specimen_labels(index).columns) == ["sex", "session"]
    assert label_columns(index) == ["sex", "session"]


def test_the_log_says_role_classes_spellings_and_what_is_missing():
    table = pd.DataFrame(
        {
            "filename": ["a.tif", "b.tif", "c.tif", "d.tif"],
            "sex": ["M", "male", "f", "?"],
            "wing": ["20,5", "19", "NA", ""],
            "date": ["01.06.2024"] * 4,
        },
        dtype="string",
    )
    cleaned, changes = clean_labels(table, SpecimensParams())
    columns = {c.name: c for c in describe_columns(cleaned, changes, files=["filename"], ids=["specimen_id"])}
    assert columns["filename"].describe() == "filename → file"
    assert columns["sex"].describe() == "sex → label, 2 classes (m 2 [male], f 1), 1 missing (?)"
    assert columns["sex"].spellings["m"] == ("M", "male")
    assert columns["sex"].outside == ()
    assert columns["wing"].describe() == "wing → number, 19 to 20.5, 2 missing (NA)"
    assert columns["date"].describe() == "date → date"
    assert (columns["wing"].n_known, columns["wing"].n_missing) == (2, 2)


def test_values_outside_a_vocabulary_are_told_from_missing_ones():
    table = pd.DataFrame({"sex": ["m", "w", "?"], "species": ["A b", "a  B", "a c"]}, dtype="string")
    sex, species = describe_columns(*clean_labels(table, SpecimensParams()), files=[], ids=[])
    assert sex.outside == ("w",)
    assert sex.describe() == "sex → label, 1 class (m 1), 2 missing (?), not in specimens.vocabulary: w"
    assert species.describe() == "species → species, 2 classes (a b 2, a c 1)"


def test_a_measurement_that_one_spelling_makes_a_label_says_so():
    lengths = pd.DataFrame({"length": ["27,8", "30,1", "29", "31", "26", "k. A."], "n": list("123456")})
    length, n = describe_columns(*clean_labels(lengths.astype("string"), SpecimensParams()), files=[], ids=[])
    assert length.describe().endswith("all but k. a. are numbers; is that one of specimens.missing?")
    assert n.describe() == "n → label, 6 classes (1 1, 2 1, 3 1, 4 1, 5 1, 6 1)"
    species = pd.DataFrame({"species": [*map(str, range(8)), "x"]}, dtype="string")
    (column,) = describe_columns(*clean_labels(species, SpecimensParams()), files=[], ids=[])
    assert "are numbers" not in column.describe()
    few = pd.DataFrame({"length": ["1", "2", "3", "a", "b"]}, dtype="string")
    (column,) = describe_columns(*clean_labels(few, SpecimensParams()), files=[], ids=[])
    assert "are numbers" not in column.describe()


def test_species_stay_species_however_many_they_are():
    table = pd.DataFrame({"species": [f"sp {n}" for n in range(60)], "note": [f"n {n}" for n in range(60)]})
    cleaned, changes = clean_labels(table.astype("string"), SpecimensParams())
    roles = [column.role for column in describe_columns(cleaned, changes, files=[], ids=[])]
    assert roles == ["species", "text"]


@pytest.mark.parametrize(
    ("first", "second", "is_doubted"),
    [
        ("Colias hyale (Linnaeus, 1758)", "Colias hyale L.", True),
        ("Colias hyale", "Colias hyale Linnaeus, 1758", True),
        ("Colias hyale Linnaeus 1758", "Colias hyale (L.)", True),
        ("Papilio machaon gorganus", "Papilio machaon", False),
        ("Papilio machaon ssp. gorganus", "Papilio machaon L.", False),
        ("Papilio machaon gorganus Fruhstorfer, 1922", "Papilio machaon L.", False),
        ("Colias hyale L.", "Colias croceus L.", False),
        ("Colias aff. sp. 1", "Colias aff. sp. 2", False),
        ("Eulaema sp. voucher 1234", "Eulaema sp. voucher 1235", False),
        ("Colias hyale n. ssp. 1", "Colias hyale n. ssp. 2", False),
    ],
)
def test_species_that_differ_in_their_author_alone_are_doubted(first, second, is_doubted):
    table = pd.DataFrame({"species": [first, first, second]}, dtype="string")
    cleaned, changes = clean_labels(table, SpecimensParams())
    (column,) = describe_columns(cleaned, changes, files=[], ids=[])
    doubt = f"'{first.casefold()}' and '{second.casefold()}' count as two species"
    assert column.describe().count(doubt) == is_doubted
