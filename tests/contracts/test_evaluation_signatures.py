"""The public functions of the evaluation, as other code may rely on them."""

import inspect
import json
import subprocess
import sys

import numpy as np
import pytest

from xmodal_pipeline import evaluation

SIGNATURES = {
    "retrieval": "(rgb, uv, ks=(1, 5, 10), groups=None)",
    "alignment": "(rgb, uv, strata=None, permutations=999, seed=0)",
    "classification": "(rgb, uv, labels, groups=None, strata=None, joint=None, folds=5, seed=0)",
    "uv_value": "(rgb, uv, labels, species, repeats=None, seed=0)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    """Arguments, their order and defaults; what comes after is keyword-only and has a default."""
    parameters = inspect.signature(getattr(evaluation, name)).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    shown = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in positional)
    assert f"({shown})" == SIGNATURES[name]
    extra = [p for p in parameters if p.kind is not p.POSITIONAL_OR_KEYWORD]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in extra)


def test_names_are_functions_even_after_their_modules_were_imported():
    from xmodal_pipeline.evaluation.retrieval import retrieval

    assert evaluation.retrieval is retrieval
    assert set(SIGNATURES) == set(evaluation.__all__)
    assert all(callable(getattr(evaluation, name)) for name in SIGNATURES)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    rgb = rng.normal(size=(40, 6))
    return {
        "rgb": rgb,
        "uv": rgb + rng.normal(size=(40, 6)),
        "labels": np.array(["m", "f"])[np.arange(40) % 2],
        "species": np.repeat(["a", "b"], 20),
    }


def test_keys_of_retrieval(data):
    result = evaluation.retrieval(data["rgb"], data["uv"], (1, 5, 10))
    keys = {"recall@1", "recall@5", "recall@10", "median_rank", "mrr"}
    for part in ("rgb_to_uv", "uv_to_rgb", "chance"):
        assert keys <= set(result[part])
        assert all(isinstance(value, float) for value in result[part].values())
    json.dumps(result, allow_nan=False)


def test_keys_of_alignment(data):
    result = evaluation.alignment(data["rgb"], data["uv"], data["species"], 19, 0)
    keys = {"spearman", "p_value", "p_value_within", "p_value_among", "strength", "cka", "mutual_knn"}
    assert keys <= set(result)
    assert result["strength"] in {"weak", "moderate", "strong"}
    json.dumps(result, allow_nan=False)


def test_keys_of_classification(data):
    result = evaluation.classification(
        data["rgb"], data["uv"], data["labels"], None, data["species"], data["rgb"], 3, 0
    )
    keys = (
        "rgb_accuracy",
        "uv_accuracy",
        "combined_accuracy",
        "improvement",
        "improvement_over_rgb",
        "improvement_over_uv",
    )
    for key in keys:
        low, high = result[f"{key}_ci"]
        assert low <= high
        assert isinstance(result[key], float)
    assert result["improvement"] == pytest.approx(
        result["combined_accuracy"] - max(result["rgb_accuracy"], result["uv_accuracy"])
    )
    json.dumps(result, allow_nan=False)


def test_importing_the_evaluation_loads_neither_torch_nor_kedro_nor_scikit_learn():
    code = (
        "import sys, xmodal_pipeline.evaluation, xmodal_pipeline.evaluation.measurement; "
        "heavy = {'torch', 'kedro', 'sklearn', 'numba', 'matplotlib'} & set(sys.modules); "
        "sys.exit(' '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
