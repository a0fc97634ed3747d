"""A folder and its table, listed: everything that lies there is in the account."""

import pandas as pd
import pytest

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.listing import account_for, list_study


def study(root, table=None, name="metadata.csv"):
    root.mkdir(exist_ok=True)
    for file in ("a.tif", "b.tif", "b.jpg", "000010.tif"):
        (root / file).write_bytes(b"x")
    (root / "gone.tif").symlink_to(root / "annex/gone.tif")
    if table is not None:
        (root / name).write_text(table)
    return root


def test_found_used_and_left_out_add_up(tmp_path):
    root = study(tmp_path / "root", "Filename;Sex;Alter\na.tif;Male;juv\nb;f;ad\nc.tif;m;ad\n")
    (root / "measures.csv").write_text("x\n")
    listing = list_study(root, SpecimensParams(filter="alter == 'ad' or sex == 'm'"))
    assert listing.captures[["capture_id", "sex", "alter"]].values.tolist() == [
        ["a", "m", "juv"],
        ["b", "f", "ad"],
    ]
    assert sorted(listing.rejected[["filename", "code"]].values.tolist()) == [
        ["000010.tif", "FILTERED"],
        ["b.jpg", "PREVIEW"],
        ["c.tif", "NO_CAPTURE"],
        ["gone.tif", "BROKEN_LINK"],
    ]
    assert listing.describe() == [
        "metadata.csv: filename → file",
        "metadata.csv: sex → label, 2 classes (m 2 [Male], f 1)",
        "metadata.csv: alter → label, 2 classes (ad 2, juv 1)",
        "metadata.csv: 2 of 3 rows met a file; not met: c.tif; 1 of 3 captures have no row: 000010",
        "2 captures to read; left out: 1 BROKEN_LINK, 1 FILTERED, 1 NO_CAPTURE, 1 PREVIEW",
    ]
    assert listing.describe_unused_tables() == "not read: measures.csv; the labels are those of metadata.csv"


def test_a_table_of_another_name_is_named_and_not_taken(tmp_path):
    listing = list_study(study(tmp_path / "root", "filename,sex\na.tif,m\n", "birds.csv"), SpecimensParams())
    assert "sex" not in listing.captures
    assert "set specimens.metadata=birds.csv" in listing.describe_unused_tables()
    listing.check()


def test_a_table_that_meets_no_file_stops_with_the_nearest_names(tmp_path):
    root = study(tmp_path / "root", "specimen_id,sex\n10,m\n")
    with pytest.raises(
        ParametersError, match=r"0 of 1 rows met a file; nearest: 000010 and 10; 3 of 3 captures"
    ):
        list_study(root, SpecimensParams()).check()


def test_guessed_letters_and_two_sides_without_a_view_are_in_the_account(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for name in ("A1_D.tif", "A1_V.tif"):
        (root / name).write_bytes(b"x")
    (root / "metadata.csv").write_bytes("specimen_id;płeć\nA1;f\n".encode("cp1250"))
    lines = list_study(root, SpecimensParams()).describe()
    assert lines[0].startswith("metadata.csv: read as Windows-1252, such as 'p³eæ'")
    assert [one for one in lines if "A1_D.tif and A1_V.tif look like two sides of 'A1'" in one]


def test_what_became_of_every_file_is_one_line():
    index = pd.DataFrame({"flags": ["", "SATURATED;MIRRORED", "MIRRORED"]})
    rejected = pd.DataFrame({"code": ["UNREADABLE", "PREVIEW", "PREVIEW", "NO_CAPTURE"]})
    assert account_for(index, rejected) == (
        "4 captures read: 3 accepted, of which 2 flagged (2 MIRRORED, 1 SATURATED); "
        "1 rejected (1 UNREADABLE); not read: 2 PREVIEW, 1 NO_CAPTURE"
    )
