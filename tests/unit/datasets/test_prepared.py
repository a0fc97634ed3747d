"""Prepared captures on disk: whole or not there, and row by row what went in."""

import numpy as np
import pytest
from kedro.io import DatasetError

from xmodal_pipeline.datasets.prepared import PreparedDataset
from xmodal_pipeline.specimens.prepared import Manifest, PreparedBlock

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


def block(start, stop, *, plus=0):
    rows = slice(start, stop)
    return PreparedBlock(
        start, 5, RGB[rows] + plus, UV[rows], MASKS[rows], MANIFEST if stop == len(RGB) else None
    )


def test_blocks_come_back_as_memory_maps_with_their_manifest(tmp_path):
    dataset = PreparedDataset(filepath=str(tmp_path / "prepared"))
    for bounds in [(0, 2), (2, 4), (4, 5)]:
        assert not dataset.exists()
        dataset.save(block(*bounds))
    prepared = PreparedDataset(filepath=str(tmp_path / "prepared")).load()
    for found, expected in ((prepared.rgb, RGB), (prepared.uv, UV), (prepared.masks, MASKS)):
        assert isinstance(found, np.memmap)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    assert prepared.manifest == MANIFEST
    assert prepared.statistics["rgb"]["mean"][2] == 1 / 3
    assert [path.name for path in tmp_path.iterdir()] == ["prepared"]


def test_an_interrupted_write_leaves_the_finished_one(tmp_path):
    dataset = PreparedDataset(filepath=str(tmp_path / "prepared"))
    dataset.save(block(0, 5))
    dataset.save(block(0, 3, plus=1))
    np.testing.assert_array_equal(dataset.load().rgb, RGB)
    dataset.save(block(0, 5, plus=2))
    np.testing.assert_array_equal(dataset.load().rgb, RGB + 2)


def test_blocks_out_of_order_are_refused(tmp_path):
    dataset = PreparedDataset(filepath=str(tmp_path / "prepared"))
    dataset.save(block(0, 2))
    with pytest.raises(DatasetError, match="blocks must come in row order, got row 4 after 2 rows"):
        dataset.save(block(4, 5))
