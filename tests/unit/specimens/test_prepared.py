"""Prepared captures: their statistics against the naive sum, and what does not fit together."""

from dataclasses import replace

import numpy as np
import pytest

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.imaging.preparation import PreparedCapture
from xmodal_pipeline.specimens.prepared import ChannelSums, Prepared, channel_statistics


def captures(n, seed=0):
    rng = np.random.default_rng(seed)
    rgb, uv = rng.normal(0.4, 0.1, (n, 3, 8, 8)), rng.normal(0.2, 0.05, (n, 1, 8, 8))
    masks = (rng.random((n, 2, 8, 8)) < 0.5).astype(np.uint8)
    return rgb.astype(np.float16), uv.astype(np.float16), masks


def rows(rgb, uv, masks):
    return [PreparedCapture(*one) for one in zip(rgb, uv, masks, strict=True)]


def prepared(n=3):
    names = tuple(f"c{i}" for i in range(n))
    parts = ("train", "test", "train")[:n]
    return Prepared(*captures(n), names, names, parts, {}, ("R", "G", "B"), ("UV",), is_calibrated=True)


def test_statistics_are_those_of_the_foreground_alone():
    rgb, uv, masks = captures(6)
    found = channel_statistics(rows(rgb, uv, masks))
    for channel, (name, images) in enumerate({"rgb": rgb, "uv": uv}.items()):
        for band in range(images.shape[1]):
            pixels = images[:, band][masks[:, channel] == 1].astype(np.float64)
            assert found[name]["mean"][band] == pytest.approx(pixels.mean(), rel=1e-10)
            assert found[name]["sd"][band] == pytest.approx(pixels.std(), rel=1e-8)


def test_statistics_do_not_depend_on_how_the_captures_come_in():
    """To the last bit: a checkpoint carries them."""
    every = rows(*captures(600))
    sums = ChannelSums()
    for start in range(0, 600, 37):
        sums.add(every[start : start + 37])
    assert sums.statistics() == channel_statistics(every)


def test_sums_are_taken_over_256_captures_at_a_time():
    """Another size would change the last bits of statistics that checkpoints already carry."""
    rgb, uv, masks = captures(600)
    rgb = (rgb * 10.0 ** np.random.default_rng(1).uniform(-6, 0, rgb.shape)).astype(
        np.float16
    )  # inexact sums
    total, squares, n = np.zeros(3), np.zeros(3), 0
    for start in range(0, 600, 256):
        block = slice(start, start + 256)
        pixels = rgb[block].astype(np.float64).transpose(0, 2, 3, 1)[masks[block, 0].astype(bool)]
        total, squares, n = total + pixels.sum(0), squares + (pixels**2).sum(0), n + len(pixels)
    found = channel_statistics(rows(rgb, uv, masks))["rgb"]
    assert found["mean"] == (total / n).tolist()
    assert found["sd"] == np.sqrt(squares / n - (total / n) ** 2).tolist()


def test_a_band_without_spread_is_refused():
    one = PreparedCapture(np.full((1, 4, 4), 0.5), np.full((1, 4, 4), 0.5), np.ones((2, 4, 4)))
    with pytest.raises(RunStoppedError, match="every rgb band must vary over the training foreground"):
        channel_statistics([one, one])


def test_rows_of_a_partition():
    assert prepared().rows_of("train").tolist() == [0, 2]
    assert prepared().rows_of("validation").tolist() == []


@pytest.mark.parametrize(
    "changes", [{"capture_ids": ("c0", "c1")}, {"partitions": ("train",) * 4}, {"uv_bands": ("UV1", "UV2")}]
)
def test_rows_and_bands_must_fit(changes):
    with pytest.raises(ValueError, match=r"every array must have a row per capture .*pipelines split"):
        replace(prepared(), **changes)


def test_the_fingerprint_sees_names_partitions_and_pixels():
    one = prepared()
    assert prepared().fingerprint() == one.fingerprint()
    brighter = one.rgb.copy()
    brighter[1] += 1
    for changes in ({"rgb": brighter}, {"specimen_ids": ("a",) * 3}, {"partitions": ("test",) * 3}):
        assert replace(one, **changes).fingerprint() != one.fingerprint()
