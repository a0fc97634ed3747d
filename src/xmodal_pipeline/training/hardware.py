"""Whether this machine can do what the section `training` asks of it; asked before anything is read."""

import importlib.util
import os
import shutil

import torch

from xmodal_pipeline.params.train import TrainingParams

SLURM_JOB = "SLURM_JOB_ID"
"""Set by SLURM in every process of an allocation."""
_COMPILERS = ("c++", "g++", "clang++", "cl")


def check_hardware(training: TrainingParams) -> None:
    """Refuse what would fail, or quietly become something else, once training has begun.

    Raises:
        ValueError: for more devices than GPUs, nodes without SLURM, half precision without a GPU, or
            compilation without a compiler.
    """
    has_gpu = torch.cuda.is_available()
    gpus = torch.cuda.device_count()
    if has_gpu and training.devices > gpus:
        raise ValueError(
            f"training: devices must not exceed the {gpus} GPUs of this machine, got {training.devices}; "
            f"set training.devices: {gpus}"
        )
    if training.nodes > 1 and SLURM_JOB not in os.environ:
        raise ValueError(
            f"training: nodes must be 1 outside a SLURM allocation, got {training.nodes}; "
            f"submit with 'sbatch --nodes={training.nodes}', or set training.nodes: 1"
        )
    if training.precision == "16-mixed" and not has_gpu:
        raise ValueError(
            "training: precision '16-mixed' must run on a GPU, got none; "
            "set training.precision: bf16-mixed or 32"
        )
    if training.compile:
        _check_compiler(has_gpu=has_gpu)


def _check_compiler(*, has_gpu: bool) -> None:
    compiler = os.environ.get("CXX")
    if not any(shutil.which(name) for name in ((compiler,) if compiler else _COMPILERS)):
        raise ValueError(
            f"training: compile must be false without a C++ compiler, got none of "
            f"{[compiler] if compiler else list(_COMPILERS)}; install one, or set training.compile: false"
        )
    if has_gpu and importlib.util.find_spec("triton") is None:
        raise ValueError(
            "training: compile must be false on a GPU without triton, got none; "
            "install it with torch's own wheels, or set training.compile: false"
        )
