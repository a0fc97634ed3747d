import unicodedata

import pandas as pd
import pytest

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.metadata import clean_labels, find_metadata, label_columns, read_metadata


def test_bad_tables_are_refused_by_name(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("name,sex\na,m\n")
    with pytest.raises(ValueError, match=r"metadata 'm.csv': must have a column 'filename' or 'specimen_id'"):
        read_metadata(path, SpecimensParams())
    path.write_text("specimen_id,sex,sex\na,m,m\n")
    with pytest.raises(ValueError, match="column names must be unique"):
        read_metadata(path, SpecimensParams())
    path.write_text("specimen_id,sex\na,m,extra\n")
    with pytest.raises(ValueError, match=r"every row must have 2 fields, line\(s\) \[2\]"):
        read_metadata(path, SpecimensParams())


def test_labels_are_cleaned_and_every_change_is_reported():
    metadata = pd.DataFrame(
        {
            "specimen_id": ["1", "2", "3", "4"],
            "sex": ["M ", "?SY", "f", ""],
            "species": ["P. mnemosyne "] * 4,
        },
        dtype="string",
    )
    cleaned, changes = clean_labels(
        metadata, SpecimensParams(vocabulary={"sex": {"m": "male", "f": "female"}})
    )
    assert cleaned["sex"].tolist()[:1] == ["male"]
    assert cleaned["sex"].isna().tolist() == [False, True, False, True]
    assert cleaned["species"].unique().tolist() == ["p. mnemosyne"]
    rows = {(row.column, row.found): (row.became, row.n, row.why) for row in changes.itertuples()}
    assert rows["sex", "?SY"] == ("", 1, "not in the vocabulary: unlabelled")
    assert rows["sex", "M "] == ("male", 1, "cleaned")
    assert rows["species", "P. mnemosyne "] == ("p. mnemosyne", 4, "cleaned")
    assert ("sex", "") in rows


def test_the_metadata_file_is_found_in_the_folder_or_beside_it(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    assert find_metadata(images, SpecimensParams()) is None
    (tmp_path / "metadata.csv").write_text("specimen_id\n")
    assert find_metadata(images, SpecimensParams()) == tmp_path / "metadata.csv"
    (images / "metadata.csv").write_text("specimen_id\n")
    assert find_metadata(images, SpecimensParams()) == images / "metadata.csv"
    with pytest.raises(
        FileNotFoundError, match=r"specimens.metadata: must be an existing file, got 'no.csv'"
    ):
        find_metadata(images, SpecimensParams(metadata="no.csv"))


COLUMNS = SpecimensParams(root="somewhere", rgb_column="file.vis", uv_column="file.uv")


def test_rows_of_pairs_need_no_other_key_and_their_file_names_are_no_labels(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text("file.vis;File.UV;sex\nA_G1.jpg; A_G2.jpg;M\nA_G3.jpg;A_G4.jpg;M\n")
    metadata, _ = clean_labels(read_metadata(path, COLUMNS), COLUMNS)
    assert metadata["file.uv"].tolist() == ["A_G2.jpg", "A_G4.jpg"]
    assert label_columns(metadata, COLUMNS) == ["sex"]


def test_columns_that_the_metadata_lacks_are_named(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text("filename,file.vis\na,b\n")
    with pytest.raises(
        ValueError, match=r"must have the columns \['file.vis', 'file.uv'\].*got \['filename'"
    ):
        read_metadata(path, COLUMNS)


@pytest.mark.parametrize(
    "header", ["specimen_id", "Specimen ID", "SPECIMEN_ID", "SpecimenID", " specimen  id ", "specimen__id"]
)
def test_headers_are_matched_whatever_their_case_spaces_and_underscores(tmp_path, header):
    path = tmp_path / "metadata.csv"
    path.write_text(f"{header},Sex,Wing length\na,M,20\n")
    assert list(read_metadata(path, SpecimensParams()).columns) == ["specimen_id", "sex", "wing_length"]
    asked = SpecimensParams(label="Wing Length", confounders=("SEX",), vocabulary={"Sex": {"weiblich": "f"}})
    assert (asked.label, asked.confounders, list(asked.vocabulary)) == ("wing_length", ("sex",), ["sex"])


def test_headers_that_are_one_name_and_names_of_our_own_are_refused(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text("filename,Sex,sex\na,m,m\n")
    with pytest.raises(ValueError, match=r"must differ in more than case.*'Sex', 'sex'"):
        read_metadata(path, SpecimensParams())
    path.write_text("filename,class,Capture ID,flags,partition,modality,rgb_file_sha256,n\na,b,c,d,e,f,g,h\n")
    reserved = r"got \['Capture ID', 'flags', 'partition', 'modality', 'rgb_file_sha256'\]; rename them"
    with pytest.raises(ValueError, match=reserved):
        read_metadata(path, SpecimensParams())


def test_a_column_without_a_header_is_no_label(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text('"","filename","sex"\n"1","a.tif","m"\n')  # as R writes row names
    assert list(read_metadata(path, SpecimensParams()).columns) == ["filename", "sex"]


def test_spellings_of_missing_values_are_no_classes_and_no_ids():
    spelt = ["NA", "n/a", "NaN", "-", "Unknown", "none", "?", " ", "nana"]
    metadata = pd.DataFrame({"specimen_id": spelt, "species": spelt}, dtype="string")
    cleaned, changes = clean_labels(metadata, SpecimensParams())
    assert cleaned["species"].dropna().tolist() == ["nana"]
    assert cleaned["specimen_id"].dropna().tolist() == ["nana"]
    assert set(changes.loc[changes["column"] == "species", "found"]) == set(spelt[:-1])
    assert set(changes["why"]) == {"missing: unlabelled"}
    kept, _ = clean_labels(metadata, SpecimensParams(missing=("nana",)))
    assert kept["species"].isna().tolist() == [False] * 7 + [True, True]
    named, _ = clean_labels(metadata, SpecimensParams(vocabulary={"species": {"none": "plain"}}))
    assert named["species"].dropna().tolist() == ["plain"]


def test_a_decimal_comma_is_a_point_where_all_are_numbers():
    table = {"wing": ["20,5", "21", "NA", "-3,25"], "note": ["1,5", "1,5 or 2", "", ""]}
    cleaned, changes = clean_labels(pd.DataFrame(table, dtype="string"), SpecimensParams())
    assert cleaned["wing"].dropna().tolist() == ["20.5", "21", "-3.25"]
    assert cleaned["note"].dropna().tolist() == ["1,5", "1,5 or 2"]
    assert set(changes.loc[changes["why"] == "decimal comma", "found"]) == {"20,5", "-3,25"}


def test_labels_are_compared_in_composed_form():
    both = [unicodedata.normalize(form, "Mönch") for form in ("NFC", "NFD")]
    cleaned, _ = clean_labels(pd.DataFrame({"species": both}, dtype="string"), SpecimensParams())
    assert cleaned["species"].unique().tolist() == ["mönch"]
