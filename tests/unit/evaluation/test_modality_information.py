import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation.modality_information import modality_information


def tables(rgb, uv, species=None):
    """A colour table and an index of one capture per row."""
    rows = [
        (f"c{i}", "whole", modality, f"{modality}{b}", value, 0.1)
        for modality, side in (("rgb", rgb), ("uv", uv))
        for i, means in enumerate(side)
        for b, value in enumerate(means)
    ]
    colour = pd.DataFrame(rows, columns=["capture_id", "patch", "modality", "band", "mean", "sd"])
    ids = [f"c{i}" for i in range(len(rgb))]
    index = pd.DataFrame({"capture_id": ids, "specimen_id": ids})
    return colour, index if species is None else index.assign(species=species)


def test_dimensions_have_their_closed_form():
    flat = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * [3.0, 1.0]  # unrelated, variances 9 : 1
    line = np.arange(4.0)[:, None] * [2.0, -1.0, 2.0]

    table = modality_information(*tables(flat, line)).set_index("modality")

    assert table.loc["rgb", "effective_dimensions"] == pytest.approx(10**2 / (9**2 + 1))
    assert table.loc["rgb", "first_dimension_share"] == pytest.approx(0.9)
    assert table.loc["rgb", "sd"] == pytest.approx(np.sqrt(4 * 10 / 3))
    assert table.loc["uv", "effective_dimensions"] == pytest.approx(1)
    assert table["n_bands"].tolist() == [2, 3]
    assert table[["r2_given_other_within", "r2_given_other_between"]].isna().all(axis=None)


def test_what_the_other_modality_predicts():
    """UV is half a band of RGB and half noise: R² .5; the RGB band is half of RGB's variance: R² .25."""
    rng = np.random.default_rng(0)
    rgb = rng.normal(size=(4000, 2))
    uv = rgb[:, :1] + rng.normal(size=(4000, 1))

    table = modality_information(*tables(rgb, uv)).set_index("modality")

    assert table.loc["uv", "r2_given_other_within"] == pytest.approx(0.5, abs=0.03)
    assert table.loc["rgb", "r2_given_other_within"] == pytest.approx(0.25, abs=0.03)


def test_share_among_species_and_repeated_captures():
    means = np.array([[1.0], [3.0], [5.0], [7.0]])
    colour, index = tables(means, means, species=["x", "x", "y", "y"])
    again = colour.assign(capture_id=colour["capture_id"] + "_b")
    both = pd.concat([index, index.assign(capture_id=index["capture_id"] + "_b")], ignore_index=True)

    table = modality_information(pd.concat([colour, again], ignore_index=True), both)

    # Species means 2 and 6 about 4: 16 of a total of 20.
    assert table["among_species_share"].tolist() == pytest.approx([0.8, 0.8])
    assert table["n_specimens"].tolist() == [4, 4]


def test_too_few_specimens_and_constant_colour_have_no_numbers():
    few = modality_information(*tables(np.ones((2, 3)), np.ones((2, 1))))
    constant = modality_information(*tables(np.ones((9, 3)), np.ones((9, 1))))

    assert few[["sd", "effective_dimensions"]].isna().all(axis=None)
    assert constant["sd"].tolist() == [0, 0]
    assert constant["effective_dimensions"].isna().all()


def test_a_study_whose_captures_were_all_rejected_has_no_rows():
    index = pd.DataFrame({"capture_id": [], "specimen_id": []})

    assert modality_information(pd.DataFrame([]), index).empty
