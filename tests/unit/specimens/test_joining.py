"""Every row is used, missed or refused; a capture is served by a row that is certainly its own."""

from pathlib import Path

import pandas as pd
import pytest

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.joining import Miss, join_metadata
from xmodal_pipeline.specimens.listing import list_study

ROOT = Path("/data/wings")


def stacks(*files):
    ids = [file.rsplit(".", 1)[0] for file in files]
    return pd.DataFrame({"capture_id": ids, "filename": files, "uv_filename": ""})


def join(captures, specimens=None, **columns):
    metadata = pd.DataFrame(columns, dtype="string")
    found = join_metadata(captures, metadata, specimens or SpecimensParams(), root=ROOT)
    refused = {row for refusal in found.refusals for row in refusal.rows} - set(found.used)
    rows = [*found.used, *(miss.row for miss in found.misses), *refused]
    assert sorted(rows) == list(range(2, len(metadata) + 2))  # each row once
    assert set(found.unlabelled) == set(captures["capture_id"][(found.captures["flags"] != "").to_numpy()])
    return found


def test_a_file_name_keeps_views_of_one_specimen_together():
    found = join(
        stacks("sub/a_1.tif", "a_2.tif", "b.tif"),
        filename=["a_1.tif", "a_2.tif", "gone.tif"],
        specimen_id=["a", "a", "z"],
        sex=["m", "m", "f"],
    )
    assert found.captures["specimen_id"].tolist() == ["a", "a", "b"]
    assert found.captures["sex"].tolist() == ["m", "m", pd.NA]
    assert found.captures["flags"].tolist() == ["", "", "NO_METADATA"]
    assert found.used == (2, 3)
    assert found.unused_rows.to_dict("records") == [
        {"filename": "gone.tif", "code": "NO_CAPTURE", "reason": "row 4 of the metadata met no file"}
    ]


def test_a_row_that_names_a_folder_serves_no_other_folder():
    captures = stacks(*(f"day{day}/IMG_{k}.tif" for day in range(3) for k in range(2)))
    found = join(
        captures,
        filename=[f"day{day}/IMG_{k}.tif" for day in range(2) for k in range(2)],
        species=["s0", "s0", "s1", "s1"],
    )
    assert found.captures["species"].tolist() == ["s0", "s0", "s1", "s1", pd.NA, pd.NA]
    assert found.captures["flags"].tolist() == [""] * 4 + ["NO_METADATA"] * 2
    assert found.describe() == ("4 of 4 rows met a file; 2 of 6 captures have no row: day2/IMG_0, day2/IMG_1")


def test_a_name_that_several_captures_have_serves_none_of_them():
    found = join(stacks("day0/a.tif", "day1/a.tif", "b.tif"), filename=["a.tif", "b.tif"], sex=["m", "f"])
    assert found.captures["sex"].tolist() == [pd.NA, pd.NA, "f"]
    assert found.captures["flags"].tolist() == ["AMBIGUOUS_METADATA", "AMBIGUOUS_METADATA", ""]
    (refusal,) = found.refusals
    assert (refusal.rows, refusal.captures) == ((2,), ("day0/a", "day1/a"))
    assert "row 2 names 'a.tif', which 2 captures are called (day0/a, day1/a)" in refusal.reason
    assert found.unused_rows["code"].tolist() == ["AMBIGUOUS_METADATA"]


def test_ids_with_dots_are_whole_and_a_photograph_without_a_row_takes_no_other():
    captures = stacks(*(f"MUS.{number}.tif" for number in (1001, 1002, 1003)))
    for column in ("filename", "specimen_id"):
        found = join(captures, **{column: ["MUS.1001", "MUS.1002"], "sex": ["m", "f"]})
        assert found.captures["sex"].tolist() == ["m", "f", pd.NA]
        assert found.unlabelled == ("MUS.1003",)


def test_rows_of_one_photograph_that_agree_serve_it_and_others_do_not():
    names = {"filename": ["a.tif", "a.tif", "b.tif", "b.tif"]}
    found = join(stacks("a.tif", "b.tif"), **names, species=["s", "s", "s", "t"], sex=["m", pd.NA, "f", "f"])
    assert found.captures["species"].tolist() == ["s", pd.NA]
    assert found.captures["sex"].tolist() == ["m", pd.NA]
    assert found.used == (2, 3)
    assert "rows 4, 5 are about 'b' and differ in species (s, t)" in found.refusals[0].reason


