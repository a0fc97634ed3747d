"""What ingest costs: CPU per capture and step beside the bare decode, speed-up, peak memory.

Captures are 7 × 512 × 512 uint16, deflate: simulated specimens, each file with its own shift, exposure and
noise. They are written into a temporary folder, or kept in `--folder` for the next run.

    OMP_NUM_THREADS=1 python benchmarks/ingest.py --captures 500
    OMP_NUM_THREADS=1 python benchmarks/ingest.py --captures 500 --memory     also 2,000 captures
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from xmodal_pipeline.imaging.study import Study, open_study
from xmodal_pipeline.params.ingest import (
    QualityParams,
    RegistrationParams,
    SimulationParams,
    SpecimensParams,
)
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.simulation import study, writing
from xmodal_pipeline.specimens import examination
from xmodal_pipeline.specimens.discovery import capture_files, discover_captures
from xmodal_pipeline.specimens.examination import Examination, examine_captures
from xmodal_pipeline.specimens.prepared import prepare_captures
from xmodal_pipeline.specimens.study_calibration import calibrate_study

SIZE = 512
SCENES = 20
SPECIMENS = SpecimensParams()
STEPS = {
    "read_counts": "read, scale and mask",
    "judge_registration": "registration",
    "capture_quality": "quality",
    "measure_colour": "colour",
    "count_capture": "histograms",
    "_digest": "digest",
}
"""Functions of the examination, and what the table calls them."""


def write_captures(folder: Path, count: int) -> None:
    """Simulated scenes, each many times with another shift, exposure and noise."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    scenes = list(_scenes())
    for number in range(count):
        path = folder / f"Simulata_costata_f_{number:04d}.tif"
        scene = scenes[number % len(scenes)]
        shift = rng.integers(-4, 5, 2)
        gain, noise = rng.uniform(0.9, 1.0), rng.normal(0, 60, scene[:6].shape)
        if path.exists():
            continue
        moved = np.roll(scene[3:6], shift, axis=(1, 2))
        bands = np.concatenate([scene[:3], moved]) * gain + noise
        stack = np.concatenate([np.clip(np.rint(bands), 0, 65535).astype(np.uint16), scene[6:]])
        tifffile.imwrite(
            path, stack, planarconfig="separate", photometric="minisblack", compression="zlib", metadata=None
        )


