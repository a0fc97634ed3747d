"""Baselines against hand-made images and scikit-learn's canonical correlation."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from xmodal_pipeline.evaluation import retrieval
from xmodal_pipeline.evaluation.baselines import band_means, pca_cca, silhouette


def test_band_means_ignore_the_background():
    images = np.zeros((1, 2, 2, 2), np.float16)
    images[0, 0] = [[0.25, 0.75], [9, 9]]
    images[0, 1] = [[0.5, 0.5], [9, 9]]
    masks = np.array([[[1, 1], [0, 0]]], np.uint8)
    np.testing.assert_allclose(band_means(images, masks), [[0.5, 0.5, 0.25, 0.0]])


def test_an_empty_mask_is_named():
    masks = np.ones((3, 2, 2))
    masks[1] = 0
    with pytest.raises(ValueError, match="the mask of row 1 must not be empty"):
        band_means(np.ones((3, 1, 2, 2)), masks)
    with pytest.raises(ValueError, match=r"masks must be \(3, 2, 2\), got \(2, 2, 2\)"):
        band_means(np.ones((3, 1, 2, 2)), masks[:2])


def test_silhouette_averages_the_outline():
    mask = np.array([[[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 9], [0, 0, 9, 9]]])
    np.testing.assert_allclose(silhouette(mask, size=2), [[0.75, 0, 0, 0.75]])
    # Three pixels on two cells: the middle one counts half for each.
    np.testing.assert_allclose(silhouette(np.array([[[1, 0, 1]] * 3]), size=2), [[2 / 3] * 4])
    np.testing.assert_allclose(silhouette(mask, size=32), mask.reshape(1, -1) > 0)


def test_canonical_correlations_equal_scikit_learn_without_a_ridge(monkeypatch):
    monkeypatch.setattr("xmodal_pipeline.evaluation.baselines._RIDGES", (0.0,))
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(400, 2))
    rgb = shared @ rng.normal(size=(2, 4)) + rng.normal(size=(400, 4))
    uv = shared @ rng.normal(size=(2, 3)) + rng.normal(size=(400, 3))
    transform = pca_cca(rgb, uv, components=2)
    a, b = CCA(2, max_iter=5000, tol=1e-12).fit_transform(rgb, uv)
    expected = [abs(np.corrcoef(a[:, i], b[:, i])[0, 1]) for i in range(2)]
    np.testing.assert_allclose(transform.correlations, expected, atol=1e-6)
    ours = transform(rgb, uv)
    for i in range(2):
        assert np.corrcoef(ours[0][:, i], ours[1][:, i])[0, 1] == pytest.approx(expected[i], abs=1e-6)
        assert abs(np.corrcoef(ours[1][:, i], b[:, i])[0, 1]) == pytest.approx(1, abs=1e-6)


def test_unrelated_wide_modalities_retrieve_at_chance_on_unseen_rows():
    """Without a ridge 60 rows in 500 dimensions correlate perfectly."""
    rng = np.random.default_rng(1)
    rgb, uv = rng.normal(size=(2, 160, 500))
    transform = pca_cca(rgb[:60], uv[:60])
    assert transform.correlations.max() < 0.9
    result = retrieval(*transform(rgb[60:], uv[60:]))
    assert result["rgb_to_uv"]["pairwise"] == pytest.approx(0.5, abs=0.1)


def test_shared_latents_are_found_on_unseen_rows():
    rng = np.random.default_rng(2)
    latent = rng.normal(size=(200, 5))
    rgb = latent @ rng.normal(size=(5, 80)) + rng.normal(size=(200, 80)) + 7
    uv = latent @ rng.normal(size=(5, 50)) + rng.normal(size=(200, 50))
    transform = pca_cca(rgb[:120], uv[:120])
    result = retrieval(*transform(rgb[120:], uv[120:]))
    assert result["uv_to_rgb"]["recall@1"] > 0.6
    # Fitted on the training rows only: other test rows do not move these.
    np.testing.assert_array_equal(
        transform(rgb[120:130], uv[120:130])[0], transform(rgb[120:], uv[120:])[0][:10]
    )


def test_pca_cca_refuses_unpaired_rows():
    with pytest.raises(ValueError, match=r"pca_cca: training rows must be at least 3 .* got 4 and 5"):
        pca_cca(np.ones((4, 2)), np.ones((5, 2)))
