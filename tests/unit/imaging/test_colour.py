import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.imaging.colour import colour_features, colour_rows
from xmodal_pipeline.params.ingest import LAYOUTS, BandLayout

LAYOUT = BandLayout(name="two", order=("R", "G", "U"), rgb=("R", "G"), uv=("U",))


def capture():
    """Two by three pixels; the last is background."""
    mask = np.array([[True, True, True], [True, True, False]])
    red = [[1, 2, 3], [4, 5, 99]]
    green = [[10, 10, 10], [10, 10, 99]]
    uv = [[0, 0, 1], [1, 3, 99]]
    bands = np.array([red, green, uv], dtype=np.float32)
    return Capture(rgb=bands[:2], uv=bands[2:], rgb_mask=mask, uv_mask=mask)


def test_rows_of_a_hand_made_capture():
    rows = pd.DataFrame(colour_rows(capture(), "c1", "s1", LAYOUT, "relative", None))

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

    rows = colour_rows(photographed, "c", "s", LAYOUTS["rgb_uv_mask"], "reflectance", None)

    for row, band in zip(rows, bands, strict=True):
        expected = np.quantile(band[mask].astype(np.float64), [0.05, 0.25, 0.5, 0.75, 0.95])
        assert [row[f"q{q}"] for q in ("05", "25", "50", "75", "95")] == pytest.approx(expected, rel=1e-6)
        assert row["sd"] == pytest.approx(band[mask].std(dtype=np.float64), rel=1e-5)


def test_patches_count_inside_the_mask_and_the_whole_comes_first():
    patches = np.array([[0, 2, 2], [7, 7, 7]])

    rows = pd.DataFrame(colour_rows(capture(), "c", "s", LAYOUT, "relative", patches))
    red = rows[rows["band"] == "R"]

    assert red["patch"].tolist() == ["whole", "2", "7"]
    assert red["mean"].tolist() == [3, 2.5, 4.5]
    assert red["n_px"].tolist() == [5, 2, 2]


def test_a_patch_outside_the_mask_has_no_row():
    patches = np.array([[0, 0, 0], [0, 0, 4]])

    rows = colour_rows(capture(), "c", "s", LAYOUT, "relative", patches)

    assert {row["patch"] for row in rows} == {"whole"}


def test_patches_of_another_size_are_an_error():
    with pytest.raises(
        ValueError, match=r"capture 'c': patches must have height and width \(2, 3\), got \(3, 2\)"
    ):
        colour_rows(capture(), "c", "s", LAYOUT, "relative", np.zeros((3, 2), dtype=int))


def test_pairs_are_measured_each_in_its_own_mask():
    one = capture()
    uv_mask = np.array([[False, False, False], [False, True, False]])
    pair = Capture(rgb=one.rgb, uv=one.uv, rgb_mask=one.rgb_mask, uv_mask=uv_mask)

    rows = colour_rows(pair, "c", "s", LAYOUT, "relative", None)

    assert [(row["band"], row["n_px"]) for row in rows] == [("R", 5), ("G", 5), ("U", 1)]
    assert rows[2]["mean"] == rows[2]["q05"] == 3


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
