import pandas as pd
import pytest

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.specimens.partition import assign_partitions


def make_index(n, species=1, captures=1):
    rows = [(f"s{i}", f"species {i % species}") for i in range(n) for _ in range(captures)]
    return pd.DataFrame(rows, columns=["specimen_id", "species"])


@pytest.mark.parametrize("n", [10, 12, 57, 400])
def test_shares_are_met_within_one_specimen(n):
    counts = assign_partitions(make_index(n), SplitParams())["partition"].value_counts()
    for name, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        assert abs(counts[name] - share * n) <= 1


def test_each_species_keeps_the_shares_within_two_specimens():
    index = make_index(120, species=6)
    table = assign_partitions(index, SplitParams()).merge(index)
    counts = table.groupby(["species", "partition"]).size().unstack()
    assert ((counts["train"] - 14).abs() <= 2).all()
    assert ((counts["test"] - 4).abs() <= 2).all()


def test_captures_of_a_specimen_never_straddle_partitions():
    index = make_index(30, captures=3)
    table = assign_partitions(index, SplitParams())
    assert len(table) == 30
    assert table["specimen_id"].is_unique


def test_the_seed_decides_and_nothing_else_does():
    index = make_index(40)
    first = assign_partitions(index, SplitParams(seed=1))
    assert first.equals(assign_partitions(index, SplitParams(seed=1)))
    assert not first.equals(assign_partitions(index, SplitParams(seed=2)))


def test_held_out_classes_are_never_divided():
    index = make_index(60, species=20)
    table = assign_partitions(index, SplitParams(held_out="species")).merge(index)
    assert (table.groupby("species")["partition"].nunique() == 1).all()


def test_impossible_splits_are_refused():
    with pytest.raises(RunStoppedError, match=r"split.held_out: must be a label of the study, got 'genus'"):
        assign_partitions(make_index(10), SplitParams(held_out="genus"))
    with pytest.raises(RunStoppedError, match=r"every partition must get a specimen, got none in"):
        assign_partitions(make_index(2), SplitParams())
