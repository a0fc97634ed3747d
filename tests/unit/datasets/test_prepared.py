"""Prepared captures on disk: whole or not there, and row by row what went in."""

import os

import numpy as np
import pytest
from kedro.io import DatasetError

from xmodal_pipeline.datasets.prepared import PreparedDataset
from xmodal_pipeline.specimens.prepared import Manifest, PreparedBlock, PreparedBlocks

RGB = np.arange(5 * 3 * 4 * 4, dtype=np.float16).reshape(5, 3, 4, 4)
UV = -RGB[:, :2]
MASKS = (RGB[:, :2] % 2).astype(np.uint8)
MANIFEST = Manifest(
    capture_ids=tuple("abcde"),
    specimen_ids=tuple("uuvwx"),
    partitions=("train", "train", "validation", "test", "train"),
    statistics={
        "rgb": {"mean": [0.1, 0.2, 1 / 3], "sd": [1, 2, 3]},
        "uv": {"mean": [0.4, 0.5], "sd": [4, 5]},
    },
    rgb_bands=("R", "G", "B"),
    uv_bands=("UV1", "UV2"),
    is_calibrated=True,
)


SHAPES = {"rgb": RGB.shape, "uv": UV.shape, "masks": MASKS.shape}


def block(start, stop, *, plus=0):
    rows = slice(start, stop)
    return PreparedBlock(RGB[rows] + plus, UV[rows], MASKS[rows], MANIFEST if stop == len(RGB) else None)


def blocks(*made):
    return PreparedBlocks(SHAPES, lambda: iter(made))


def test_blocks_come_back_as_memory_maps_with_their_manifest(tmp_path):
    dataset = PreparedDataset(filepath=str(tmp_path / "prepared"))
    assert not dataset.exists()
    dataset.save(blocks(block(0, 2), block(2, 4), block(4, 5)))
    prepared = PreparedDataset(filepath=str(tmp_path / "prepared")).load()
    for found, expected in ((prepared.rgb, RGB), (prepared.uv, UV), (prepared.masks, MASKS)):
        assert isinstance(found, np.memmap)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    assert prepared.manifest == MANIFEST
    assert prepared.statistics["rgb"]["mean"][2] == 1 / 3
    assert [path.name for path in tmp_path.iterdir()] == ["prepared"]


@pytest.mark.parametrize("made", [(block(0, 3, plus=1),), (block(0, 3, plus=1), block(0, 5, plus=1))])
def test_blocks_that_are_not_as_many_as_announced_leave_the_finished_ones(tmp_path, made):
    dataset = PreparedDataset(filepath=str(tmp_path / "prepared"))
    dataset.save(blocks(block(0, 5)))
    with pytest.raises(DatasetError, match=r"must be 5 rows and end with a manifest, got [38] rows"):
        dataset.save(blocks(*made))
    np.testing.assert_array_equal(dataset.load().rgb, RGB)
    dataset.save(blocks(block(0, 5, plus=2)))
    np.testing.assert_array_equal(dataset.load().rgb, RGB + 2)


def test_room_is_taken_before_the_first_block_is_made(tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(os, "posix_fallocate", lambda file, start, size: taken.append((start, size)))

    def make():
        assert taken == [(0, 128 + array.nbytes) for array in (RGB, UV, MASKS)]
        yield block(0, 5)

    PreparedDataset(filepath=str(tmp_path / "prepared")).save(PreparedBlocks(SHAPES, make))
    assert len(taken) == 3
