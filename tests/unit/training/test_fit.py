"""Training itself: it learns, it stays in its folder, and an interruption leaves no trace in the weights."""

import logging
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from xmodal_pipeline.errors import OutputHeldError, RunStoppedError
from xmodal_pipeline.locks import hold_outputs
from xmodal_pipeline.params.train import LossParams
from xmodal_pipeline.training import Checkpoint, fit
from xmodal_pipeline.training.module import ContrastiveTraining
from xmodal_pipeline.training.run_state import WholeFiles

ADAPTIVE = LossParams(adaptive_temperature=True, curriculum="linear")


def same_weights(one: Checkpoint, other: Checkpoint) -> bool:
    return one.tensors.keys() == other.tensors.keys() and all(
        torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items()
    )


class Interrupted(Exception):
    """Stands for a kill inside the process."""


def interrupt_at(monkeypatch: pytest.MonkeyPatch, batch: int, by: type[BaseException] = Interrupted) -> None:
    """Fail in the given batch of training, counted over all epochs."""
    seen = []
    step = ContrastiveTraining.training_step

    def failing(self, views, batch_idx):
        if len(seen) == batch:
            raise by
        seen.append(batch_idx)
        return step(self, views, batch_idx)

    monkeypatch.setattr(ContrastiveTraining, "training_step", failing)


@pytest.mark.parametrize("name", ["separate", "rgb_only", "uv_only"])
def test_training_lowers_the_loss_below_chance(make_config, make_prepared, tmp_path, name):
    result = fit(make_config(name, max_epochs=30, batch_size=12, lr=3e-3), make_prepared(), tmp_path)
    history = result.history
    assert history["epoch"].tolist() == list(range(30))
    assert history["step"].tolist() == list(range(1, 31))
    modality = "uv" if name == "uv_only" else "rgb"
    # Projections without information give ln(2N − 1) among N = 12 captures in two views.
    assert history[f"loss_intra_{modality}"].iloc[-1] < 0.75 * np.log(23)
    terms = {"intra_rgb", "intra_uv", "cross_modal", "joint"} if name == "separate" else {f"intra_{modality}"}
    logged = {column for column in history if column.startswith("loss_")}
    assert logged == {f"loss_{term}" for term in terms}
    # The schedule ends one step above 0, where half a cosine over the steps after warm-up has got to.
    warm_up, last = 2, 29
    expected = 3e-3 * (1 + np.cos(np.pi * (last - warm_up) / (30 - warm_up))) / 2
    assert history["lr"].iloc[-1] == pytest.approx(expected)