def _scenes() -> Iterator[np.ndarray]:
    params = SimulationParams(
        image_size_px=SIZE,
        n_effect_species=2,
        n_pattern_species=0,
        n_redundant_species=0,
        n_plain_species=2,
        max_shift_px=0.0,
    )
    roles = study.species_roles(params)
    truths = [study.make_species(params, index, role) for index, role in enumerate(roles)]
    captures = study.plan_captures(params, roles)
    for capture in captures[:: max(1, len(captures) // SCENES)][:SCENES]:
        yield writing.make_stack(params, capture, truths[capture.species_index])[0]


def cpu_ms(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


@contextmanager
def timed_steps() -> Iterator[dict[str, float]]:
    """CPU seconds spent in each step of the examination, while it runs in this process."""
    spent = dict.fromkeys(STEPS, 0.0)
    originals = {name: getattr(examination, name) for name in STEPS}

    def wrap(name: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return originals[name](*args, **kwargs)
            finally:
                spent[name] += time.process_time() - start

        return timed

    for name in STEPS:
        setattr(examination, name, wrap(name))
    try:
        yield spent
    finally:
        for name, original in originals.items():
            setattr(examination, name, original)


def listed(folder: Path, count: int) -> pd.DataFrame:
    captures, _ = discover_captures(folder, SPECIMENS, None, frozenset())
    return captures.head(count).assign(specimen_id=captures["capture_id"], flags="")


def opened(folder: Path, captures: pd.DataFrame) -> Study:
    return open_study(folder, SPECIMENS, capture_files(captures, folder), is_simulated=True)


def examine(folder: Path, count: int, n_jobs: int) -> Examination:
    captures = listed(folder, count)
    known, quality = opened(folder, captures), QualityParams(n_jobs=n_jobs)
    lines = calibrate_study(captures, known, n_jobs=n_jobs)
    return examine_captures(captures, lines, known, RegistrationParams(), quality)


def prepare(folder: Path, found: Examination, n_jobs: int) -> None:
    index = found.specimen_index
    partitions = index[["specimen_id"]].assign(partition="train")
    blocks = prepare_captures(
        opened(folder, index),
        index,
        partitions,
        found.registration_qa,
        pd.DataFrame(),
        SplitParams(image_size=224),
        n_jobs=n_jobs,
    )
    for _ in blocks:
        pass


def costs(folder: Path, count: int) -> None:
    """One process: CPU per capture of every step, beside the decode in the same run."""
    paths = sorted(folder.glob("*.tif"))[:count]
    tifffile.imread(paths[0])
    decode = cpu_ms(lambda: [tifffile.imread(path) for path in paths]) / count
    with timed_steps() as spent:
        found: list[Examination] = []
        whole = cpu_ms(lambda: found.append(examine(folder, count, 1))) / count
    statuses = found[0].registration_qa["status"].value_counts().to_dict()
    prepared = cpu_ms(lambda: prepare(folder, found[0], 1)) / count
    print(f"\nOne process, {count} captures of 7 x {SIZE} x {SIZE} uint16, registration {statuses}")
    print(f"{'step':24s} {'CPU ms':>8s} {'x decode':>9s}")
    rows = {"bare decode (tifffile)": decode}
    rows |= {STEPS[name]: 1000 * seconds / count for name, seconds in spent.items()}
    rows["the rest"] = whole - sum(1000 * seconds / count for seconds in spent.values())
    rows |= {"examination, whole": whole, "prepared at 224 px": prepared}
    for name, value in rows.items():
        print(f"{name:24s} {value:8.1f} {value / decode:9.1f}")


def speed_up(folder: Path, count: int) -> None:
    """Wall time with one worker and with two, the pool already started."""
    seconds = {}
    for n_jobs in (1, 2):
        examine(folder, 8, n_jobs)
        start = time.perf_counter()
        examine(folder, count, n_jobs)
        seconds[n_jobs] = time.perf_counter() - start
    print(
        f"\nwall {seconds[1]:.1f} s with 1 worker, {seconds[2]:.1f} s with 2: {seconds[1] / seconds[2]:.2f}x"
    )


def memory_mib(folder: Path, count: int) -> float:
    """Peak of a run of its own with two workers: the proportional shares of parent and workers together."""
    command = [sys.executable, __file__, "--folder", str(folder), "--captures", str(count), "--examine-only"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            peak[0] = max(peak[0], sum(map(_share_mib, [process.pid, *_descendants(process.pid)])))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    stop.set()
    watcher.join()
    if code:
        raise RuntimeError(f"examination of {count} captures: must end well, got exit code {code}")
    return peak[0]


def _descendants(parent: int) -> list[int]:
    found = []
    try:
        for task in Path(f"/proc/{parent}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *_descendants(int(child))]
    except OSError:
        pass  # it ended meanwhile
    return found


def _share_mib(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)


def memory(folder: Path) -> None:
    small, large = memory_mib(folder, 500), memory_mib(folder, 2000)
    print(f"\npeak memory {small:.0f} MiB at 500 captures, {large:.0f} at 2,000: {large / small - 1:+.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what ingest costs.")
    parser.add_argument("--captures", type=int, default=500)
    parser.add_argument("--memory", action="store_true", help="peak memory at 500 and 2,000 captures")
    parser.add_argument("--folder", type=Path, help="where captures are kept; default: a temporary folder")
    parser.add_argument("--examine-only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.examine_only:
        examine(options.folder, options.captures, 2)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        write_captures(folder, max(options.captures, 2000 if options.memory else 0))
        costs(folder, options.captures)
        speed_up(folder, options.captures)
        if options.memory:
            memory(folder)


if __name__ == "__main__":
    main()
