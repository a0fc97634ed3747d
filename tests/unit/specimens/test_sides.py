"""Two sides of one specimen that no label tells apart."""

import pandas as pd
import pytest

from xmodal_pipeline.specimens.sides import describe_unlabelled_sides


@pytest.mark.parametrize(
    ("names", "is_said"),
    [
        (["2023/A12_D.tif", "2024/A12_V.tif"], True),
        (["A12 dorsal.tif", "A12 ventral 2.tif"], True),
        (["A12d.tif", "A12v.tif"], True),
        (["A12_D.tif", "A12_D_2.tif"], False),
        (["A12_1.tif", "A12_2.tif"], False),
        (["A12_D.tif", "A12.tif"], False),
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
