"""Predictability against closed forms of linear Gaussian data."""

import tracemalloc

import numpy as np
import pytest

from xmodal_pipeline.evaluation import predictability as evaluated
from xmodal_pipeline.evaluation.predictability import predictability, repeatability


def linear(n_species=12, per_species=30, noise=1.0, seed=0):
    """UV follows RGB within species with R² = 1/(1+noise²) per dimension; species means are unrelated."""
    rng = np.random.default_rng(seed)
    species = np.repeat(np.arange(n_species), per_species)
    rgb = rng.normal(size=(len(species), 3))
    uv = rgb @ np.diag([1.0, -1.0, 1.0]) + noise * rng.normal(size=rgb.shape)
    return (
        rgb + 5 * rng.normal(size=(n_species, 3))[species],
        uv + 5 * rng.normal(size=(n_species, 3))[species],
        species,
    )


def test_within_recovers_the_share_of_variance():
    rgb, uv, species = linear()
    result = predictability(rgb, uv, species)
    assert result["r2_uv_given_rgb"]["within"] == pytest.approx(0.5, abs=0.05)
    assert result["r2_uv_given_rgb"]["between"] < 0.35
    assert result["n_species"] == 12


def test_direction_matters():
    """UV is one function of RGB, but RGB has two further dimensions that UV does not know."""
    rng = np.random.default_rng(1)
    rgb = rng.normal(size=(400, 3))
    result = predictability(rgb, rgb[:, :1] * 2, np.zeros(400))
    assert result["r2_uv_given_rgb"]["within"] == pytest.approx(1, abs=1e-3)
    assert result["r2_rgb_given_uv"]["within"] == pytest.approx(1 / 3, abs=0.06)


def test_between_uses_species_means_only():
    rng = np.random.default_rng(2)
    species = np.repeat(np.arange(60), 4)
    centres = rng.normal(size=(60, 2))[species]
    rgb, uv = centres + 0.1 * rng.normal(size=(240, 2)), -3 * centres + 0.1 * rng.normal(size=(240, 2))
    result = predictability(rgb, uv, species)
    assert result["r2_uv_given_rgb"]["between"] > 0.95
    assert result["r2_uv_given_rgb"]["within"] < 0.2


def test_unrelated_modalities_predict_nothing_even_when_wide():
    rng = np.random.default_rng(3)
    rgb, uv = rng.normal(size=(2, 60, 200))
    value = predictability(rgb, uv, np.arange(60) % 4)["r2_uv_given_rgb"]["within"]
    assert -0.1 < value < 0.05


def test_repeatability_is_the_share_of_signal_in_the_mean_of_captures():
    """Signal variance 1, noise 1, two captures: the mean has 1 / (1 + 1/2)."""
    rng = np.random.default_rng(4)
    owner = np.repeat(np.arange(4000), 2)
    species = owner % 5
    values = rng.normal(size=(4000, 3))[owner] + rng.normal(size=(8000, 3)) + 9 * species[:, None]
    assert repeatability(values, owner, species) == pytest.approx(2 / 3, abs=0.02)


def test_correction_divides_by_the_repeatability_of_the_target():
    rng = np.random.default_rng(5)
    owner = np.repeat(np.arange(300), 2)
    signal = rng.normal(size=(300, 2))[owner]
    rgb, uv = signal + 0.01 * rng.normal(size=(600, 2)), signal + rng.normal(size=(600, 2))
    result = predictability(rgb, uv, np.zeros(600), [f"s{i}" for i in owner])["r2_uv_given_rgb"]
    assert result["within"] == pytest.approx(2 / 3, abs=0.05)
    assert result["repeatability"] == pytest.approx(2 / 3, abs=0.05)
    assert result["within_corrected"] == pytest.approx(1, abs=0.06)
    assert result["within_corrected"] == result["within"] / result["repeatability"]


def test_too_few_gives_no_number():
    result = predictability(np.eye(6), np.eye(6))["r2_uv_given_rgb"]
    assert "too few: 6 specimens" in result["within"]["not_applicable"]
    assert "too few: 1 species" in result["between"]["not_applicable"]
    assert "too few: 0 repeated captures" in result["repeatability"]["not_applicable"]


def errors_of_predictions(x, y, code, held, penalties):
    """Squared errors of ridge predictions from one singular value decomposition, row by row."""
    codes = range(code.max() + 1)
    x, y = (side - np.stack([side[~held & (code == c)].mean(0) for c in codes])[code] for side in (x, y))
    u, s, vt = np.linalg.svd(x[~held], full_matrices=False)
    scale = (s**2).mean()
    predicted = [
        (x[held] @ vt.T * (s / (s**2 + penalty * scale))) @ (u.T @ y[~held]) for penalty in penalties
    ]
    return [((y[held] - one) ** 2).sum() for one in predicted]


@pytest.mark.parametrize(("n", "dim"), [(400, 30), (60, 200)])
def test_errors_from_sums_of_products_are_those_of_the_predictions(monkeypatch, n, dim):
    monkeypatch.setattr(evaluated, "_CHUNK_ROWS", 37)
    rng = np.random.default_rng(8)
    shared = rng.normal(size=(n, 4))
    x = shared @ rng.normal(size=(4, dim)) + 0.3 * rng.normal(size=(n, dim)) + 5
    y = shared @ rng.normal(size=(4, 7)) + rng.normal(size=(n, 7))
    code, held = np.arange(n) % 3, np.arange(n) % 5 == 0
    rows = np.arange(n)
    errors, squares = evaluated._ridge_errors(evaluated._narrowed(x, rows), y, rows, code, held)
    for got, (known, target) in zip(errors, ((x, y), (y, x)), strict=True):
        expected = errors_of_predictions(known, target, code, held, evaluated._PENALTIES)
        np.testing.assert_allclose(got, expected, rtol=1e-9)
    assert (errors[:, 0] < squares).all()


def test_a_constant_predictor_predicts_nothing():
    result = predictability(np.ones((60, 3)), np.random.default_rng(0).normal(size=(60, 2)))
    assert result["r2_uv_given_rgb"]["within"] == 0.0
    assert "does not vary" in result["r2_rgb_given_uv"]["within"]["not_applicable"]


def test_memory_is_that_of_both_sides_in_float64(monkeypatch):
    monkeypatch.setattr(evaluated, "_CHUNK_ROWS", 256)
    rgb, uv = np.random.default_rng(0).normal(size=(2, 10_000, 256)).astype(np.float32)
    tracemalloc.start()
    try:
        predictability(rgb, uv, np.arange(10_000) % 40, folds=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * 2 * 8 * rgb.size
