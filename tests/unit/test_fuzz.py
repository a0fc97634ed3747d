"""Readers end in their own refusal, whatever the bytes; by coverage: benchmarks/fuzz/run.py."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

SOURCE = Path(__file__).parents[2] / "benchmarks" / "fuzz" / "targets.py"
spec = importlib.util.spec_from_file_location("fuzz_targets", SOURCE)
targets = importlib.util.module_from_spec(spec)
sys.modules["fuzz_targets"] = targets
spec.loader.exec_module(targets)

N_INPUTS = 500


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
def test_mutated_files_are_read_or_refused_and_nothing_else(name):
    target = targets.TARGETS[name]
    seeds, rng = target.seeds(), np.random.default_rng(0)
    with targets.scratch(target.ending) as path:
        accepted = [targets.feed(target, path, seed) for seed in seeds]
        assert any(accepted)
        for number in range(N_INPUTS):
            content = targets.mutate(seeds[number % len(seeds)], rng, seeds)
            try:
                targets.feed(target, path, content)
            except Exception as error:
                error.add_note(f"{name}, input {number}: {content[:60]!r} …")
                raise
