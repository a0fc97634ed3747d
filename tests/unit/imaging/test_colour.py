from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.imaging.colour import catch_rows, colour_features, colour_rows, list_regions
from xmodal_pipeline.imaging.receptors import ReceptorModel
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import LAYOUTS, BandLayout, SpecimensParams

LAYOUT = BandLayout(name="two", order=("R", "G", "U"), rgb=("R", "G"), uv=("U",))
SAME = np.eye(3)


def capture():
    """Two by three pixels; the last is background."""
    mask = np.array([[True, True, True], [True, True, False]])
    red = [[1, 2, 3], [4, 5, 99]]
    green = [[10, 10, 10], [10, 10, 99]]
    uv = [[0, 0, 1], [1, 3, 99]]
    bands = np.array([red, green, uv], dtype=np.float32)
    return Capture(rgb=bands[:2], uv=bands[2:], rgb_mask=mask, uv_mask=mask)


def study_of(layout):
    opened = open_study(Path(), SpecimensParams(layout=layout, mask="none", scale="unit"), [])
    return opened.model_copy(update={"colour_units": "relative"})


def measure(photographed, layout=LAYOUT, patches=None, to_uv=SAME):
    regions = list_regions(photographed, patches or {}, to_uv)
    identity = {"capture_id": "c1", "specimen_id": "s1"}
    return pd.DataFrame(colour_rows(photographed, regions, identity, study_of(layout)))


def test_rows_of_a_hand_made_capture():
    rows = measure(capture())

    expected = pd.DataFrame(
        [
            ("c1", "s1", "whole", "rgb", "R", 3, 2**0.5, 1.2, 2, 3, 4, 4.8, 5, "relative"),
            ("c1", "s1", "whole", "rgb", "G", 10, 0, 10, 10, 10, 10, 10, 5, "relative"),
            ("c1", "s1", "whole", "uv", "U", 1, 1.2**0.5, 0, 0, 1, 1, 2.6, 5, "relative"),
        ],
        columns=[
            *("capture_id", "specimen_id", "patch", "modality", "band", "mean", "sd"),
            *("q05", "q25", "q50", "q75", "q95", "n_px", "units"),
        ],
    )
    pd.testing.assert_frame_equal(rows, expected, check_dtype=False, rtol=1e-6)


def test_quantiles_agree_with_numpy():
    rng = np.random.default_rng(0)
    bands = rng.random((6, 31, 17), dtype=np.float32)
    mask = rng.random((31, 17)) < 0.6
    photographed = Capture(rgb=bands[:3], uv=bands[3:], rgb_mask=mask, uv_mask=mask)

    rows = measure(photographed, LAYOUTS["rgb_uv_mask"])

    for row, band in zip(rows.to_dict("records"), bands, strict=True):
        expected = np.quantile(band[mask].astype(np.float64), [0.05, 0.25, 0.5, 0.75, 0.95])
        assert [row[f"q{q}"] for q in ("05", "25", "50", "75", "95")] == pytest.approx(expected, rel=1e-6)
        assert row["sd"] == pytest.approx(band[mask].std(dtype=np.float64), rel=1e-5)


def test_patches_count_inside_the_mask_may_overlap_and_come_after_the_whole():
    patches = {"wing": np.array([1, 2]), "body": np.array([2, 3, 4, 5])}

    rows = measure(capture(), patches=patches)
    red = rows[rows["band"] == "R"]

    assert red["patch"].tolist() == ["whole", "wing", "body"]
    assert red["mean"].tolist() == [3, 2.5, 4]
    assert red["n_px"].tolist() == [5, 2, 3]


def test_a_patch_outside_the_mask_has_no_row():
    rows = measure(capture(), patches={"4": np.array([5])})

    assert set(rows["patch"]) == {"whole"}


def shifted(dx, dy):
    matrix = np.eye(3)
    matrix[:2, 2] = dx, dy
    return matrix


def test_uv_is_measured_where_it_lies():
    rng = np.random.default_rng(0)
    scene = rng.random((20, 30)).astype(np.float32)
    mask = np.zeros((20, 30), bool)
    mask[5:15, 6:22] = True
    wing = np.flatnonzero(mask & (np.arange(30) < 10))
    lies = np.roll(scene, (-2, 3), axis=(0, 1))  # UV lies 3 px to the right and 2 px up
    moved = Capture(rgb=np.stack([scene, scene]), uv=lies[None], rgb_mask=mask, uv_mask=mask)

    rows = measure(moved, patches={"wing": wing}, to_uv=shifted(2.8, -2.3)).set_index(["patch", "band"])
    naive = measure(moved, patches={"wing": wing}).set_index(["patch", "band"])

    for patch in ("whole", "wing"):
        assert rows.loc[(patch, "U"), "mean"] == rows.loc[(patch, "R"), "mean"]
        assert rows.loc[(patch, "U"), "q25"] == rows.loc[(patch, "R"), "q25"]
    assert naive.loc[("wing", "U"), "mean"] != naive.loc[("wing", "R"), "mean"]


