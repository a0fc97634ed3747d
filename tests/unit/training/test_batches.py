"""Who meets in a batch."""

import numpy as np
import pytest

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.training.batches import SpecimenBatches, consecutive


def plan(counts: list[int], batch_size: int, seed: int = 0) -> tuple[SpecimenBatches, dict[int, str]]:
    specimens = [f"s{i}" for i, count in enumerate(counts) for _ in range(count)]
    rows = np.arange(100, 100 + len(specimens))
    return (
        SpecimenBatches(rows, specimens, batch_size=batch_size, seed=seed),
        dict(zip(rows.tolist(), specimens, strict=True)),
    )


@pytest.mark.parametrize("counts", [[1] * 30, [3] * 10, [1, 7, 2, 2, 1, 5] * 3, [9, 1, 1], [2, 2]])
@pytest.mark.parametrize("batch_size", [2, 5, 64])
def test_no_specimen_appears_twice_in_a_batch_and_no_capture_twice_in_an_epoch(counts, batch_size):
    batches, specimen_of = plan(counts, batch_size)
    for epoch in range(3):
        batches.set_epoch(epoch)
        drawn = [rows.tolist() for rows in batches]
        assert len(drawn) == len(batches)
        assert {len(rows) for rows in drawn} == {batches.size}
        assert 2 <= batches.size <= batch_size
        for rows in drawn:
            assert len({specimen_of[row] for row in rows}) == len(rows)
        everything = [row for rows in drawn for row in rows]
        assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("counts", [[1] * 30, [3] * 10, [1, 7, 2, 2, 1, 5] * 3])
def test_processes_together_have_the_batches_of_one(counts, processes):
    whole, specimen_of = plan(counts, 12)
    specimens, rows = list(specimen_of.values()), np.array(list(specimen_of))
    parts = [
        SpecimenBatches(rows, specimens, batch_size=12, seed=0, processes=processes, process=process)
        for process in range(processes)
    ]
    for epoch in range(2):
        for batches in (whole, *parts):
            batches.set_epoch(epoch)
        for of_one, *shares in zip(whole, *parts, strict=True):
            assert len({len(share) for share in shares}) == 1
            together = np.concatenate(shares).tolist()
            # A batch that does not divide among the processes leaves out fewer captures than processes.
            assert set(together) <= set(of_one.tolist())
            assert len(of_one) - len(together) == len(of_one) % processes
            assert len({specimen_of[row] for row in together}) == len(together)


def test_fewer_specimens_than_processes_are_refused():
    with pytest.raises(RunStoppedError, match="training specimens must be at least 3, got 2"):
        SpecimenBatches(np.arange(2), ["a", "b"], batch_size=6, seed=0, processes=3)


def test_every_capture_is_used_where_the_sizes_allow():
    batches, _ = plan([1] * 120, 64)
    assert len(batches) == 2
    assert sorted(np.concatenate(list(batches)).tolist()) == list(range(100, 220))


def test_captures_of_few_specimens_spread_over_several_batches():
    batches, _ = plan([5] * 10, 64)
    assert (len(batches), batches.size) == (5, 10)


def test_left_over_captures_differ_between_epochs():
    batches, _ = plan([1] * 11, 5)
    missing = []
    for epoch in range(8):
        batches.set_epoch(epoch)
        missing.append(frozenset(range(100, 111)) - set(np.concatenate(list(batches)).tolist()))
    assert {len(one) for one in missing} == {2}
    assert len(set(missing)) > 4


def test_the_order_is_a_function_of_seed_and_epoch():
    batches, _ = plan([1] * 12, 4)
    first = np.stack(list(batches))
    batches.set_epoch(1)
    second = np.stack(list(batches))
    batches.set_epoch(0)
    np.testing.assert_array_equal(np.stack(list(batches)), first)
    assert not np.array_equal(first, second)
    assert not np.array_equal(np.stack(list(plan([1] * 12, 4, seed=1)[0])), first)


def test_consecutive_batches_keep_every_row_in_order():
    parts = consecutive(np.array([4, 2, 9, 7, 5]), 2)
    assert [part.tolist() for part in parts] == [[4, 2], [9, 7], [5]]
