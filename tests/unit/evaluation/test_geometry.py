"""Geometry of embeddings against closed forms."""

import tracemalloc

import numpy as np
import pytest
from scipy.special import gammaln, iv

from xmodal_pipeline.evaluation import geometry as module
from xmodal_pipeline.evaluation.geometry import effective_rank, geometry, uniformity


def closed_form(dim):
    """Log E exp(−2‖x−y‖²) for x, y uniform on the sphere: the normaliser of von Mises-Fisher at κ = 4."""
    return gammaln(dim / 2) + (dim / 2 - 1) * np.log(2 / 4) + np.log(iv(dim / 2 - 1, 4.0)) - 4


def on_sphere(n, dim, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, dim))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize(("dim", "value"), [(2, -1.57503), (8, -3.08253), (32, -3.75181), (128, -3.93753)])
def test_uniformity_of_the_sphere(dim, value):
    assert closed_form(dim) == pytest.approx(value, abs=1e-5)
    # Standard error of the mean over pairs of 3000 points, largest for two dimensions.
    assert uniformity(on_sphere(3000, dim)) == pytest.approx(value, abs=3e-3)


def test_uniformity_of_a_collapsed_and_of_an_antipodal_embedding():
    assert uniformity(np.ones((5, 3))) == pytest.approx(0)
    assert uniformity([[1.0, 0.0], [-2.0, 0.0]]) == pytest.approx(-2 * 4)


def test_hand_made_pair_measures():
    rgb, uv = np.array([[2.0, 0], [0, 3]]), np.array([[0.0, 1], [0, 1]])
    result = geometry(rgb, uv)
    assert result["pair_distance"] == pytest.approx((2 + 0) / 2)
    assert result["mean_cosine_matched"] == pytest.approx(0.5)
    assert result["mean_cosine_unmatched"] == pytest.approx(0.5)
    assert result["modality_gap"] == pytest.approx(np.hypot(0.5, 0.5))
    assert result["uniformity_rgb"] == pytest.approx(-4)
    assert result["uniformity_uv"] == pytest.approx(0)
    assert result["spread_uv"] == pytest.approx(0)


def test_unmatched_cosine_equals_the_loop():
    rgb, uv = on_sphere(20, 4), on_sphere(20, 4, seed=1)
    cosines = rgb @ uv.T
    expected = np.mean([cosines[i, j] for i in range(20) for j in range(20) if i != j])
    assert geometry(rgb, uv)["mean_cosine_unmatched"] == pytest.approx(expected)


def test_effective_rank_counts_equal_directions():
    axes = np.vstack([np.eye(5), -np.eye(5)])[:, :]
    assert effective_rank(axes) == pytest.approx(5)
    assert effective_rank(np.ones((4, 3))) == 1.0
    assert effective_rank(np.outer(np.arange(6), [1.0, 2.0])) == pytest.approx(1)


@pytest.mark.parametrize(("n", "dim", "directions"), [(500, 40, 40), (500, 40, 3), (25, 40, 40)])
def test_chunks_give_what_all_rows_at_once_give(monkeypatch, n, dim, directions):
    rng = np.random.default_rng(3)
    rgb = rng.normal(size=(n, directions)) @ rng.normal(size=(directions, dim)) + 1
    uv = rgb + rng.normal(size=rgb.shape)
    monkeypatch.setattr(module, "_CHUNK_ROWS", 64)
    result = geometry(rgb, uv)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (rgb, uv))
    values = np.linalg.svd(a - a.mean(0), compute_uv=False)
    share = values[values > 1e-12] / values.sum()
    assert result["effective_rank_rgb"] == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-10)
    assert result["spread_rgb"] == pytest.approx(np.sqrt(a.var(0).sum()), rel=1e-12)
    assert result["pair_distance"] == pytest.approx(((a - b) ** 2).sum(1).mean(), rel=1e-12)
    assert result["modality_gap"] == pytest.approx(np.linalg.norm(a.mean(0) - b.mean(0)), rel=1e-12)
    unmatched = (a @ b.T)[~np.eye(n, dtype=bool)].mean()
    assert result["mean_cosine_unmatched"] == pytest.approx(unmatched, rel=1e-10)


def test_memory_does_not_grow_with_the_rows(monkeypatch):
    monkeypatch.setattr(module, "MAXIMUM_ROWS", 100)
    x = np.random.default_rng(0).normal(size=(60_000, 32)).astype(np.float32)
    tracemalloc.start()
    try:
        geometry(x, x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * x.nbytes  # one side alone in float64


def test_spread_is_one_on_the_uniform_sphere():
    result = geometry(on_sphere(1000, 16), on_sphere(1000, 16) + 50)
    assert result["spread_rgb"] == pytest.approx(1, abs=0.02)
    assert result["spread_uv"] < 0.05


def test_one_modality_alone():
    result = geometry(None, on_sphere(50, 3))
    assert result["modality_gap"] == {"not_applicable": "one modality: uv"}
    assert "uniformity_rgb" not in result
    assert result["uniformity_uv"] == pytest.approx(uniformity(on_sphere(50, 3)))


def test_subsample_is_used_and_seeded(monkeypatch):
    monkeypatch.setattr(module, "MAXIMUM_ROWS", 400)
    x = on_sphere(3000, 8)
    assert uniformity(x, seed=1) == uniformity(x, seed=1) != uniformity(x, seed=2)
    assert uniformity(x, seed=1) == pytest.approx(closed_form(8), abs=0.02)


def test_bad_input_is_refused():
    with pytest.raises(
        ValueError, match=r"geometry: embeddings must be a finite matrix .* got shape \(1, 2\)"
    ):
        geometry(np.ones((1, 2)), None)