def test_places_beyond_the_frame_of_uv_are_left_out():
    one = capture()

    rows = measure(one, to_uv=shifted(1, 0)).set_index("band")

    # UV at the right of (0, 0), (0, 1), (1, 0), (1, 1); (0, 2) lies beyond.
    assert rows.loc["U", "n_px"] == 4
    assert rows.loc["U", "mean"] == pytest.approx((0 + 1 + 3 + 99) / 4)
    assert rows.loc["R", "n_px"] == 5


def test_catches_pair_each_place_with_its_own_uv():
    one = capture()
    product = ReceptorModel(("p",), (("R", "U"),), np.array([[1.0]]))
    regions = list_regions(one, {"2": np.array([0, 2])}, shifted(1, 0))

    rows = catch_rows(one, regions, {"capture_id": "c"}, study_of(LAYOUT), product, factor=10)

    assert [(row["patch"], row["n_px"]) for row in rows] == [("whole", 4), ("2", 1)]
    # R times the UV to its right, each in tenths.
    assert rows[0]["p_catch"] == pytest.approx(100 * (1 * 0 + 2 * 1 + 4 * 3 + 5 * 99) / 4)
    assert rows[1]["p_catch"] == 0


def test_pairs_are_measured_each_in_its_own_mask():
    one = capture()
    uv_mask = np.array([[False, False, False], [False, True, False]])
    pair = Capture(rgb=one.rgb, uv=one.uv, rgb_mask=one.rgb_mask, uv_mask=uv_mask)

    rows = measure(pair, patches={"wing": np.array([0])}, to_uv=None)

    assert rows[["band", "patch", "n_px"]].to_numpy().tolist() == [
        ["R", "whole", 5],
        ["G", "whole", 5],
        ["R", "wing", 1],
        ["G", "wing", 1],
        ["U", "whole", 1],
    ]
    assert rows["mean"].iloc[-1] == rows["q05"].iloc[-1] == 3


def table(rows):
    columns = ["capture_id", "specimen_id", "patch", "modality", "band", "mean", "sd"]
    return pd.DataFrame(rows, columns=columns)


def test_features_are_the_mean_and_spread_of_the_whole_specimen_per_capture():
    rows = [
        ("c1", "s2", "whole", "rgb", "R", 0.2, 0.01),
        ("c1", "s2", "whole", "rgb", "G", 0.4, 0.02),
        ("c1", "s2", "whole", "uv", "U", 0.1, 0.05),
        ("c2", "s1", "whole", "rgb", "R", 0.6, 0.03),
        ("c2", "s1", "whole", "rgb", "G", 0.8, 0.04),
        ("c2", "s1", "whole", "uv", "U", 0.3, 0.07),
        ("c3", "s2", "whole", "rgb", "R", 0.4, 0.03),
        ("c3", "s2", "whole", "rgb", "G", 0.6, 0.04),
        ("c3", "s2", "whole", "uv", "U", 0.5, 0.01),
        ("c3", "s2", "1", "uv", "U", 9.0, 9.0),
    ]

    rgb, uv = colour_features(table(rows))

    assert list(rgb.columns) == ["R_mean", "G_mean", "R_sd", "G_sd"]
    assert rgb.index.tolist() == ["c1", "c2", "c3"]
    np.testing.assert_allclose(rgb.loc["c3"], [0.4, 0.6, 0.03, 0.04])
    np.testing.assert_allclose(rgb.loc["c2"], [0.6, 0.8, 0.03, 0.04])
    np.testing.assert_allclose(uv.loc["c3"], [0.5, 0.01])
    np.testing.assert_allclose(uv.loc["c2"], [0.3, 0.07])


def test_a_capture_without_a_band_is_an_error():
    rows = [
        ("c1", "s1", "whole", "rgb", "R", 0.2, 0.01),
        ("c1", "s1", "whole", "rgb", "G", 0.4, 0.02),
        ("c2", "s2", "whole", "rgb", "R", 0.2, 0.01),
    ]

    with pytest.raises(ValueError, match=r"every capture must have the rgb bands \['R', 'G'\].*\['c2'\]"):
        colour_features(table(rows))
