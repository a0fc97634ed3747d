import unicodedata

import pandas as pd
import pytest

from xmodal_pipeline.errors import ParametersError
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
    touch(tmp_path, "a.tiff", "a.tif")
    found, _ = discover_captures(tmp_path, SpecimensParams())
    assert list(found["capture_id"]) == ["a#1", "a#2"]


def test_a_photograph_beside_a_stack_of_its_name_is_a_preview(tmp_path):
    touch(tmp_path, "a.TIF", "a.JPG", "sub/a.png", "b.jpg")
    found, rejected = discover_captures(tmp_path, SpecimensParams())
    assert list(found["filename"]) == ["a.TIF", "b.jpg", "sub/a.png"]
    assert rejected.to_dict("records") == [
        {"filename": "a.JPG", "code": "PREVIEW", "reason": "'a.TIF' beside it is the capture"}
    ]


def test_links_are_captures_where_they_lead_to_a_file_and_named_where_not(tmp_path):
    touch(tmp_path, "disk/a.tif")
    root = tmp_path / "root"
    root.mkdir()
    (root / "day").symlink_to(tmp_path / "disk")
    (root / "b.tif").symlink_to(".git/annex/objects/b.tif")
    found, rejected = discover_captures(root, SpecimensParams())
    assert list(found["filename"]) == ["day/a.tif"]
    assert rejected[["filename", "code"]].to_numpy().tolist() == [["b.tif", "BROKEN_LINK"]]


def test_ids_are_composed_and_files_called_as_on_disk(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Mönch_vis.tif")
    touch(tmp_path, decomposed, unicodedata.normalize("NFC", "Mönch_uv.tif"))
    found, rejected = discover_captures(tmp_path, PAIR)
    assert list(found["capture_id"]) == [unicodedata.normalize("NFC", "Mönch")]
    assert list(found["filename"]) == [decomposed]
    assert rejected.empty


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
    with pytest.raises(ParametersError, match=r"specimens.root: must be an existing folder, got .*absent"):
        discover_captures(tmp_path / "absent", SpecimensParams())
    with pytest.raises(ParametersError, match="found none under"):
        discover_captures(tmp_path, SpecimensParams())


def by_columns(root, rows):
    specimens = SpecimensParams(root=root, rgb_column="file.vis", uv_column="file.uv")
    metadata = pd.DataFrame(rows, columns=["file.vis", "file.uv"], dtype="string")
    found, rejected = discover_captures(root, specimens, metadata)
    return found, {row.filename: row.reason for row in rejected.itertuples()}, set(rejected["code"])


def test_pairs_join_by_columns_of_the_metadata_however_the_names_are_spelt(tmp_path):
    touch(tmp_path, "b_G7.jpg", "b_G8.jpg", "sub/a_G1.jpg", "sub/a_G2.jpg", "c.png", "d.png")
    rows = [("b_G7", "b_G8.jpg"), ("sub\\a_G1.jpg", "a_G2.jpg"), (" c.png ", "d")]
    found, rejected, _ = by_columns(tmp_path, rows)
    assert found.to_dict("records") == [
        {"capture_id": "b_G7", "filename": "b_G7.jpg", "uv_filename": "b_G8.jpg"},
        {"capture_id": "c", "filename": "c.png", "uv_filename": "d.png"},
        {"capture_id": "a_G1", "filename": "sub/a_G1.jpg", "uv_filename": "sub/a_G2.jpg"},
    ]
    assert rejected == {}


def test_a_row_that_makes_no_pair_and_a_file_in_no_row_are_named(tmp_path):
    touch(
        tmp_path, "a1.jpg", "a2.jpg", "b1.jpg", "c1.jpg", "c2.jpg", "d.jpg", "one/e.jpg", "two/e.jpg", "f.jpg"
    )
    rows = [
        ("a1.jpg", "a2.jpg"),
        ("b1.jpg", "b2.jpg"),
        ("c1.jpg", "c2.jpg"),
        ("c1.jpg", "d.jpg"),
        ("f.jpg", "e.jpg"),
        ("", None),
    ]
    found, rejected, codes = by_columns(tmp_path, rows)
    assert found["filename"].tolist() == ["a1.jpg"]
    assert codes == {"MISSING_PAIR"}
    assert rejected["b2.jpg"].startswith("no such file stands under specimens.root; row ('b1.jpg', 'b2.jpg')")
    assert rejected["c1.jpg"].startswith("2 rows name this file")
    assert rejected["e.jpg"].startswith("2 files are called so (one/e.jpg, two/e.jpg)")
    assert rejected[""] == "the row must name a file here; row ('', '')"
    assert set(rejected) == {"b2.jpg", "c1.jpg", "e.jpg", ""}
    touch(tmp_path, "stray.jpg")
    _, rejected, _ = by_columns(tmp_path, rows)
    assert rejected["stray.jpg"] == "no row of the metadata names it in 'file.vis' or 'file.uv'"


def test_one_file_is_not_both_sides_of_a_pair(tmp_path):
    touch(tmp_path, "a.jpg")
    found, rejected, _ = by_columns(tmp_path, [("a.jpg", "a")])
    assert found.empty
    assert "one file stands for both" in rejected["a.jpg"]


def test_columns_without_metadata_are_refused(tmp_path):
    touch(tmp_path, "a.jpg")
    specimens = SpecimensParams(root=tmp_path, rgb_column="v", uv_column="u")
    with pytest.raises(
        ParametersError, match=r"rgb_column: must be a column of the metadata, got 'v' and no"
    ):
        discover_captures(tmp_path, specimens)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rgb_column": "v"}, "rgb_column and uv_column must be set together"),
        ({"rgb_column": "v", "uv_column": "v"}, "must differ, got 'v' twice"),
        (
            {"rgb_column": "v", "uv_column": "u", "rgb_suffix": "a", "uv_suffix": "b"},
            "by suffixes or by columns, got both",
        ),
        ({"rgb_column": "v", "uv_column": "u", "root": None}, "rgb_column needs root"),
        ({"mask": "alpha"}, "mask must be band, white_background or none for stacks, got alpha"),
    ],
)
def test_impossible_settings_are_refused(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        SpecimensParams(**{"root": tmp_path, **settings})
