"""Family-wise false positives of `compare` where no model is better: the corrections side by side.

    python benchmarks/compare_calibration.py [--simulations 400]

Four models see the same specimens with noise of their own, so that none is better. Retrieval compares ranks
of test specimens; probes are cross-fitted in five folds, as in `compare`. Printed: how often any of the six
pairs is claimed at .05, without correction, by Holm and by the step-down maximum, and for probes also without
the widening for shared folds. Then two models whose trainings differ by their seed: how often one is claimed
to be better, and how often the interval holds the true difference of 0.
"""

import argparse
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.corrections import holm
from xmodal_pipeline.evaluation.paired import Measure, compare_models, sign_flip_p
from xmodal_pipeline.evaluation.probes import Protocol, cross_fit, make_folds
from xmodal_pipeline.evaluation.ranks import query_measures
from xmodal_pipeline.evaluation.retrieval import rank_matches

Floats = NDArray[np.float64]

MODELS, FOLDS, LEVEL = 4, 5, 0.05
WIDENING = float(np.sqrt(1 + FOLDS / (FOLDS - 1)))


def claims(values: list[Floats], widening: float, seed: int) -> list[bool]:
    """Whether any pair is claimed: uncorrected, Holm, step-down maximum."""
    differences = np.stack([a - b for a, b in combinations(values, 2)])
    lengths = np.sqrt((differences**2).sum(1))
    statistics = differences.sum(1) / np.where(lengths > 0, lengths, 1) / widening
    p, adjusted = sign_flip_p(differences, statistics, 999, seed=seed)
    return [bool((one <= LEVEL).any()) for one in (p, holm(p), adjusted)]


def retrieval_values(rng: np.random.Generator, n: int, metric: str) -> list[Floats]:
    shared = rng.normal(size=(n, 16)) * 0.7
    found = []
    for _ in range(MODELS):
        rgb, uv = (shared + rng.normal(size=shared.shape) for _ in range(2))
        found.append(query_measures(rank_matches(rgb, uv).rgb_to_uv, (1,))[metric])
    return found


def probe_values(rng: np.random.Generator, n: int, effect: float, seed: int) -> list[Floats]:
    classes = np.arange(n) % 2
    groups = np.arange(n)
    folds = make_folds(classes, groups, FOLDS, seed=seed)
    protocol = Protocol(folds=FOLDS)
    shared = rng.normal(size=(n, 8)) + effect * classes[:, None] * np.eye(8)[0]
    found = []
    for _ in range(MODELS):
        features = shared + rng.normal(size=shared.shape)
        probe = cross_fit([features], classes, groups, folds, protocol, c=np.ones(FOLDS))
        found.append((probe.predicted == classes).astype(float))
    return found


def seed_row(rng: np.random.Generator, seeds: int, spread: float, count: int) -> tuple[float, float]:
    """Share of false claims and of intervals that hold 0, for two kinds of model of one quality."""
    false = held = 0
    strata, features = np.zeros(60, int), {"a": "joint", "b": "joint"}
    for i in range(count):
        difficulty = rng.uniform(0.2, 0.8, 60)
        shares = {
            name: (rng.random((seeds, 60)) < difficulty + rng.normal(0, spread, (seeds, 1))) / 60
            for name in features
        }
        measure = Measure("simulated", "", "accuracy", shares, strata, features)
        row = compare_models([measure], bootstraps=100, permutations=199, seed=i).iloc[0]
        false += row["p"] <= LEVEL
        held += row["low"] <= 0 <= row["high"]
    return false / count, held / count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=400)
    count = parser.parse_args().simulations
    print(f"{'measure':34}{'uncorrected':>12}{'Holm':>8}{'max':>8}   ({count} simulations, six pairs)")
    for n in (40, 160):
        for metric in ("recall@1", "mrr"):
            rng = np.random.default_rng(n)
            rows = [claims(retrieval_values(rng, n, metric), 1.0, i) for i in range(count)]
            print_row(f"retrieval {metric}, n = {n}", rows)
    for n, effect in ((40, 0.0), (40, 1.5), (160, 1.5)):
        rng = np.random.default_rng(n)
        values = [probe_values(rng, n, effect, i) for i in range(count)]
        for widening, name in ((1.0, "not widened"), (WIDENING, "widened")):
            rows = [claims(one, widening, i) for i, one in enumerate(values)]
            print_row(f"probe δ = {effect}, n = {n}, {name}", rows)
    print(f"\n{'seeds of each':>14}{'SD between seeds':>18}{'false claims':>14}{'coverage':>10}")
    for seeds in (1, 2, 3, 5):
        for spread in (0.0, 0.1):
            false, held = seed_row(np.random.default_rng(seeds), seeds, spread, count)
            print(f"{seeds:14}{spread:18.1f}{false:14.3f}{held:10.3f}", flush=True)


def print_row(name: str, rows: list[list[bool]]) -> None:
    uncorrected, by_holm, by_maximum = np.mean(rows, axis=0)
    print(f"{name:34}{uncorrected:12.3f}{by_holm:8.3f}{by_maximum:8.3f}", flush=True)


if __name__ == "__main__":
    main()
