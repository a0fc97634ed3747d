import pytest

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.discovery import discover_captures


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


PAIR = SpecimensParams(rgb_suffix="_vis", uv_suffix="_uv")


def test_stacks_are_listed_in_name_order_and_other_files_are_not(tmp_path):
    touch(tmp_path, "b.tif", "a.TIFF", "notes.txt", ".hidden.tif", "metadata.csv")
    found, rejected = discover_captures(tmp_path, SpecimensParams())
    assert list(found["capture_id"]) == ["a", "b"]
    assert list(found["uv_filename"]) == ["", ""]
    assert rejected.empty


def test_equal_stems_in_two_folders_keep_both_captures(tmp_path):
    touch(tmp_path, "one/a.tif", "two/a.tif", "two/b.tif")
    found, _ = discover_captures(tmp_path, SpecimensParams())
    assert list(found["capture_id"]) == ["one/a", "two/a", "b"]


def test_equal_stems_with_two_extensions_are_numbered(tmp_path):
    touch(tmp_path, "a.png", "a.tif")
    found, _ = discover_captures(tmp_path, SpecimensParams())
    assert list(found["capture_id"]) == ["a#1", "a#2"]


def test_pairs_join_by_suffix_and_nothing_is_lost(tmp_path):
    touch(tmp_path, "x_vis.tif", "x_uv.tif", "y_vis.tif", "z_uv.jpg", "other.png")
    found, rejected = discover_captures(tmp_path, PAIR)
    assert found.to_dict("records") == [
        {"capture_id": "x", "filename": "x_vis.tif", "uv_filename": "x_uv.tif"}
    ]
    reasons = dict(zip(rejected["filename"], rejected["reason"], strict=True))
    assert set(rejected["code"]) == {"MISSING_PAIR"}
    assert reasons["y_vis.tif"] == "no file ending in '_uv' stands beside it"
    assert reasons["z_uv.jpg"] == "no file ending in '_vis' stands beside it"
    assert "must end in '_vis' or '_uv'" in reasons["other.png"]


def test_two_files_for_one_side_of_a_pair_are_both_rejected_with_their_partner(tmp_path):
    touch(tmp_path, "x_vis.tif", "x_vis.jpg", "x_uv.tif")
    found, rejected = discover_captures(tmp_path, PAIR)
    assert found.empty
    assert sorted(rejected["filename"]) == ["x_uv.tif", "x_vis.jpg", "x_vis.tif"]


def test_a_suffix_that_ends_in_the_other_is_read_whole(tmp_path):
    touch(tmp_path, "x.tif", "x_1.tif", "aD.jpg", "aVD.jpg")
    found, _ = discover_captures(tmp_path, SpecimensParams(rgb_suffix="D", uv_suffix="VD"))
    assert list(found["uv_filename"]) == ["aVD.jpg"]


def test_a_missing_or_empty_folder_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"specimens.root: must be an existing folder, got .*absent"):
        discover_captures(tmp_path / "absent", SpecimensParams())
    with pytest.raises(FileNotFoundError, match="found none under"):
        discover_captures(tmp_path, SpecimensParams())
