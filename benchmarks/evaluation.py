"""Retrieval, k-NN and Mantel beside their peers, and every part of `evaluate` on a large study.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py --peer path/to/open_clip/src/open_clip_train/metrics.py
    ... --tasks retrieval --contenders ours --rows 100000 --dim 512
    ... --tasks protocol --rows 100000 --dim 512 --rounds 1

CPU time and extra memory, each in a process of its own: memory is the peak of the resident set since the data
were made (Linux). Contenders take turns, `--rounds` times; the ratio is of the medians. open_clip's chunked
metrics are newer than its release 3.3: give the file, or install from its repository. faiss is exact (flat),
but keeps only ten neighbours and cannot share ties. `alignment` is the Mantel test with CKA and mutual k-NN,
permuted too.

`protocol` takes tables of `--rows` captures, one per specimen, all in the test partition, through the parts
of `measure_variant` and `compare_models`: each from the tables on, pairing included. The probes are of one
label of two classes with one C and two permutations: a whole grid takes as much memory and far longer.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

TASKS = {
    "retrieval": ("ours", "open_clip", "faiss"),
    "knn": ("ours", "lightly"),
    "mantel": ("ours", "scikit-bio", "alignment"),
    "protocol": (
        *("pairs", "retrieval", "alignment", "geometry", "predictability"),
        *("features", "classification", "paired"),
    ),
}
KNN_QUERIES, KNN_ROWS, KNN_CLASSES, KNN_K = 512, 50_000, 1_000, 200
MANTEL_ROWS, MANTEL_PERMUTATIONS = 1_000, 999
STUDY_SPECIES, STUDY_BOOTSTRAPS = 50, 2_000


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
    from xmodal_pipeline.evaluation.alignment import _orders, _spearman_test
    from xmodal_pipeline.evaluation.cosine import cosine_matrix

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


def make_study(options: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Embedding table and specimen index: species and sexes apart, the modalities related."""
    rows = options.rows
    keys = pd.DataFrame({"capture_id": [f"c{i:06}" for i in range(rows)]})
    keys["specimen_id"] = keys["capture_id"].str.replace("c", "s")
    species, sex = np.arange(rows) % STUDY_SPECIES, np.arange(rows) // STUDY_SPECIES % 2
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((STUDY_SPECIES, options.dim), dtype=np.float32)
    marks = 0.1 * rng.standard_normal((2, options.dim), dtype=np.float32)
    values = np.concatenate(embeddings(rows, options.dim)) * np.float32(np.sqrt(options.dim))
    values.reshape(2, rows, -1)[:] += (centres + marks[:, None])[sex, species]
    table = pd.DataFrame(values, columns=[f"x{i + 1}" for i in range(options.dim)])
    both = pd.concat([keys, keys], ignore_index=True).assign(
        partition="test", modality=np.repeat(["rgb", "uv"], rows)
    )
    index = keys.assign(
        species=np.array([f"species {i:02}" for i in range(STUDY_SPECIES)])[species],
        sex=np.array(["female", "male"])[sex],
    )
    return pd.concat([both, table], axis=1), index


def prepare_protocol(part: str, options: argparse.Namespace) -> Callable[[], float]:
    """One part of the evaluation of a large study; returns one of its numbers."""
    from xmodal_pipeline.evaluation import alignment, classification, specimen_tables
    from xmodal_pipeline.evaluation.galleries import measure_retrieval
    from xmodal_pipeline.evaluation.geometry import geometry
    from xmodal_pipeline.evaluation.paired import Measure, compare_models
    from xmodal_pipeline.evaluation.predictability import predictability
    from xmodal_pipeline.params.evaluate import EvaluationParams

    table, index = make_study(options)
    params = EvaluationParams(bootstraps=STUDY_BOOTSTRAPS)

    def pairs() -> specimen_tables.Pairs:
        return specimen_tables.pair_captures(table, index, partition="test")

    def shape() -> float:
        first = pairs().one_per_specimen()
        return geometry(first.rgb, first.uv, seed=params.seed)["effective_rank_rgb"]

    def align() -> float:
        every = specimen_tables.pair_captures(table, index, partition="test", every_capture=True).one_view()
        found = alignment(every.rgb, every.uv, every.species, params.permutations, specimens=every.specimens)
        return found["spearman_within"]

    def predict() -> float:
        every = specimen_tables.pair_captures(table, index, partition="test", every_capture=True).one_view()
        found = predictability(every.rgb, every.uv, every.species, every.specimens)
        return found["r2_uv_given_rgb"]["within"]

    def features() -> list[np.ndarray]:
        return [side.to_numpy() for side in specimen_tables.specimen_features(table).values()]

    def classify() -> float:
        found = classification(
            *features(),
            index["sex"],
            strata=index["species"],
            bootstraps=STUDY_BOOTSTRAPS,
            reference_permutations=2,
            c_values=(0.01,),
        )
        return found["combined_accuracy"]

    def paired() -> float:
        shares = np.random.default_rng(0).random((3, 1, options.rows)) / options.rows
        models = dict(zip("abc", shares, strict=True))
        whole = np.zeros(options.rows, np.int64)
        measure = Measure("retrieval", "rgb_to_uv", "mrr", models, whole, dict.fromkeys("abc", "rgb+uv"))
        found = compare_models([measure], bootstraps=STUDY_BOOTSTRAPS, permutations=999, seed=0)
        return float(found["low"][0])

    return {
        "pairs": lambda: float(len(pairs().rgb)),
        "retrieval": lambda: measure_retrieval(pairs(), params).cells["rgb_to_uv"]["recall@1_ci"][0],
        "alignment": align,
        "geometry": shape,
        "predictability": predict,
        "features": lambda: float(features()[0][0, 0]),
        "classification": classify,
        "paired": paired,
    }[part]


PREPARE = {
    "retrieval": prepare_retrieval,
    "knn": prepare_knn,
    "mantel": prepare_mantel,
    "protocol": prepare_protocol,
}


def memory_kib(line: str) -> int:
    """`VmRSS`, or `VmHWM`, the highest since it was reset."""
    status = Path("/proc/self/status").read_text()
    return int(next(row for row in status.splitlines() if row.startswith(line)).split()[1])


def measure(task: str, contender: str, options: argparse.Namespace) -> dict[str, float]:
    run = PREPARE[task](contender, options)
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    before, start = memory_kib("VmRSS"), time.process_time()
    answer = run()
    seconds = time.process_time() - start
    return {"cpu_s": seconds, "extra_mib": (memory_kib("VmHWM") - before) / 1024, "answer": answer}


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
