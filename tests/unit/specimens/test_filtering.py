"""The filter compares, and does nothing else."""

import pandas as pd
import pytest

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.specimens.filtering import apply_filter, check_filter

CAPTURES = pd.DataFrame(
    {
        "capture_id": list("abcd"),
        "filename": list("abcd"),
        "uv_filename": "",
        "specimen_id": ["1", "1", "2", "3"],
        "sex": ["m", "f", None, "f"],
        "life stage": ["adult", "adult", "adult", None],
        "year": ["1899", "1950", "2001", "1950"],
        "elevation": ["80", "1000", "9", "10500.5"],
        "date": ["2024-05-09", "2024-05-10", "2025-01-01", None],
    },
    dtype="string",
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sex == 'm'", "a"),
        ("sex == 'M'", "a"),
        ("sex in ['m', 'f']", "abd"),
        ("`life stage` == 'adult' and sex == 'f'", "b"),
        ("`life stage` == 'adult' and not `life stage` != 'Adult'", "abc"),
        ("year >= '1950' or sex == 'm'", "abcd"),
        ("'1900' < year < '2000'", "bd"),
        ("1900 < year < 2000", "bd"),
        ("year in [1950, 2001]", "bcd"),
        ("elevation >= '1000'", "bd"),
        ("elevation >= 1000", "bd"),
        ("elevation < 1000", "ac"),
        ("elevation == '80.0'", "a"),
        ("elevation > -1", "abcd"),
        ("Elevation != 80", "bcd"),
        ("`Life Stage` == 'adult'", "abc"),
        ("date > '2024-05-09'", "bc"),
        ("not specimen_id == '01'", "abcd"),  # ids are names: 01 is not 1
        ("specimen_id not in ('1',) and filename == 'd'", "d"),
        # A missing label is neither equal nor unequal to anything.
        ("sex != 'm'", "bd"),
        ("not sex == 'm'", "bd"),
        ("sex not in ['m']", "bd"),
        ("sex == sex", "abd"),
        ("sex == 'm' or year == '2001'", "ac"),
    ],
)
def test_a_query_selects_captures_and_names_the_rest(query, expected):
    kept, left_out = apply_filter(CAPTURES, query)
    assert "".join(kept["capture_id"]) == expected
    assert kept.index.tolist() == list(range(len(expected)))
    assert set(left_out["filename"]) == set("abcd") - set(expected)
    assert set(left_out["code"]) <= {"FILTERED"}
    assert all(repr(query) in reason for reason in left_out["reason"])


def test_without_a_query_every_capture_stays():
    kept, left_out = apply_filter(CAPTURES, None)
    assert len(kept) == 4
    assert left_out.empty


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "must be a query"),
        ("sex ==", "must be a query"),
        ("@pd.io.common", "must be a query"),
        ("sex", "must compare labels with values"),
        ("sex = 'm'", "must be a query"),
        ("sex.__class__ == 'm'", "must compare labels with values"),
        ("sex.to_csv('stolen.csv') == 'm'", "must compare labels with values"),
        ("__import__('os').system('true') == 'm'", "must compare labels with values"),
        ("[x for x in sex] == 'm'", "must compare labels with values"),
        ("sex @ sex == 'm'", "must compare labels with values"),
        ("'m' == 'm'", "must compare labels with values"),
        ("sex in 'mf'", "'in' must stand between a label and a list"),
        ("sex in [year]", "a list must hold text in quotes, or numbers"),
        ("sex < 'm'", "'sex' holds text, which has no order"),
        ("stage == 'adult'", r"must name columns of the metadata \[.*'sex'.*\], not stage"),
    ],
)
def test_what_is_no_comparison_is_refused_before_the_run(query, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParametersError, match=f"specimens.filter: {message}"):
        check_filter(query, list(CAPTURES.columns))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("sex > 'f'", "'sex' holds text, which has no order: use == or in"),
        ("'f' < sex", "'sex' holds text, which has no order"),
        ("sex == 1", "'sex' holds text: its values must stand in quotes"),
        ("specimen_id == 1", "'specimen_id' holds text: its values must stand in quotes"),
        ("year < 'old'", "'year' holds text, which has no order"),
    ],
)
def test_text_has_no_order_and_is_no_number(query, message):
    with pytest.raises(ParametersError, match=f"specimens.filter: {message}"):
        apply_filter(CAPTURES, query)


def test_a_query_that_selects_nothing_says_so():
    with pytest.raises(ParametersError, match="must select captures, got none of 4"):
        apply_filter(CAPTURES, "sex == 'male'")