def test_a_specimen_serves_names_that_go_on_after_a_separator():
    captures = stacks("A1_b.tif", "A12_b.tif", "A1b.tif", "a12.tif")
    found = join(captures, specimen_id=["A1", "A12"], sex=["m", "f"])
    assert found.captures["specimen_id"].tolist() == ["A1", "A12", "A1b", "A12"]
    assert found.captures["sex"].tolist() == ["m", "f", pd.NA, "f"]


def test_a_longer_name_is_no_view_of_a_specimen_that_others_continue():
    captures = stacks("1999-12.tif", "1999-12-3.tif", "1999-12-4.tif", "2000-1-b.tif")
    found = join(captures, specimen_id=["1999-12", "1999-12-3", "2000-1"], sex=["m", "f", "m"])
    assert found.captures["sex"].tolist() == ["m", "f", pd.NA, "m"]


def test_rows_of_one_specimen_are_told_apart_by_the_view_in_the_name():
    captures = stacks("A_dorsal.tif", "A_ventral.tif", "A_3.tif")
    found = join(captures, specimen_id=["A", "A"], view=["dorsal", "ventral"], sex=["m", "m"])
    assert found.captures["view"].tolist() == ["dorsal", "ventral", pd.NA]
    assert found.captures["specimen_id"].tolist() == ["A", "A", "A_3"]
    assert found.captures["flags"].tolist() == ["", "", "AMBIGUOUS_METADATA"]
    assert "differ in view (dorsal, ventral)" in found.refusals[0].reason


def test_a_row_without_a_file_name_is_about_its_specimen():
    found = join(stacks("x.tif", "B.tif"), filename=["x.tif", pd.NA], specimen_id=["A", "B"], sex=["m", "f"])
    assert found.captures["sex"].tolist() == ["m", "f"]


def test_rows_that_meet_nothing_are_told_what_is_near():
    captures = stacks(*(f"{number:06d}.tif" for number in (0, 10, 20)))
    found = join(captures, specimen_id=["0", "10", "20"], sex=["m", "f", "m"])
    assert found.misses[1] == Miss(row=3, name="10", nearest="000010")
    assert found.describe().startswith("0 of 3 rows met a file; nearest: 000000 and 0, 000010 and 10")


@pytest.mark.parametrize("name", ["x", "x_vis.jpg", "x_uv.jpg", "sub/x", "x.jpg"])
def test_a_pair_answers_to_either_file_and_to_what_they_share(name):
    pair = SpecimensParams(rgb_suffix="_vis", uv_suffix="_uv")
    captures = pd.DataFrame(
        {"capture_id": ["x"], "filename": ["sub/x_vis.jpg"], "uv_filename": ["sub/x_uv.jpg"]}
    )
    assert join(captures, pair, filename=[name], sex=["m"]).captures["sex"].tolist() == ["m"]


def test_several_rows_of_pairs_may_be_one_specimen():
    columns = SpecimensParams(root="somewhere", rgb_column="file.vis", uv_column="file.uv")
    captures = pd.DataFrame({"capture_id": ["1", "3", "5"], "filename": ["1.jpg", "3.jpg", "5.jpg"]})
    found = join(
        captures.assign(uv_filename=["2.jpg", "4.jpg", "6.jpg"]),
        columns,
        **{"specimen_id": ["A", "A", "B"], "file.vis": ["1.jpg", "3.jpg", "5.jpg"], "file.uv": list("246")},
        view=["back", "belly", "back"],
    )
    assert found.captures["specimen_id"].tolist() == ["A", "A", "B"]
    assert found.captures["view"].tolist() == ["back", "belly", "back"]


def test_without_metadata_each_capture_is_a_specimen():
    found = join_metadata(stacks("a_1.tif", "b.tif"), None, SpecimensParams(), root=ROOT)
    assert found.captures["specimen_id"].tolist() == ["a_1", "b"]
    assert found.captures["flags"].tolist() == ["", ""]
    assert found.unused_rows.empty


def test_hashes_of_files_go_to_the_captures_that_their_rows_serve_and_are_no_labels(tmp_path):
    root = tmp_path / "photos"
    root.mkdir()
    for name in ("a_v.tif", "a_u.tif", "b_v.tif", "b_u.tif"):
        (root / name).write_bytes(b"")
    settings = SpecimensParams(root=root, rgb_suffix="_v", uv_suffix="_u")
    (root / "metadata.csv").write_text("filename,sex,sha256,uv_sha256\nb_v.tif,m,AB,cd\na_v.tif,f,NA,ef\n")
    listing = list_study(root, settings)
    files = {one.capture_id: one.sha256 for one in capture_files(listing.captures, root)}
    assert files == {"a": (None, "ef"), "b": ("ab", "cd")}
    assert [column.role for column in listing.columns] == ["file", "label", "id", "id"]
