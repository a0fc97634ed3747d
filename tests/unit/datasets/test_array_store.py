import numpy as np
import pytest
from kedro.io import DatasetError

from xmodal_pipeline.datasets.array_store import ArrayStoreDataset
from xmodal_pipeline.specimens.stores import ArrayStore, StoreBlock

DATA = np.arange(5 * 2 * 3, dtype=np.float16).reshape(5, 2, 3)
IDS = tuple("abcde")


def block(start, stop):
    return StoreBlock(start, 5, IDS[start:stop], DATA[start:stop])


def test_blocks_come_back_as_one_memory_mapped_array(tmp_path):
    dataset = ArrayStoreDataset(filepath=str(tmp_path / "store"))
    for bounds in [(0, 2), (2, 4), (4, 5)]:
        assert not dataset.exists()
        dataset.save(block(*bounds))
    store = dataset.load()
    assert isinstance(store.array, np.memmap)
    assert store.capture_ids == IDS
    assert np.array_equal(store[:], DATA)
    assert np.array_equal(np.asarray(store), DATA)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_an_interrupted_write_leaves_the_finished_store(tmp_path):
    dataset = ArrayStoreDataset(filepath=str(tmp_path / "store"))
    dataset.save(StoreBlock(0, 5, IDS, DATA))
    dataset.save(StoreBlock(0, 5, IDS[:3], DATA[:3] + 1))
    assert np.array_equal(dataset.load()[:], DATA)
    dataset.save(StoreBlock(0, 5, IDS, DATA + 2))
    assert np.array_equal(dataset.load()[:], DATA + 2)


def test_blocks_out_of_order_are_refused(tmp_path):
    dataset = ArrayStoreDataset(filepath=str(tmp_path / "store"))
    dataset.save(block(0, 2))
    with pytest.raises(DatasetError, match="blocks must come in row order, got row 4 after 2 rows"):
        dataset.save(block(4, 5))


def test_a_store_knows_the_capture_of_every_row():
    with pytest.raises(ValueError, match="one entry per row, got 2 for 5 rows"):
        ArrayStore(("a", "b"), DATA)
