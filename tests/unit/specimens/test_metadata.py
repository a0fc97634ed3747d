import pandas as pd
import pytest

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.metadata import (
    clean_labels,
    find_metadata,
    join_metadata,
    read_metadata,
    read_table,
)

CAPTURES = pd.DataFrame(
    {"capture_id": ["a_1", "a_2", "b"], "filename": ["sub/a_1.tif", "a_2.tif", "b.tif"], "uv_filename": ""}
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators_give_the_same_table(tmp_path, encoding, separator):
    path = tmp_path / "metadata.csv"
    rows = [["specimen_id", "site"], ["a", "Zürich"]]
    path.write_bytes("".join(separator.join(row) + "\n" for row in rows).encode(encoding))
    assert read_metadata(path, SpecimensParams()).to_dict("records") == [
        {"specimen_id": "a", "site": "Zürich"}
    ]


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


def test_join_by_file_name_keeps_views_of_one_specimen_together():
    metadata = pd.DataFrame(
        {
            "filename": ["a_1.tif", "a_2.tif", "gone.tif"],
            "specimen_id": ["a", "a", "z"],
            "sex": ["m", "m", "f"],
        },
        dtype="string",
    )
    joined, unused = join_metadata(CAPTURES, metadata, SpecimensParams())
    assert joined["specimen_id"].tolist() == ["a", "a", "b"]
    assert joined["sex"].isna().tolist() == [False, False, True]
    assert joined["flags"].tolist() == ["", "", "NO_METADATA"]
    assert unused.to_dict("records") == [
        {"filename": "gone.tif", "code": "NO_CAPTURE", "reason": "a metadata row without a usable file"}
    ]


def test_join_by_specimen_takes_the_longest_id_that_ends_at_a_separator():
    captures = pd.DataFrame({"capture_id": ["A1_b", "A12_b"], "filename": ["x", "y"], "uv_filename": ""})
    metadata = pd.DataFrame({"specimen_id": ["A1", "A12"], "sex": ["m", "f"]}, dtype="string")
    joined, unused = join_metadata(captures, metadata, SpecimensParams())
    assert joined["specimen_id"].tolist() == ["A1", "A12"]
    assert joined["sex"].tolist() == ["m", "f"]
    assert unused.empty


def test_without_metadata_each_capture_is_a_specimen():
    joined, unused = join_metadata(CAPTURES, None, SpecimensParams())
    assert joined["specimen_id"].tolist() == ["a_1", "a_2", "b"]
    assert joined["flags"].tolist() == ["", "", ""]
    assert unused.empty


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
    path.write_text("file.vis;file.uv;sex\nA_G1.jpg; A_G2.jpg;M\nA_G3.jpg;A_G4.jpg;M\n")
    metadata, _ = clean_labels(read_metadata(path, COLUMNS), COLUMNS)
    assert metadata["file.uv"].tolist() == ["A_G2.jpg", "A_G4.jpg"]
    captures = pd.DataFrame(
        {"capture_id": ["A_G3"], "filename": ["sub/A_G3.jpg"], "uv_filename": ["sub/A_G4.jpg"]}
    )
    joined, unused = join_metadata(captures, metadata, COLUMNS)
    assert joined[["specimen_id", "sex", "flags"]].to_numpy().tolist() == [["A_G3", "m", ""]]
    assert "file.vis" not in joined
    assert unused.empty  # discovery names rows whose files are missing


def test_several_rows_of_pairs_may_be_one_specimen():
    metadata = pd.DataFrame(
        {
            "specimen_id": ["A", "A", "B"],
            "file.vis": ["1.jpg", "3.jpg", "5.jpg"],
            "file.uv": ["2.jpg", "4.jpg", "6.jpg"],
            "view": ["back", "belly", "back"],
        },
        dtype="string",
    )
    captures = pd.DataFrame({"capture_id": ["1", "3", "5"], "filename": ["1.jpg", "3.jpg", "5.jpg"]})
    joined, _ = join_metadata(captures.assign(uv_filename=["2.jpg", "4.jpg", "6.jpg"]), metadata, COLUMNS)
    assert joined["specimen_id"].tolist() == ["A", "A", "B"]
    assert joined["view"].tolist() == ["back", "belly", "back"]


def test_columns_that_the_metadata_lacks_are_named(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text("filename,file.vis\na,b\n")
    with pytest.raises(
        ValueError, match=r"must have the columns \['file.vis', 'file.uv'\].*got \['filename'"
    ):
        read_metadata(path, COLUMNS)


def test_the_header_alone_says_what_separates_columns(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text("filename;notes\na.tif;worn, pale, female\n", encoding="utf-8")
    assert read_table(path, "metadata").to_dict("list") == {
        "filename": ["a.tif"],
        "notes": ["worn, pale, female"],
    }
