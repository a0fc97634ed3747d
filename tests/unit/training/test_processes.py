"""Several processes: what a machine cannot do, how they are started, and that they train what one would."""

import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from timm.layers.norm_act import convert_sync_batchnorm

from xmodal_pipeline.params.train import LossParams, TrainingParams
from xmodal_pipeline.training import fit
from xmodal_pipeline.training.module import ContrastiveTraining
from xmodal_pipeline.training.processes import Order, array_files, check_hardware, torchrun_command

ROOT = Path(__file__).parents[3]


@pytest.fixture
def gpus(monkeypatch):
    def have(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return have


def test_more_devices_than_gpus_are_refused(gpus):
    gpus(1)
    with pytest.raises(ValueError, match="devices must not exceed the 1 GPUs of this machine, got 2"):
        check_hardware(TrainingParams(devices=2))


def test_without_a_gpu_devices_are_processes(gpus):
    gpus(0)
    check_hardware(TrainingParams(devices=2))


def test_nodes_need_slurm(gpus, monkeypatch):
    gpus(0)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(ValueError, match="nodes must be 1 outside a SLURM allocation, got 2"):
        check_hardware(TrainingParams(nodes=2))
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    check_hardware(TrainingParams(nodes=2))


def test_half_precision_needs_a_gpu(gpus):
    gpus(0)
    with pytest.raises(ValueError, match="precision '16-mixed' must run on a GPU"):
        check_hardware(TrainingParams(precision="16-mixed"))
    gpus(1)
    check_hardware(TrainingParams(precision="16-mixed"))


def test_compilation_needs_a_compiler(gpus, monkeypatch, tmp_path):
    gpus(0)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"compile must be false without a C\+\+ compiler"):
        check_hardware(TrainingParams(compile=True))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"devices": 3}, "batch_size must be a multiple of devices × nodes = 3, got 32"),
        ({"devices": 2, "nodes": 3}, "devices × nodes = 6"),
        ({"devices": 2, "gradient_cache_chunks": 17}, "must not exceed the 16 captures of a device, got 17"),
    ],
)
def test_parts_of_a_batch_must_be_equal(params, message):
    with pytest.raises(ValueError, match=message):
        TrainingParams(**params)


def test_an_order_is_read_as_it_was_written(make_config, make_prepared, tmp_path):
    prepared, config = make_prepared(), make_config(devices=2)
    order = Order(
        config=config,
        identity={"config": config.model_dump(mode="json")},
        state=tmp_path / "state.ckpt",
        save_every_s=0.5,
        arrays=array_files(prepared, tmp_path),
        manifest=prepared.manifest,
    )
    order.write(tmp_path)
    read = Order.read(tmp_path)
    assert read == order
    assert read.prepared().fingerprint() == prepared.fingerprint()


def test_arrays_on_disk_are_not_copied(make_prepared, tmp_path):
    prepared = make_prepared()
    (tmp_path / "prepared").mkdir()
    for name in ("rgb", "uv"):
        np.save(tmp_path / "prepared" / f"{name}.npy", getattr(prepared, name))
    rgb, uv = (np.load(tmp_path / "prepared" / f"{name}.npy", mmap_mode="r") for name in ("rgb", "uv"))
    # In another order than the file's: not what its name stands for.
    mixed = replace(prepared, rgb=rgb, uv=uv[::-1])
    files = array_files(mixed, tmp_path)
    assert files["rgb"] == tmp_path / "prepared" / "rgb.npy"
    assert files["uv"] == tmp_path / "uv.npy"
    np.testing.assert_array_equal(np.load(files["uv"]), mixed.uv)


def test_one_machine_runs_torchrun(tmp_path):
    command = torchrun_command(TrainingParams(devices=2), tmp_path, "separate")
    assert command[:3] == [sys.executable, "-m", "torch.distributed.run"]
    assert command[3:] == [
        "--nproc_per_node=2",
        "--standalone",
        "-m",
        "xmodal_pipeline.training.processes",
        str(tmp_path),
    ]


def test_several_nodes_meet_where_slurm_put_this_process(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("MASTER_ADDR", "node3")
    monkeypatch.delenv("MASTER_PORT", raising=False)
    command = torchrun_command(TrainingParams(devices=4, nodes=2), tmp_path, "concat")
    assert command[:4] == ["srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1"]
    assert {
        "--nproc_per_node=4",
        "--nnodes=2",
        "--rdzv_backend=c10d",
        "--rdzv_endpoint=node3:29500",
        "--rdzv_id=17-concat",
    } <= set(command)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet"])
def test_shared_statistics_change_neither_outputs_nor_names(make_config, backbone):
    training = ContrastiveTraining(make_config(backbone=backbone), batches_per_epoch=1).eval()
    images = torch.randn(2, 3, 32, 32), torch.randn(2, 2, 32, 32)
    names = list(training.state_dict())
    before = training.model(*images).projections["rgb"]
    convert_sync_batchnorm(training.model)
    kinds = {type(one).__name__ for one in training.modules()}
    assert not {"BatchNorm2d", "BatchNormAct2d"} & kinds
    assert list(training.state_dict()) == names
    torch.testing.assert_close(training.model(*images).projections["rgb"], before)


@pytest.mark.slow
def test_two_processes_train_what_one_does(make_config, make_prepared, tmp_path, caplog):
    """The history, not the weights: Adam turns rounding of gradients near 0 into steps."""
    prepared = make_prepared(train=12, validation=20)
    loss = LossParams(adaptive_temperature=True)
    run = {"backbone": "test_vit", "max_epochs": 2, "batch_size": 6, "loss": loss}
    one = fit(make_config(**run), prepared, tmp_path / "one")
    with caplog.at_level(logging.INFO):
        two = fit(make_config(**run, devices=2, gradient_cache_chunks=2), prepared, tmp_path / "two")
    assert "separate: training in 2 processes" in caplog.text
    columns = [name for name in one.history.columns if name not in ("seconds", "joint")]
    pd.testing.assert_frame_equal(two.history[columns], one.history[columns], rtol=2e-4, atol=1e-6)
    assert {path.name for path in (tmp_path / "two").iterdir()} == {
        "state.ckpt",
        "history.csv",
        "tensorboard",
    }


@pytest.mark.slow
def test_processes_and_chunks_have_the_gradients_of_the_whole_batch():
    script = str(ROOT / "benchmarks" / "exactness.py")
    run = subprocess.run([sys.executable, script, "--short"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 processes" in run.stdout
