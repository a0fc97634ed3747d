import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from xmodal_pipeline.datasets.atomic import (
    AtomicCSVDataset,
    AtomicJSONDataset,
    AtomicParquetDataset,
    AtomicTextDataset,
    OptionalParquetDataset,
)


class Unwritable:
    """Fails in the middle of every kind of serialisation."""


@pytest.mark.parametrize(
    ("dataset_type", "good", "bad"),
    [
        (AtomicJSONDataset, {"a": 1}, {"a": 1, "b": Unwritable()}),
        (AtomicTextDataset, "good", Unwritable()),
        (AtomicParquetDataset, pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [Unwritable()]})),
        (AtomicCSVDataset, pd.DataFrame({"a": [1]}), Unwritable()),
    ],
)
def test_a_failed_save_leaves_the_good_file(tmp_path, dataset_type, good, bad):
    dataset = dataset_type(filepath=str(tmp_path / "file"))
    dataset.save(good)
    before = (tmp_path / "file").read_bytes()
    with pytest.raises(Exception, match=r"."):
        dataset.save(bad)
    assert (tmp_path / "file").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_json_refuses_what_is_no_number_and_says_where(tmp_path):
    dataset = AtomicJSONDataset(filepath=str(tmp_path / "file"))
    dataset.save({"a": [1, None]})
    with pytest.raises(DatasetError, match=r"must be finite, got b\[1\].mrr = nan, c = inf; write null"):
        dataset.save({"b": [0.5, {"mrr": float("nan")}], "c": np.float64("inf")})
    assert dataset.load() == {"a": [1, None]}
    assert dataset.preview() == '{"a": [1, null]}'


def test_an_optional_table_loads_empty_until_its_file_is_there(tmp_path):
    dataset = OptionalParquetDataset(filepath=str(tmp_path / "table.parquet"))
    assert dataset.exists()
    assert dataset.load().empty
    table = pd.DataFrame({"sd": [0.1]})
    AtomicParquetDataset(filepath=str(tmp_path / "table.parquet")).save(table)
    pd.testing.assert_frame_equal(dataset.load(), table)
