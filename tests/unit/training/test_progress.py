"""The bar of a training: how long it is, and where a resumed run stands on it."""

from types import SimpleNamespace

import pytest

from xmodal_pipeline.training import progress
from xmodal_pipeline.training.module import ContrastiveTraining
from xmodal_pipeline.training.progress import StepBar, in_minutes


@pytest.mark.parametrize(("epoch", "is_first", "done", "disable"), [(0, True, 0, None), (2, False, 10, True)])
def test_the_bar_counts_the_batches_of_all_epochs(make_config, monkeypatch, epoch, is_first, done, disable):
    opened = {}
    monkeypatch.setattr(progress, "tqdm", lambda **given: opened.update(given))
    module = ContrastiveTraining(make_config(max_epochs=3), batches_per_epoch=5)
    StepBar().on_train_start(SimpleNamespace(current_epoch=epoch, is_global_zero=is_first), module)
    assert opened == {"total": 15, "initial": done, "desc": "separate", "unit": "batch", "disable": disable}


def test_the_whole_is_foretold_by_the_pace_of_a_few_steps(make_config, monkeypatch, caplog):
    caplog.set_level("INFO")
    now = iter(range(0, 1000, 16))  # 2 s a step
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(progress, "tqdm", lambda **_: SimpleNamespace(update=lambda: None))
    module = ContrastiveTraining(make_config(max_epochs=30), batches_per_epoch=5)
    bar, trainer = StepBar(), SimpleNamespace(current_epoch=10, is_global_zero=True)
    bar.on_train_start(trainer, module)
    for _ in range(20):
        bar.on_train_batch_end(trainer, module)
    assert [record.getMessage() for record in caplog.records] == [
        "separate: 20 epochs of 5 batches left on cpu, about 3 min"
    ]


def test_times_are_said_in_seconds_below_two_minutes():
    assert [in_minutes(seconds) for seconds in (0.2, 89.4, 91)] == ["about 1 s", "about 89 s", "about 2 min"]
