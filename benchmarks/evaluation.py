"""Retrieval, k-NN and Mantel beside their peers: CPU time and extra memory, each in a process of its own.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py --peer path/to/open_clip/src/open_clip_train/metrics.py
    ... --tasks retrieval --contenders ours --rows 100000 --dim 512

Contenders take turns, `--rounds` times; the ratio is of the medians. open_clip's chunked metrics are newer
than its release 3.3: give the file, or install from its repository. faiss is exact (flat), but keeps only ten
neighbours and cannot share ties. `alignment` is the Mantel test with CKA and mutual k-NN, permuted too.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

TASKS = {
    "retrieval": ("ours", "open_clip", "faiss"),
    "knn": ("ours", "lightly"),
    "mantel": ("ours", "scikit-bio", "alignment"),
}
KNN_QUERIES, KNN_ROWS, KNN_CLASSES, KNN_K = 512, 50_000, 1_000, 200
MANTEL_ROWS, MANTEL_PERMUTATIONS = 1_000, 999


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def embeddings(rows: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows in float32; the right match is found first in about a quarter of the queries."""
    rng = np.random.default_rng(0)
    rgb = rng.standard_normal((rows, dim), dtype=np.float32)
    uv = rgb + 2.5 * rng.standard_normal((rows, dim), dtype=np.float32)
    return unit(rgb), unit(uv)


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


def prepare_retrieval(contender: str, options: argparse.Namespace) -> Callable[[], float]:
    """Two-way retrieval; returns recall@1 of the first direction."""
    rgb, uv = embeddings(options.rows, options.dim)
    if contender == "ours":
        from xmodal_pipeline.evaluation import retrieval

        return lambda: retrieval(rgb, uv)["rgb_to_uv"]["recall@1"]
    if contender == "faiss":
        import faiss

        def search() -> float:
            first = []
            for queries, gallery in ((rgb, uv), (uv, rgb)):
                index = faiss.IndexFlatIP(options.dim)
                index.add(gallery)
                first.append(index.search(queries, 10)[1][:, 0])
            return float((first[0] == np.arange(len(rgb))).mean())

        return search
    import torch

    torch.set_num_threads(1)
    metrics = load_peer(options.peer).get_clip_metrics
    sides = torch.from_numpy(rgb), torch.from_numpy(uv)
    return lambda: metrics(*sides, torch.tensor(1.0))["image_to_text_R@1"]


def prepare_knn(contender: str, options: argparse.Namespace) -> Callable[[], float]:
    """Weighted k-NN; returns the accuracy."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((KNN_CLASSES, options.dim), dtype=np.float32)
    classes = rng.integers(0, KNN_CLASSES, KNN_ROWS + KNN_QUERIES)
    noise = rng.standard_normal((len(classes), options.dim), dtype=np.float32)
    rows = unit(centres[classes] + 2.5 * noise)
    known, queries = rows[:KNN_ROWS], rows[KNN_ROWS:]
    truth = classes[KNN_ROWS:]
    if contender == "ours":
        from xmodal_pipeline.evaluation.nearest import weighted_knn

        def vote() -> float:
            votes = weighted_knn(
                known, classes[:KNN_ROWS], queries, n_classes=KNN_CLASSES, k=KNN_K, temperature=0.1
            )
            return float((votes.argmax(1) == truth).mean())

        return vote
    import torch
    from lightly.utils.benchmarking.knn import knn_predict

    torch.set_num_threads(1)
    bank, labels = torch.from_numpy(known).T.contiguous(), torch.from_numpy(classes[:KNN_ROWS])
    asked = torch.from_numpy(queries)

    def predict() -> float:
        ranked = knn_predict(asked, bank, labels, num_classes=KNN_CLASSES, knn_k=KNN_K, knn_t=0.1)
        return float((ranked[:, 0].numpy() == truth).mean())

    return predict


def mantel_alone(rgb: np.ndarray, uv: np.ndarray) -> float:
    """The part of `alignment` that scikit-bio's `mantel` does, from distances on."""
    from xmodal_pipeline.evaluation.alignment import _orders, _spearman_test, cosine_matrix

    whole = np.zeros(len(rgb), np.int64)
    orders = _orders(whole, MANTEL_PERMUTATIONS, np.random.default_rng(0))
    return _spearman_test(cosine_matrix(rgb), cosine_matrix(uv), [np.arange(len(rgb))], [orders])[0]


def prepare_mantel(contender: str, options: argparse.Namespace) -> Callable[[], float]:
    """Mantel test by rank correlation; returns the statistic."""
    rgb, uv = (side.astype(np.float64) for side in embeddings(MANTEL_ROWS, options.dim))
    if contender != "scikit-bio":
        from xmodal_pipeline.evaluation.alignment import alignment

        alignment(rgb[:20], uv[:20], permutations=1)  # numba compiles once per machine
        if contender == "alignment":
            return lambda: alignment(rgb, uv, permutations=MANTEL_PERMUTATIONS)["spearman"]
        return lambda: mantel_alone(rgb, uv)
    from skbio import DistanceMatrix
    from skbio.stats.distance import mantel

    distances = [1 - side @ side.T for side in (rgb, uv)]
    for matrix in distances:
        np.fill_diagonal(matrix, 0)
    pair = [DistanceMatrix((matrix + matrix.T) / 2) for matrix in distances]
    return lambda: float(mantel(*pair, method="spearman", permutations=MANTEL_PERMUTATIONS)[0])


PREPARE = {"retrieval": prepare_retrieval, "knn": prepare_knn, "mantel": prepare_mantel}


def measure(task: str, contender: str, options: argparse.Namespace) -> dict[str, float]:
    run = PREPARE[task](contender, options)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    answer = run()
    seconds = time.process_time() - start
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"cpu_s": seconds, "extra_mib": extra, "answer": answer}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--contenders", nargs="+", help="default: all of each task")
    parser.add_argument("--rows", type=int, default=20_000, help="of retrieval")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measure(*options.alone, options)))
        return
    print("| task | contender | CPU s (median) | ratio | extra MiB | answer |\n|---|---|---|---|---|---|")
    for task in options.tasks:
        contenders = [name for name in TASKS[task] if name in (options.contenders or TASKS[task])]
        found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name in contenders:
                command = [sys.executable, __file__, *sys.argv[1:], "--alone", task, name]
                result = subprocess.run(command, check=True, capture_output=True, text=True)
                found[name].append(json.loads(result.stdout.splitlines()[-1]))
        seconds = {name: float(np.median([one["cpu_s"] for one in runs])) for name, runs in found.items()}
        for name, runs in found.items():
            ratio = f"{seconds['ours'] / seconds[name]:.2f}" if "ours" in seconds else ""
            memory, answer = max(one["extra_mib"] for one in runs), runs[0]["answer"]
            print(f"| {task} | {name} | {seconds[name]:.2f} | {ratio} | {memory:.0f} | {answer:.4f} |")


if __name__ == "__main__":
    main()
