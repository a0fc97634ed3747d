"""Memory is said before captures are read, and decides how many are read at once."""

import logging

import numpy as np
import pytest
import tifffile
from PIL import Image

from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.tiff import ImageHeader
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens import workers
from xmodal_pipeline.specimens.workers import bytes_per_worker, count_workers

STACK = ImageHeader("TIFF", 7, 8_000, 12_000, "uint16")
RGB, UV = ImageHeader("JPEG", 3, 10, 20, "uint8"), ImageHeader("TIFF", 1, 30, 20, "uint8")
PROCESS = 300 * 2**20


def test_a_worker_takes_floats_of_every_band_and_room_to_work_or_what_is_stored_twice():
    plain = SpecimensParams()
    assert bytes_per_worker([STACK], plain) == PROCESS + 96_000_000 * (4 * 7 + 2 * 14)
    assert bytes_per_worker([RGB, UV], plain) == PROCESS + 600 * (4 * 4 + 16)
    deep = [RGB._replace(dtype="float64"), UV]
    assert bytes_per_worker(deep, plain) == PROCESS + 600 * (4 * 4 + 3 * 8 + 1)


@pytest.mark.parametrize(
    "settings",
    [SpecimensParams(encoding="srgb"), SpecimensParams(root=".", encoding="linear", grey_standards="g.csv")],
)
def test_linearised_and_calibrated_bands_take_more(settings):
    assert bytes_per_worker([RGB, UV], settings) == PROCESS + 600 * (10 * 4 + 16)


@pytest.mark.parametrize(("free_captures", "expected"), [(0.5, 1), (2.4, 1), (2.6, 2), (30, 6), (None, 6)])
def test_as_many_workers_as_asked_for_and_no_more_than_there_is_memory_for(
    tmp_path, monkeypatch, caplog, free_captures, expected
):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((7, 30, 20), np.uint16), photometric="minisblack")
    (tmp_path / "b.tif").write_bytes(b"no image, and the largest file" * 10_000)
    files = [CaptureFiles(name, name, tmp_path / f"{name}.tif") for name in ("a", "b", "gone")]
    needed = PROCESS + 600 * (28 + 28)
    free = None if free_captures is None else int(free_captures * needed)
    monkeypatch.setattr(workers, "free_bytes", lambda: free)
    with caplog.at_level(logging.INFO):
        assert count_workers(files, SpecimensParams(), 6) == expected
    is_said = any("20 × 30 pixels take about 0.3 GiB" in text for text in caplog.messages)
    assert is_said == (expected < 6)
    assert any("close programs" in text for text in caplog.messages) == (free_captures == 0.5)


def test_of_a_pair_both_photographs_count(tmp_path, monkeypatch):
    for name in ("a_v.png", "a_u.png"):
        Image.fromarray(np.zeros((30, 20, 3), np.uint8)).save(tmp_path / name)
    settings = SpecimensParams(rgb_suffix="_v", uv_suffix="_u")
    pair = CaptureFiles("a", "a", tmp_path / "a_v.png", tmp_path / "a_u.png")
    needed = PROCESS + 600 * (4 * 6 + 16)
    monkeypatch.setattr(workers, "free_bytes", lambda: int(needed * 2 / 0.8) + 1000)
    assert count_workers([pair], settings, 6) == 2
    monkeypatch.setattr(workers, "free_bytes", lambda: int(needed * 2 / 0.8) - 1000)
    assert count_workers([pair], settings, 6) == 1
    assert count_workers([], settings, 3) == 3
