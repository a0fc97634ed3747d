"""Tables as spreadsheets and R save them."""

import pytest

from xmodal_pipeline.specimens.tables import describe_guess, read_table


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators_give_the_same_table(tmp_path, encoding, separator):
    path = tmp_path / "metadata.csv"
    # The ellipsis is 0x85 in Windows-1252, which Latin-1 takes for the end of a line.
    rows = [["specimen_id", "note"], ["a", "wing torn… Zürich – µm"], ["", ""], ["b", "–"]]
    path.write_bytes("".join(separator.join(row) + "\r\n" for row in rows).encode(encoding))
    assert read_table(path, "metadata").to_dict("records") == [
        {"specimen_id": "a", "note": "wing torn… Zürich – µm"},
        {"specimen_id": "b", "note": "–"},
    ]


def test_the_header_alone_says_what_separates_columns(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text("filename;notes\na.tif;worn, pale, female\n", encoding="utf-8")
    assert read_table(path, "metadata").to_dict("list") == {
        "filename": ["a.tif"],
        "notes": ["worn, pale, female"],
    }


def test_a_quoted_value_may_hold_a_line_break(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text('filename,note\na.tif,"worn\npale"\nb.tif,x,y\n')
    with pytest.raises(ValueError, match=r"every row must have 2 fields, line\(s\) \[4\]"):
        read_table(path, "metadata")
    path.write_text('filename,note\na.tif,"worn\npale"\n')
    assert read_table(path, "metadata")["note"].tolist() == ["worn\npale"]


def test_a_workbook_is_named_as_one(tmp_path):
    path = tmp_path / "birds.xlsx"
    path.write_bytes(b"PK\x03\x04" + bytes(64))
    with pytest.raises(ValueError, match=r"metadata 'birds.xlsx': must be a text table, got a workbook"):
        read_table(path, "metadata")


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("cp1250", "read as Windows-1252, such as 'P³eæ': if letters are wrong, save the sheet as CSV UTF-8"),
    ],
)
def test_letters_that_are_guessed_are_shown(tmp_path, encoding, said):
    path = tmp_path / "metadata.csv"
    path.write_bytes("specimen_id;Płeć\n1;samiec\n".encode(encoding))
    assert describe_guess(path) == said
    path.write_bytes("specimen_id;Źródła\n1;x\n".encode("cp1250"))  # Windows-1252 has no such byte
    assert describe_guess(path).startswith("read as Latin-1, such as '\\x8fród³a':")
    path.write_bytes(b"specimen_id;sex\n1;m\n")
    assert describe_guess(path) == ""
