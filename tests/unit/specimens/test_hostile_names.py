"""Names and cells that no table can quote, or that are longer than any label."""

import os
from pathlib import Path

import pandas as pd
import pytest

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.discovery import discover_captures
from xmodal_pipeline.specimens.folder import list_folder
from xmodal_pipeline.specimens.metadata import clean_labels
from xmodal_pipeline.specimens.names import is_quotable, quote
from xmodal_pipeline.specimens.tables import read_table
from xmodal_pipeline.specimens.tree import read_tips


def test_what_cannot_be_quoted_is_escaped_and_nothing_else_is():
    assert quote(os.fsdecode(b"caf\xe9\n\x1b.tif")) == "caf\\xe9\\n\\x1b.tif"
    for name in ("café µ.tif", "$x_1$", "<b>", "😀", "e\u0301"):
        assert is_quotable(name)
        assert quote(name) == name


def test_a_file_whose_name_is_no_text_is_rejected_under_its_escaped_name(tmp_path):
    for name in (b"good.tif", b"caf\xe9.tif", b"new\nline.tif", b"note\xff.txt"):
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(b"")
    captures, others = discover_captures(tmp_path, SpecimensParams())
    assert captures["capture_id"].tolist() == ["good"]
    assert list(zip(others["filename"], others["code"], strict=True)) == [
        ("caf\\xe9.tif", "BAD_NAME"),
        ("new\\nline.tif", "BAD_NAME"),
    ]
    assert len(list_folder(tmp_path).badly_named) == 3


def test_a_file_below_a_folder_without_a_name_is_rejected(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    (folder / "a.tif").write_bytes(b"")
    captures, others = discover_captures(tmp_path, SpecimensParams())
    assert captures.empty
    assert others["filename"].tolist() == ["\\xff/a.tif"]


@pytest.mark.parametrize(("length", "is_kept"), [(1000, True), (1001, False), (200_000, False)])
def test_a_cell_of_any_length_is_read_and_a_long_one_is_no_label(tmp_path, length, is_kept):
    (tmp_path / "m.csv").write_text(f"filename,note,sex\na.tif,{'x' * length},m\n")
    table = read_table(tmp_path / "m.csv", "metadata")
    assert len(table["note"][0]) == length
    cleaned, changes = clean_labels(table, SpecimensParams())
    assert pd.notna(cleaned["note"][0]) == is_kept
    assert cleaned["sex"][0] == "m"
    reasons = changes.set_index("column")["why"].to_dict()
    assert reasons == ({} if is_kept else {"note": "longer than 1000 characters: unlabelled"})
    assert [len(found) for found in changes["found"]] == ([] if is_kept else [1000])


def test_control_characters_in_a_label_are_spaces_and_said_so():
    table = pd.DataFrame({"filename": ["a.tif"], "sex": ["\x1bMale\x00"]}, dtype="string")
    cleaned, changes = clean_labels(table, SpecimensParams())
    assert cleaned["sex"].tolist() == ["m"]
    assert changes["why"].tolist() == ["cleaned"]


def test_fifty_thousand_brackets_are_a_tree_or_an_error(tmp_path):
    path, n = tmp_path / "t.nwk", 50_000
    path.write_text("(" * n + "x" + "".join(f",t{i})" for i in range(n)) + ";")
    assert len(read_tips(path)) == n + 1
    for text, said in [("(" * n, "one tree in Newick"), ("(a,b" + "[" * n, r"'\[' without '\]'")]:
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            read_tips(path)
