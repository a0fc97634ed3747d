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


def test_no_cell_and_no_column_name_of_a_csv_is_a_formula(tmp_path):
    harmful = ["=1+1", "+cmd|' /C calc'!A0", "-1+2", "@SUM(A1)", "\tx", "\rx", "-inf", "+"]
    harmless = ["a=b", "-1.5", "+2e-3", "-.5", "'=x", " =x", None, ""]
    table = pd.DataFrame({"text": [*harmful, *harmless], "number": np.arange(-8.0, 8.0), "=name": "x"})
    kind = pd.CategoricalDtype(["=A1", "plain"])
    table["class"] = pd.Categorical(["=A1", "plain"] * 8, dtype=kind)
    before = table.copy()

    dataset = AtomicCSVDataset(filepath=str(tmp_path / "file.csv"))
    dataset.save(table)

    pd.testing.assert_frame_equal(table, before)
    read = pd.read_csv(tmp_path / "file.csv", keep_default_na=False, dtype=str, lineterminator="\n")
    assert list(read) == ["text", "number", "'=name", "class"]
    assert read["text"].tolist() == [f"'{one}" for one in harmful] + [one or "" for one in harmless]
    assert read["number"].astype(float).tolist() == before["number"].tolist()
    assert set(read["class"]) == {"'=A1", "plain"}
