import numpy as np
import pytest

from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.specimens.band_histograms import BINS, count_capture, count_values, sum_histograms


def test_every_pixel_inside_the_mask_is_in_its_bin():
    values = np.array([[-0.1, 0.0, 1 / 64, 0.999, 1.0, 1 + 2**-23, 7.0, 0.5]], dtype=np.float32)
    counts = count_values(values[:, None, :], np.array([[True] * 7 + [False]]))[0]
    assert counts.sum() == 7
    assert {int(i): int(counts[i]) for i in np.flatnonzero(counts)} == {0: 1, 1: 1, 2: 1, 64: 2, 65: 2}


def test_bins_are_those_of_numpy():
    values = np.random.default_rng(0).random((2, 30, 40)).astype(np.float32)
    counts = count_values(values, np.ones((30, 40), dtype=bool))
    for band, own in zip(values, counts, strict=True):
        np.testing.assert_array_equal(own[1:-1], np.histogram(band, BINS, range=(0, 1))[0])


def make_capture(level, size):
    mask = np.ones((size, size), dtype=bool)
    rgb = np.stack([np.full((size, size), value, np.float32) for value in (level, 0.5, 1.2)])
    return Capture(rgb, rgb[:1] * 0 - 0.1, mask, mask)


def test_captures_add_up_and_saturation_is_weighted_by_pixels():
    bands = [("rgb", "R"), ("rgb", "G"), ("rgb", "B"), ("uv", "UV1")]
    captures = [
        (
            count_capture(make_capture(level, size)),
            [{"modality": m, "band": b, "saturated_share": share if b == "R" else 0.0} for m, b in bands],
        )
        for level, size, share in ((0.1, 10, 0.0), (0.99, 20, 0.5))
    ]
    table = sum_histograms(captures)
    assert len(table) == len(bands) * (BINS + 2)
    totals = table.groupby("band")["n_px"].sum()
    assert (totals == 500).all()
    red = table[table["band"] == "R"]
    assert red.loc[red["n_px"] > 0, ["low", "n_px"]].to_numpy().tolist() == [[6 / 64, 100], [63 / 64, 400]]
    assert red["saturated_share"].iloc[0] == pytest.approx(0.4)
    blue, uv = (table[(table["band"] == band) & (table["n_px"] > 0)].iloc[0] for band in ("B", "UV1"))
    assert (blue["low"], blue["high"]) == (1, np.inf)
    assert (uv["low"], uv["high"]) == (-np.inf, 0)


def test_no_capture_makes_an_empty_table_with_its_columns():
    table = sum_histograms([])
    assert table.empty
    assert list(table.columns) == ["modality", "band", "low", "high", "n_px", "saturated_share"]
