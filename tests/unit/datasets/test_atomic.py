import pandas as pd
import pytest

from xmodal_pipeline.datasets.atomic import AtomicJSONDataset, AtomicParquetDataset, AtomicTextDataset


class Unwritable:
    """Fails in the middle of every kind of serialisation."""


@pytest.mark.parametrize(
    ("dataset_type", "good", "bad"),
    [
        (AtomicJSONDataset, {"a": 1}, {"a": 1, "b": Unwritable()}),
        (AtomicTextDataset, "good", Unwritable()),
        (AtomicParquetDataset, pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [Unwritable()]})),
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
