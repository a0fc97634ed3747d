"""Training in several processes: whether this machine can, what each is told, and how they start and end.

torchrun starts this file once per device: `python -m xmodal_pipeline.training.processes FOLDER`.
"""

import importlib.util
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.train import TrainingParams
from xmodal_pipeline.specimens.prepared import Manifest, Prepared
from xmodal_pipeline.training.config import FitConfig
from xmodal_pipeline.training.process import train

logger = logging.getLogger(__name__)

_ORDER_FILE = "order.json"
_SLURM_JOB = "SLURM_JOB_ID"
"""Set by SLURM in every process of an allocation."""
_COMPILERS = ("c++", "g++", "clang++", "cl")
_MODULE = "xmodal_pipeline.training.processes"
_PORT = "29500"
"""torchrun's own default; MASTER_PORT replaces it."""


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
    if training.nodes > 1 and _SLURM_JOB not in os.environ:
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


class Order(ParamsModel):
    """One run, as its processes read it from a folder that all of them see."""

    config: FitConfig
    identity: dict[str, Any]
    """What the saved state is compared with when the run is taken up again."""
    state: Path
    save_every_s: float
    arrays: dict[str, Path]
    """NPY files by `rgb`, `uv`, `masks`."""
    manifest: Manifest

    def prepared(self) -> Prepared:
        """The captures, memory-mapped."""
        arrays = {
            name: np.load(file, mmap_mode="r", allow_pickle=False) for name, file in self.arrays.items()
        }
        return Prepared(**arrays, **dict(self.manifest))

    def write(self, folder: Path) -> None:
        """Leave the order in a folder."""
        (folder / _ORDER_FILE).write_text(self.model_dump_json())

    @classmethod
    def read(cls, folder: Path) -> "Order":
        """The order that `write` left."""
        return cls.model_validate_json((folder / _ORDER_FILE).read_text())


def array_files(prepared: Prepared, folder: Path) -> dict[str, Path]:
    """The NPY file behind each array; one that is not a whole file on disk is written into `folder`."""
    arrays: dict[str, NDArray[Any]] = {"rgb": prepared.rgb, "uv": prepared.uv, "masks": prepared.masks}
    files = {name: _mapped_file(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        if files[name] is None:
            np.save(folder / f"{name}.npy", array)
    return {name: file or folder / f"{name}.npy" for name, file in files.items()}


def _mapped_file(array: NDArray[Any]) -> Path | None:
    if not isinstance(array, np.memmap) or array.filename is None:
        return None
    file = Path(array.filename)
    whole = np.load(file, mmap_mode="r", allow_pickle=False)
    is_whole = (array.shape, array.strides, array.dtype) == (whole.shape, whole.strides, whole.dtype)
    return file if is_whole else None


def launch(order: Order, folder: Path) -> None:
    """Run torchrun to its end; on several nodes, one on each through srun.

    The processes hold the other end of a pipe and stop when it closes: with this process, however it ends.

    Args:
        order: the run, whose arrays may lie in `folder`.
        folder: of this run, on a file system that every node sees; deleted when the processes are done.

    Raises:
        RuntimeError: if a process failed.
    """
    training = order.config.training
    order.write(folder)
    command = torchrun_command(training, folder, order.config.name)
    threads = max(1, joblib.cpu_count() // training.devices)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    logger.info("%s: training in %d processes", order.config.name, training.processes)
    # A session of their own: the terminal's Ctrl-C reaches this process, which closes the pipe.
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, start_new_session=True
    ) as torchrun:
        status = torchrun.wait()
    if status != 0:
        raise RuntimeError(
            f"training: all {training.processes} processes must end well, got exit status {status} from "
            "torchrun; their messages stand above. Run again to go on from the last saved epoch"
        )
    shutil.rmtree(folder)


def torchrun_command(training: TrainingParams, folder: Path, name: str) -> list[str]:
    """The command line: torchrun on this machine, or srun with torchrun on every node of the allocation."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={training.devices}"]
    worker = ["-m", _MODULE, str(folder.resolve())]
    if training.nodes == 1:
        return [*torchrun, "--standalone", *worker]
    # The batch script, and so this process, runs on the first node of the allocation: they meet here.
    host = os.environ.get("MASTER_ADDR", socket.gethostname())
    meeting = [
        f"--nnodes={training.nodes}",
        "--rdzv_backend=c10d",
        f"--rdzv_endpoint={host}:{os.environ.get('MASTER_PORT', _PORT)}",
        f"--rdzv_id={os.environ[_SLURM_JOB]}-{name}",
    ]
    tasks = [f"--nodes={training.nodes}", f"--ntasks={training.nodes}", "--ntasks-per-node=1"]
    return ["srun", *tasks, "--kill-on-bad-exit=1", *torchrun, *meeting, *worker]


def main(folder: Path) -> None:
    """Take part in the training that an order describes, as the process that torchrun says this is."""
    threading.Thread(target=_end_with_the_launcher, daemon=True).start()
    rank = int(os.environ["RANK"])
    logging.basicConfig(level=logging.INFO if rank == 0 else logging.ERROR, format="%(message)s")
    # Said once, by the process that waits for this one.
    logging.getLogger("xmodal_pipeline.training.batches").setLevel(logging.ERROR)
    order = Order.read(folder)
    train(
        order.config,
        order.prepared(),
        order.state,
        order.identity,
        save_every_s=order.save_every_s,
        process=rank,
    )


def _end_with_the_launcher() -> None:
    """Wait until the pipe from the launching process closes: nobody is left who wants the result."""
    # Not through sys.stdin, whose lock this thread would still hold when the process ends.
    os.read(sys.stdin.fileno(), 1)
    # At once, also from within a collective that waits for another process. States are written whole.
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
