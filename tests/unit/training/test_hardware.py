"""What a machine cannot do is refused with the reason."""

import pytest
import torch

from xmodal_pipeline.params.train import TrainingParams
from xmodal_pipeline.training.hardware import check_hardware


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