def test_everything_is_written_inside_the_state_folder(make_config, make_prepared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(make_config(max_epochs=1), make_prepared(), tmp_path / "state")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    names = {path.name for path in (tmp_path / "state").iterdir()}
    assert names == {"state.ckpt", "history.csv", "tensorboard"}


def test_two_runs_with_one_seed_are_identical_and_another_seed_differs(make_config, make_prepared, tmp_path):
    prepared = make_prepared()
    torch.manual_seed(1)
    one = fit(make_config(max_epochs=2), prepared, tmp_path / "one")
    torch.manual_seed(2)
    before = torch.get_rng_state()
    two = fit(make_config(max_epochs=2), prepared, tmp_path / "two")
    assert torch.equal(before, torch.get_rng_state())
    other = fit(make_config(max_epochs=2, seed=1), prepared, tmp_path / "other")
    assert same_weights(one.checkpoint, two.checkpoint)
    assert not same_weights(one.checkpoint, other.checkpoint)


@pytest.mark.parametrize("batch", [0, 1, 3, 4, 5])
def test_an_interrupted_run_ends_in_the_same_weights(
    make_config, make_prepared, tmp_path, monkeypatch, batch
):
    config, prepared = make_config(loss=ADAPTIVE, max_epochs=3), make_prepared()
    whole = fit(config, prepared, tmp_path / "whole", save_every_s=0)
    with monkeypatch.context() as patched:
        interrupt_at(patched, batch)
        with pytest.raises(Interrupted):
            fit(config, prepared, tmp_path / "parts", save_every_s=0)
    resumed = fit(config, prepared, tmp_path / "parts", save_every_s=0)
    assert same_weights(whole.checkpoint, resumed.checkpoint)
    columns = [name for name in whole.history.columns if name != "seconds"]
    pd.testing.assert_frame_equal(whole.history[columns], resumed.history[columns], check_exact=True)


def test_resuming_repeats_no_finished_epoch(make_config, make_prepared, tmp_path, monkeypatch):
    config, prepared = make_config(max_epochs=3), make_prepared()
    with monkeypatch.context() as patched:
        interrupt_at(patched, 5)
        with pytest.raises(Interrupted):
            fit(config, prepared, tmp_path, save_every_s=0)
    steps = []
    step = ContrastiveTraining.training_step
    monkeypatch.setattr(
        ContrastiveTraining, "training_step", lambda *args: steps.append(args[0].current_epoch) or step(*args)
    )
    fit(config, prepared, tmp_path, save_every_s=0)
    assert steps == [2, 2]


def test_ctrl_c_says_where_the_run_stands(make_config, make_prepared, tmp_path, monkeypatch, caplog):
    with monkeypatch.context() as patched:
        interrupt_at(patched, 5, KeyboardInterrupt)
        patched.setattr("signal.signal", lambda *_: None)  # Lightning would leave the tests without Ctrl-C
        with pytest.raises(SystemExit):
            fit(make_config(max_epochs=3), make_prepared(), tmp_path, save_every_s=0)
    said = [record.getMessage() for record in caplog.records if "interrupted" in record.getMessage()]
    assert said == [
        f"separate: interrupted in epoch 3 of 3; 2 are saved in {tmp_path}: "
        "the same command goes on from there"
    ]


def test_accumulation_validation_and_dropout_survive_an_interruption(
    make_config, make_prepared, tmp_path, monkeypatch
):
    cached = {"accumulation": 2, "gradient_cache_chunks": 2}
    config = make_config(backbone="test_vit", max_epochs=3, patience=3, **cached)
    prepared = make_prepared(train=18, validation=20)
    whole = fit(config, prepared, tmp_path / "whole", save_every_s=0)
    with monkeypatch.context() as patched:
        interrupt_at(patched, 7)
        with pytest.raises(Interrupted):
            fit(config, prepared, tmp_path / "parts", save_every_s=0)
    resumed = fit(config, prepared, tmp_path / "parts", save_every_s=0)
    assert whole.history["step"].tolist() == [2, 4, 6]
    assert whole.history["validation_recall_at_1"].notna().all()
    assert same_weights(whole.checkpoint, resumed.checkpoint)


def test_a_state_is_written_whole_or_not_at_all(make_config, make_prepared, tmp_path, monkeypatch):
    config, prepared = make_config(max_epochs=2), make_prepared()
    whole = fit(config, prepared, tmp_path / "whole", save_every_s=0)
    save = torch.save
    saves = []

    def breaks_half_way(state, file):
        saves.append(1)
        if len(saves) == 2:
            file.write(b"half a state")
            raise Interrupted
        save(state, file)

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", breaks_half_way)
        with pytest.raises(Interrupted):
            fit(config, prepared, tmp_path / "parts", save_every_s=0)
    resumed = fit(config, prepared, tmp_path / "parts", save_every_s=0)
    assert same_weights(whole.checkpoint, resumed.checkpoint)


KILLED_RUN = """
import os, pickle, signal, sys
from pathlib import Path
from xmodal_pipeline.training import fit
from xmodal_pipeline.training.module import ContrastiveTraining

folder = Path(sys.argv[1])
config, prepared = pickle.loads((folder / "run.pickle").read_bytes())
seen, step = [], ContrastiveTraining.training_step

def dies(self, views, batch_idx):
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    seen.append(batch_idx)
    return step(self, views, batch_idx)

ContrastiveTraining.training_step = dies
fit(config, prepared, folder / "state", save_every_s=0)
"""


RESUMED_RUN = """
import pickle, sys
from pathlib import Path
from xmodal_pipeline.training import fit

folder = Path(sys.argv[1])
config, prepared = pickle.loads((folder / "run.pickle").read_bytes())
for name in ("state", "whole"):
    fit(config, prepared, folder / name).checkpoint.to_file(folder / f"{name}.safetensors")
"""


@pytest.mark.slow
def test_a_killed_process_leaves_a_state_that_ends_in_the_same_weights(make_config, make_prepared, tmp_path):
    """Every run is a process of its own, as a user's is: libraries of other tests may round otherwise."""
    import pickle

    (tmp_path / "run.pickle").write_bytes(pickle.dumps((make_config(loss=ADAPTIVE), make_prepared())))
    killed, resumed = (
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, check=False)
        for code in (KILLED_RUN, RESUMED_RUN)
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert resumed.returncode == 0, resumed.stderr.decode()
    finished = [Checkpoint.from_file(tmp_path / f"{name}.safetensors") for name in ("state", "whole")]
    assert same_weights(*finished)


def test_changed_parameters_are_refused_by_name(make_config, make_prepared, tmp_path, monkeypatch):
    prepared = make_prepared()
    with monkeypatch.context() as patched:
        interrupt_at(patched, 3)
        with pytest.raises(Interrupted):
            fit(make_config(), prepared, tmp_path, save_every_s=0)
    changed = make_config(lr=5e-4, loss=LossParams(temperature=0.2))
    pattern = r"unfinished run .*loss\.temperature \(0\.1 before, 0\.2 now\); config\.training\.lr \("
    with pytest.raises(RunStoppedError, match=pattern):
        fit(changed, prepared, tmp_path)
    with pytest.raises(RunStoppedError, match=r"differing captures\.pixels"):
        fit(make_config(), make_prepared(seed=1), tmp_path)


def test_a_finished_run_is_returned_as_it_is(make_config, make_prepared, tmp_path, monkeypatch):
    prepared = make_prepared()
    first = fit(make_config(max_epochs=1), prepared, tmp_path / "state")
    with monkeypatch.context() as patched:
        interrupt_at(patched, 0)
        again = fit(make_config(max_epochs=1), prepared, tmp_path / "state")
        elsewhere = fit(make_config(max_epochs=1, devices=2), prepared, tmp_path / "state")
    assert same_weights(first.checkpoint, elsewhere.checkpoint)
    assert same_weights(first.checkpoint, again.checkpoint)
    assert len(again.history) == 1


def test_a_finished_run_of_other_parameters_is_kept_beside_and_taken_back(
    make_config, make_prepared, tmp_path, monkeypatch, caplog
):
    prepared, state = make_prepared(), tmp_path / "state"
    first = fit(make_config(max_epochs=1), prepared, state)
    (tmp_path / "state.1").mkdir()
    (tmp_path / "state.1" / "state.ckpt").write_bytes(b"of another version")
    other = fit(make_config(max_epochs=2), prepared, state)
    assert len(other.history) == 2
    assert f"max_epochs (1 before, 2 now); it is kept in {tmp_path / 'state.2'}" in caplog.text
    with monkeypatch.context() as patched:
        interrupt_at(patched, 0)
        again = fit(make_config(max_epochs=1), prepared, state)
    assert same_weights(first.checkpoint, again.checkpoint)
    kept = fit(make_config(max_epochs=2), prepared, state)
    assert same_weights(other.checkpoint, kept.checkpoint)
    assert (tmp_path / "state.1" / "state.ckpt").read_bytes() == b"of another version"


def test_a_state_that_another_run_saved_meanwhile_is_not_taken_for_this_runs(
    make_config, make_prepared, tmp_path, monkeypatch
):
    def train_another(config, prepared, path, identity, **options):
        state = {"identity": identity | {"captures": {"captures": 7}}, "finished": True}
        WholeFiles().save_checkpoint({"callbacks": {"RunState": state}}, path)

    monkeypatch.setattr(sys.modules["xmodal_pipeline.training.fit"], "train", train_another)
    with pytest.raises(RunStoppedError, match=r"must be the one that this run saved, got differing captures"):
        fit(make_config(), make_prepared(), tmp_path)


def test_two_trainings_in_one_folder_are_refused(make_config, make_prepared, tmp_path):
    held = hold_outputs([tmp_path / "state"])
    with held, pytest.raises(OutputHeldError, match=r"state': must be made by one run at a time"):
        fit(make_config(), make_prepared(), tmp_path / "state")


def test_a_foreign_state_is_refused(make_config, make_prepared, tmp_path):
    (tmp_path / "state.ckpt").write_bytes(b"not a state")
    with pytest.raises(RunStoppedError, match=r"training: state '.*state\.ckpt' must be one that this"):
        fit(make_config(), make_prepared(), tmp_path)
    torch.save({"model": 1}, tmp_path / "state.ckpt")
    with pytest.raises(RunStoppedError, match=r"must be one that this pipeline wrote"):
        fit(make_config(), make_prepared(), tmp_path)


def test_states_hold_tensors_and_plain_values_only(tmp_path):
    torch.save({"path": Path("x")}, tmp_path / "state.ckpt")
    with pytest.raises(Exception, match="weights_only"):
        WholeFiles().load_checkpoint(tmp_path / "state.ckpt")


def test_validation_chooses_the_epoch_and_stops_early(make_config, make_prepared, tmp_path, monkeypatch):
    monkeypatch.setattr("xmodal_pipeline.training.module.retrieval_score", lambda *_: next(scores))
    monkeypatch.setattr(
        "xmodal_pipeline.training.module.ContrastiveTraining.take_epoch", lambda self: {"loss": 1.0}
    )
    from xmodal_pipeline.training.validation import RetrievalScore

    # Of 20 specimens, 0.4 has a standard error of 0.11: the third epoch is as good, the fourth is not.
    measured = [(0.1, 0.6), (0.4, 0.7), (0.3, 0.6), (0.28, 0.9), (0.3, 0.9)]
    scores = iter([RetrievalScore(*s) for s in measured])
    prepared = make_prepared(train=6, validation=20)
    stopped = fit(make_config(max_epochs=5, patience=2), prepared, tmp_path / "stopped")
    assert stopped.history["validation_recall_at_1"].tolist() == [0.1, 0.4, 0.3, 0.28]
    monkeypatch.undo()
    kept = {name: t for name, t in stopped.checkpoint.tensors.items() if name.endswith("num_batches_tracked")}
    # One batch per epoch: weights of the third epoch have seen three.
    assert {int(count) for count in kept.values()} == {3}
    assert stopped.history["is_kept"].tolist() == [False, False, True, False]


def test_a_state_of_an_earlier_version_is_refused(make_config, make_prepared, tmp_path):
    fit(make_config(max_epochs=1), make_prepared(), tmp_path)
    state = torch.load(tmp_path / "state.ckpt", weights_only=True)
    del state["callbacks"]["RunState"]["chosen_epoch"]
    torch.save(state, tmp_path / "state.ckpt")
    with pytest.raises(RunStoppedError, match=r"must be one that this pipeline wrote, got KeyError"):
        fit(make_config(max_epochs=1), make_prepared(), tmp_path)


def test_too_few_validation_specimens_keep_the_last_epoch_and_say_so(
    make_config, make_prepared, tmp_path, caplog
):
    with caplog.at_level(logging.INFO):
        result = fit(make_config(max_epochs=1), make_prepared(train=6, validation=19), tmp_path)
    assert "separate: 19 validation specimens are too few" in caplog.text
    assert result.history["validation_recall_at_1"].isna().all()


def test_fewer_specimens_than_a_batch_train_in_a_smaller_one(make_config, make_prepared, tmp_path, caplog):
    result = fit(make_config(max_epochs=2, batch_size=64), make_prepared(train=3), tmp_path)
    assert "batch_size 64 exceeds the 3 training specimens" in caplog.text
    assert result.history["step"].tolist() == [1, 2]


def test_one_training_specimen_is_refused(make_config, make_prepared, tmp_path):
    with pytest.raises(RunStoppedError, match=r"number of training specimens must be at least 2, got 1"):
        fit(make_config(), make_prepared(train=1), tmp_path)


def test_test_specimens_never_matter(make_config, make_prepared, tmp_path):
    prepared = make_prepared(train=6, test=4)
    test_rows = prepared.rows_of("test")
    one = fit(make_config(max_epochs=1), prepared, tmp_path / "one")
    prepared.rgb[test_rows] = 0.9
    other = fit(make_config(max_epochs=1), prepared, tmp_path / "other")
    assert same_weights(one.checkpoint, other.checkpoint)


@pytest.mark.parametrize("precision", ["bf16-mixed"])
def test_mixed_precision_trains(make_config, make_prepared, tmp_path, precision):
    result = fit(make_config(max_epochs=1, precision=precision), make_prepared(train=6), tmp_path)
    assert np.isfinite(result.history["loss"]).all()
    assert np.isfinite(result.history["grad_norm_uv"]).all()
