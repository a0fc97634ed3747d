"""Two sides of one specimen that no label tells apart."""

import pandas as pd
import pytest

from xmodal_pipeline.specimens.sides import are_two_sides, describe_unlabelled_sides


@pytest.mark.parametrize(
    ("names", "is_said"),
    [
        (["2023/A12_D.tif", "2024/A12_V.tif"], True),
        (["A12 dorsal.tif", "A12 ventral 2.tif"], True),
        (["A12d.tif", "A12v.tif"], True),
        (["A12_D.tif", "A12_D_2.tif"], False),
        (["A12_1.tif", "A12_2.tif"], False),
        (["A12_D.tif", "A12.tif"], False),
        (["A12_dorsal_left.tif", "A12_dorsal_right.tif"], True),
        (["A12_dorsal.tif", "A12_dorsal_left.tif"], False),
        (["A12_d.tif", "A12_dorsal.tif"], False),
        (["A12_top.tif", "A12_upper.tif"], False),
        (["DSC1_d.tif", "DSC2_v.tif"], False),
        (["DSC1_dorsal.tif", "DSC2_ventral.tif"], True),
        (["D_1_A12_v.tif", "D_2_A12_v.tif"], False),
        (["IMG_1_A12_d.tif", "IMG_2_A12_v.tif"], True),
        (["d_A12.tif", "v_A12.tif"], False),
        (["dorsal/A12.tif", "ventral/A12.tif"], True),
        (["A12/d.tif", "A12/v.tif"], True),
        (["left/A12.tif", "left/A12_d.tif"], False),
        (["XA12_d.tif", "XA12_v.tif"], False),
    ],
)
def test_names_of_one_specimen_that_end_in_two_sides_are_said(names, is_said):
    table = pd.DataFrame({"specimen_id": ["A12"] * len(names), "filename": names})
    said = describe_unlabelled_sides(table)
    assert said.startswith(f"{names[0]} and {names[1]} look like two sides of 'A12'") == is_said
    assert bool(said) == is_said
    assert describe_unlabelled_sides(table.assign(view=["d", "v"])) == ""


def test_sides_of_different_specimens_are_no_repeats():
    table = pd.DataFrame({"specimen_id": ["A1", "B2"], "filename": ["A1_D.tif", "B2_V.tif"]})
    assert describe_unlabelled_sides(table) == ""


def test_only_captures_without_a_view_can_be_repeats_by_mistake():
    names = ["A1_D.tif", "A1_V.tif"]
    table = pd.DataFrame({"specimen_id": ["A1", "A1"], "filename": names, "view": [pd.NA, pd.NA]})
    assert describe_unlabelled_sides(table).startswith("A1_D.tif and A1_V.tif look like two sides")
    assert describe_unlabelled_sides(table.assign(view=["d", pd.NA])) == ""


@pytest.mark.parametrize(
    ("first", "second", "are_two"),
    [
        ("D", "V", True),
        ("d", "dorsal", False),
        ("left", "right", True),
        ("d", "uv", False),
        ("a", "b", False),
    ],
)
def test_words_for_two_sides(first, second, are_two):
    assert are_two_sides(first, second) == are_two_sides(second, first) == are_two
