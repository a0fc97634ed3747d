"""What people read about codes."""

import pytest

from xmodal_pipeline.errors import ADVICE, CaptureCode, Trouble, advise, rejection_summary


def test_every_code_has_advice_and_nothing_else_has():
    assert set(ADVICE) == set(CaptureCode)
    assert advise("DUPLICATE") == "Keep one of the two files."
    assert advise("LEAKAGE") == ""


def test_a_summary_counts_codes_the_most_frequent_first_with_the_first_file_of_each():
    rows = [
        ("a.tif", "BAD_MASK", "three levels"),
        ("b.tif", "DUPLICATE", "as c.tif"),
        ("d.tif", "DUPLICATE", "x"),
    ]
    lines = rejection_summary(rows).splitlines()
    assert lines[:4] == [
        "     2 DUPLICATE: Keep one of the two files.",
        "       b.tif: as c.tif",
        "     1 BAD_MASK: Save the mask with two levels only: background 0.",
        "       a.tif: three levels",
    ]
    assert lines[4].startswith("What ingest made is saved")


def test_where_no_capture_is_left_no_limit_is_to_be_raised():
    last = rejection_summary([("a.tif", "BAD_MASK", "x")], is_all=True).splitlines()[-1]
    assert "the study's name is still free" in last
    assert "max_rejected_share" not in last


def test_troubles_name_their_heading_on_the_page():
    assert Trouble.NOTHING_READ.page == "docs/troubleshooting.md#nothing-read"
    last = rejection_summary([("a.tif", "BAD_MASK", "x")], is_all=True).splitlines()[-1]
    assert last.endswith("More in docs/troubleshooting.md#nothing-read.")


@pytest.mark.parametrize(("reason", "ends_in"), [("x " * 60, "x"), ("x " * 200, "[...]")])
def test_long_reasons_are_cut(reason, ends_in):
    line = rejection_summary([("a.tif", "UNREADABLE", reason)]).splitlines()[1]
    assert line.endswith(ends_in)
    assert len(line) <= 7 + len("a.tif: ") + 240
