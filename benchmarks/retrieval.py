"""Two-way retrieval beside open_clip's: CPU time and peak memory, each contender in a process of its own.

    OMP_NUM_THREADS=1 python benchmarks/retrieval.py --rows 20000 --dim 128
    ... --peer path/to/open_clip/src/open_clip_train/metrics.py
    ... --contenders ours --rows 100000 --dim 512

open_clip's chunked metrics are newer than its release 3.3: give the file, or install from its repository.
The release sorts the whole matrix and needs about 24 bytes per pair: 9 GB at 20,000 rows.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np

CONTENDERS = ("ours", "open_clip_chunked", "open_clip_released")


def embeddings(rows: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows in float32; the right match is found first in about a quarter of the queries."""
    rng = np.random.default_rng(0)
    rgb = rng.standard_normal((rows, dim), dtype=np.float32)
    uv = rgb + 2.5 * rng.standard_normal((rows, dim), dtype=np.float32)
    return rgb / np.linalg.norm(rgb, axis=1, keepdims=True), uv / np.linalg.norm(uv, axis=1, keepdims=True)


def load_peer(path: Path | None) -> ModuleType:
    """open_clip's chunked metrics: from the given file, else from the installed package."""
    if path is None:
        return importlib.import_module("open_clip_train.metrics")
    spec = importlib.util.spec_from_file_location("open_clip_metrics", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"--peer: must be a Python file, got {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(contender: str, rows: int, dim: int, peer: Path | None) -> dict[str, float | str]:
    rgb, uv = embeddings(rows, dim)
    if contender == "ours":
        from xmodal_pipeline.evaluation import retrieval

        def run() -> float:
            return float(retrieval(rgb, uv)["rgb_to_uv"]["recall@1"])
    else:
        import torch

        torch.set_num_threads(1)
        if contender == "open_clip_released":
            from open_clip_train.train import get_clip_metrics
        else:
            get_clip_metrics = load_peer(peer).get_clip_metrics

        def run() -> float:
            found = get_clip_metrics(torch.from_numpy(rgb), torch.from_numpy(uv), torch.tensor(1.0))
            return float(found["image_to_text_R@1"])

    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    recall = run()
    seconds = time.process_time() - start
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"contender": contender, "cpu_s": round(seconds, 2), "extra_mib": round(extra), "recall@1": recall}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS[:2])
    parser.add_argument("--alone", choices=CONTENDERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(measure(arguments.alone, arguments.rows, arguments.dim, arguments.peer)))
        return
    for contender in arguments.contenders:
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--alone", contender], check=True)


if __name__ == "__main__":
    main()
