"""Training killed at random moments: does it always end in the weights of the undisturbed run?

    OMP_NUM_THREADS=1 python benchmarks/kill.py --kills 10
    OMP_NUM_THREADS=1 python benchmarks/kill.py --kills 10 --ranks     one of two processes of torchrun

Every run is a process of its own and gets SIGKILL a random time after its training began, until enough were
caught alive; each is then run again to its end. Prints per kill how many epochs were already saved, and
whether the final weights are bit-identical. Exits with 1 if they are not. With `--ranks` the run that lost
one of its processes must end by itself, and say so. Needs Linux for it.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EPOCHS, BATCH, TRAIN, VALIDATION, SIDE = 12, 8, 32, 20, 32
STARTED = "training"
DEVICES, RANK = 2, "xmodal_pipeline.training.processes"
MUST_SAY = "all 2 processes must end well"


def train(folder: Path, devices: int) -> None:
    """Train a small run in `folder`, or go on with it, and write its weights."""
    from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
    from xmodal_pipeline.params.variants import SeparateParams
    from xmodal_pipeline.specimens.prepared import Prepared
    from xmodal_pipeline.training import BandStatistics, FitConfig, fit
    from xmodal_pipeline.training.module import ContrastiveTraining

    rng = np.random.default_rng(0)
    n = TRAIN + VALIDATION
    names = tuple(f"s{i}" for i in range(n))
    pattern = rng.random((n, 1, 4, 4)).repeat(SIDE // 4, axis=2).repeat(SIDE // 4, axis=3)
    rgb, uv = ((pattern * rng.uniform(0.5, 1, (1, bands, 1, 1))).astype(np.float16) for bands in (3, 2))
    masks = np.ones((n, 2, SIDE, SIDE), np.uint8)
    partitions = ("train",) * TRAIN + ("validation",) * VALIDATION
    config = FitConfig(
        name="separate",
        variant=SeparateParams(),
        training=TrainingParams(
            batch_size=BATCH, max_epochs=EPOCHS, projection_dim=16, hidden_dim=32, devices=devices
        ),
        loss=LossParams(adaptive_temperature=True, curriculum="cosine"),
        augmentation=AugmentationParams(),
        photometry="uncalibrated",
        rgb_bands=("red", "green", "blue"),
        uv_bands=("long", "short"),
        image_size=SIDE,
        statistics={
            "rgb": BandStatistics(mean=(0.4,) * 3, sd=(0.2,) * 3),
            "uv": BandStatistics(mean=(0.4,) * 2, sd=(0.2,) * 2),
        },
    )
    ContrastiveTraining.on_train_start = lambda self: print(STARTED, flush=True)
    bands = config.rgb_bands, config.uv_bands
    prepared = Prepared(rgb, uv, masks, names, names, partitions, {}, *bands, is_calibrated=False)
    fit(config, prepared, folder, save_every_s=0).checkpoint.to_file(folder / "final.safetensors")


def start(folder: Path, *, in_ranks: bool = False) -> subprocess.Popen[str]:
    """Run `train` in a process of its own, which starts two more where `in_ranks`."""
    command = [sys.executable, __file__, "--alone", str(folder), *(["--ranks"] if in_ranks else [])]
    errors = subprocess.STDOUT if in_ranks else subprocess.DEVNULL
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)


def wait_for(word: str, process: subprocess.Popen[str]) -> None:
    for line in process.stdout or ():
        if line.strip() == word:
            return
    raise SystemExit(f"kill: the process must print '{word}', got its end; run it with --alone FOLDER")


def kill_once(folder: Path, after_s: float) -> bool:
    """Start a run and kill it; False if it had already finished."""
    process = start(folder)
    wait_for(STARTED, process)
    time.sleep(after_s)
    process.kill()
    return process.wait() == -signal.SIGKILL


def find_ranks(folder: Path) -> list[int]:
    """Process ids of the ranks that train in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # gone in the meantime
            continue
        if RANK in command and "torch.distributed.run" not in command and str(folder) in " ".join(command):
            found.append(int(path.parent.name))
    return sorted(found)


def wait_for_ranks(folder: Path, process: subprocess.Popen[str]) -> list[int]:
    while process.poll() is None:
        if len(ranks := find_ranks(folder)) == DEVICES:
            return ranks
        time.sleep(0.05)
    raise SystemExit(
        f"kill: the run must start {DEVICES} ranks, got its end; run it with --alone FOLDER --ranks"
    )


def kill_rank(folder: Path, after_s: float, which: int) -> bool:
    """Start a run in ranks and kill one; False if it had already finished."""
    process = start(folder, in_ranks=True)
    ranks = wait_for_ranks(folder, process)
    time.sleep(after_s)
    try:
        os.kill(ranks[which], signal.SIGKILL)
    except ProcessLookupError:
        process.communicate()
        return False
    said, _ = process.communicate(timeout=120)
    if process.returncode == 0:
        return False
    if MUST_SAY not in said or find_ranks(folder):
        raise SystemExit(f"kill: a run that lost a rank must end and say so, got {said[-2000:]}")
    return True


def finish(folder: Path, *, in_ranks: bool = False) -> bytes:
    """Run to the end; the bytes of the final weights."""
    process = start(folder, in_ranks=in_ranks)
    process.communicate()
    if process.returncode:
        raise SystemExit(f"kill: the run must end by itself, got exit code {process.returncode}")
    return (folder / "final.safetensors").read_bytes()


def saved_epochs(folder: Path) -> int:
    import torch

    path = folder / "state.ckpt"
    if not path.exists():
        return 0
    return len(torch.load(path, weights_only=True)["callbacks"]["RunState"]["rows"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ranks", action="store_true", help="kill one of two processes of torchrun")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        train(options.alone, DEVICES if options.ranks else 1)
        return
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        whole = start(root / "whole", in_ranks=options.ranks)
        if options.ranks:
            wait_for_ranks(root / "whole", whole)
        else:
            wait_for(STARTED, whole)
        begun = time.monotonic()
        whole.communicate()
        duration = time.monotonic() - begun
        expected = (root / "whole" / "final.safetensors").read_bytes()
        print(f"undisturbed: {duration:.1f} s of training, {EPOCHS} epochs, {len(expected)} bytes of weights")
        print(f"{'kill':>4} {'after s':>8} {'epochs saved':>13} identical")
        identical, caught, tried = [], 0, 0
        while caught < options.kills:
            tried += 1
            folder, after = root / f"run{tried}", float(rng.uniform(0, duration))
            is_killed = (
                kill_rank(folder, after, int(rng.integers(DEVICES)))
                if options.ranks
                else kill_once(folder, after)
            )
            if not is_killed:
                continue
            caught += 1
            saved = saved_epochs(folder)
            identical.append(finish(folder, in_ranks=options.ranks) == expected)
            print(f"{caught:>4} {after:>8.2f} {saved:>6} of {EPOCHS:<3} {identical[-1]}", flush=True)
    print(f"{sum(identical)} of {options.kills} killed runs end in identical weights")
    sys.exit(0 if all(identical) else 1)


if __name__ == "__main__":
    main()
