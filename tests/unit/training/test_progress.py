"""The bar of a training: how long it is, and where a resumed run stands on it."""

from types import SimpleNamespace

import pytest

from xmodal_pipeline.training import progress
from xmodal_pipeline.training.module import ContrastiveTraining
from xmodal_pipeline.training.progress import StepBar


@pytest.mark.parametrize(("epoch", "is_first", "done", "disable"), [(0, True, 0, None), (2, False, 10, True)])
def test_the_bar_counts_the_batches_of_all_epochs(make_config, monkeypatch, epoch, is_first, done, disable):
    opened = {}
    monkeypatch.setattr(progress, "tqdm", lambda **given: opened.update(given))
    module = ContrastiveTraining(make_config(max_epochs=3), batches_per_epoch=5)
    StepBar().on_train_start(SimpleNamespace(current_epoch=epoch, is_global_zero=is_first), module)
    assert opened == {"total": 15, "initial": done, "desc": "separate", "unit": "batch", "disable": disable}
