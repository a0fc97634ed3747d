"""Start the processes of a run on several devices, and let none of them outlive this one."""

import logging
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import joblib

from xmodal_pipeline.params.train import TrainingParams
from xmodal_pipeline.training.hardware import SLURM_JOB
from xmodal_pipeline.training.order import Order

logger = logging.getLogger(__name__)

_WORKER = "xmodal_pipeline.training.worker"
_PORT = "29500"
"""torchrun's own default; MASTER_PORT replaces it."""


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
    worker = ["-m", _WORKER, str(folder.resolve())]
    if training.nodes == 1:
        return [*torchrun, "--standalone", *worker]
    # The batch script, and so this process, runs on the first node of the allocation: they meet here.
    host = os.environ.get("MASTER_ADDR", socket.gethostname())
    meeting = [
        f"--nnodes={training.nodes}",
        "--rdzv_backend=c10d",
        f"--rdzv_endpoint={host}:{os.environ.get('MASTER_PORT', _PORT)}",
        f"--rdzv_id={os.environ[SLURM_JOB]}-{name}",
    ]
    tasks = [f"--nodes={training.nodes}", f"--ntasks={training.nodes}", "--ntasks-per-node=1"]
    return ["srun", *tasks, "--kill-on-bad-exit=1", *torchrun, *meeting, *worker]
