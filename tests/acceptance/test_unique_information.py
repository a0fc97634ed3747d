"""What the losses keep of latents that only one modality shows, on one seed of benchmarks/trifeatures.py."""

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "trifeatures.py"


@pytest.fixture(scope="module")
def measured():
    """Accuracies in % by configuration, after fewer steps than the benchmark's."""
    spec = importlib.util.spec_from_file_location("trifeatures", FILE)
    bed = importlib.util.module_from_spec(spec)
    sys.modules["trifeatures"] = bed  # where dataclasses look for their module
    spec.loader.exec_module(bed)
    steps = {"cross only": 400, "cross + intra": 150, "CoMM": 200, "default, concat": 200}
    return {
        one.name: bed.measure(one, seed=0, steps=steps[one.name], batch=128)
        for one in bed.CONFIGURATIONS
        if one.name in steps
    }


@pytest.mark.slow
def test_every_configuration_keeps_what_is_shared(measured):
    assert {name: found["shared z"] for name, found in measured.items() if found["shared z"] < 95} == {}


@pytest.mark.slow
def test_cross_modal_learning_alone_erases_what_one_modality_shows_and_the_other_terms_keep_it(measured):
    assert measured["cross only"]["unique z"] < 50
    assert measured["cross + intra"]["unique z"] > 75
    assert measured["default, concat"]["unique z"] > 75
    assert measured["default, concat"]["unique z joint"] > 75


@pytest.mark.slow
def test_only_a_learnt_joint_knows_what_neither_modality_tells(measured):
    for name in ("cross only", "cross + intra"):
        assert max(measured[name]["synergy h rgb, uv"], measured[name]["synergy h joint"]) < 56
    assert measured["CoMM"]["synergy h joint"] > 70
    assert measured["default, concat"]["synergy h joint"] > 70
