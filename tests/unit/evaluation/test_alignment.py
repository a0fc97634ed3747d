"""Alignment against scikit-bio, published definitions, naive loops, and its own null."""

import itertools
import sys

import numpy as np
import pytest
from scipy.stats import spearmanr

from xmodal_pipeline.evaluation import alignment
from xmodal_pipeline.evaluation.alignment import (
    NEIGHBOURS,
    _orders,
    _permuted_products,
    measure_alignment,
    strength,
)
from xmodal_pipeline.evaluation.cosine import cosine_matrix


def noisy_pair(n=60, dim=6, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    rgb = rng.normal(size=(n, dim))
    return rgb, rgb + noise * rng.normal(size=(n, dim))


def upper(similarity):
    return similarity[np.triu_indices(len(similarity), 1)]


def naive_spearman(rgb, uv):
    return spearmanr(upper(cosine_matrix(rgb)), upper(cosine_matrix(uv))).statistic


def test_statistic_equals_scikit_bio():
    distance = pytest.importorskip("skbio.stats.distance")
    rgb, uv = noisy_pair(80)
    rgb[3], uv[3] = rgb[4], uv[4]  # ties in the similarities

    def distances(side):
        d = 1 - cosine_matrix(side)
        d = (d + d.T) / 2
        np.fill_diagonal(d, 0)
        return distance.DistanceMatrix(d)

    r, p, n = distance.mantel(distances(rgb), distances(uv), "spearman", 999, alternative="greater", seed=1)
    result = alignment(rgb, uv)
    assert result["spearman"] == pytest.approx(r, abs=1e-12)
    assert result["p_value"] == p == 0.001
    assert result["n"] == n


def test_permuted_products_equal_reordered_matrices():
    rng = np.random.default_rng(0)
    x, y = (m + m.T for m in rng.normal(size=(2, 7, 7)))
    np.fill_diagonal(y, 0)
    orders = _orders(np.zeros(7, int), 20, rng)
    expected = [upper(x[np.ix_(order, order)]) @ upper(y) for order in orders]
    np.testing.assert_allclose(_permuted_products(x, y, orders), expected, atol=1e-12)


def test_p_value_counts_permutations_at_least_as_high():
    """Four specimens have 24 orders: the estimated p must approach the exact share."""
    rgb, uv = noisy_pair(4, seed=3)
    sims = cosine_matrix(rgb), cosine_matrix(uv)
    observed = naive_spearman(rgb, uv)
    every = [
        spearmanr(upper(sims[0][np.ix_(o, o)]), upper(sims[1])).statistic
        for o in itertools.permutations(range(4))
    ]
    exact = np.mean(np.array(every) >= observed - 1e-12)
    assert 0.05 < exact < 0.9
    assert alignment(rgb, uv, permutations=9999)["p_value"] == pytest.approx(exact, abs=0.02)


def test_opposed_structures_are_not_significant():
    """One-sided: rank correlations far below zero are not alignment."""
    angles = np.radians([0, 10, 80, 90])
    rgb = np.stack([np.cos(angles), np.sin(angles)], 1)
    angles = np.radians([0, 80, 10, 90])  # neighbours in RGB are far apart in UV
    result = alignment(rgb, np.stack([np.cos(angles), np.sin(angles)], 1))
    assert result["spearman"] < 0
    assert result["p_value"] > 0.3


def test_within_is_the_average_of_each_species_weighted_by_pairs():
    rgb, uv = noisy_pair(40)
    species = np.array(["a"] * 5 + ["b"] * 20 + ["c"] * 12 + ["d"] * 2 + [None], object)
    sizes = {"a": 10, "b": 190, "c": 66}  # pairs; d has one pair and cannot be ranked
    expected = sum(
        pairs * naive_spearman(rgb[species == s], uv[species == s]) for s, pairs in sizes.items()
    ) / sum(sizes.values())
    result = alignment(rgb, uv, strata=species)
    assert result["spearman_within"] == pytest.approx(expected)
    assert result["spearman"] == pytest.approx(naive_spearman(rgb, uv))
    assert result["headline"] == "within"
    assert "too few: 4 species" in result["spearman_among"]["not_applicable"]


def test_among_compares_centroids():
    rgb, uv = noisy_pair(60)
    species = np.arange(60) % 10
    centroids = [np.stack([side[species == s].mean(0) for s in range(10)]) for side in (rgb, uv)]
    result = alignment(rgb, uv, strata=species)
    assert result["spearman_among"] == pytest.approx(naive_spearman(*centroids))
    assert "Harmon & Glor" in result["caution"]


def test_shared_species_alone_align_freely_but_not_within():
    """Both modalities know the species and nothing else: only the free permutation is fooled."""
    rng = np.random.default_rng(1)
    species = np.repeat(np.arange(8), 10)
    rgb, uv = (5 * rng.normal(size=(8, 12))[species] + rng.normal(size=(80, 12)) for _ in range(2))
    result = alignment(rgb, uv, strata=species)
    assert result["p_value"] == 0.001
    assert result["p_value_within"] > 0.05
    assert result["strength"] == "weak"
    assert result["cka_p_value"] > 0.05
    assert result["mutual_knn_p_value"] > 0.05
    assert result["mutual_knn"] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("case", ["free", "within", "among"])
def test_false_positive_rate(case):
    """Nominal .05; with 200 null data sets the central 99.9 % of a binomial is .01 to .11."""
    rng = np.random.default_rng(7)
    key = {"free": "p_value", "within": "p_value_within", "among": "p_value_among"}[case]
    species = np.repeat(np.arange(6 if case == "within" else 12), 5)
    n, hits = len(species), 0
    for seed in range(200):
        centres = 3 * rng.normal(size=(2, species.max() + 1, 6))
        sides = [rng.normal(size=(n, 6)) + (0 if case == "free" else c[species]) for c in centres]
        strata = None if case == "free" else species
        hits += alignment(*sides, strata=strata, permutations=99, seed=seed)[key] <= 0.05
    assert 0.01 <= hits / 200 <= 0.11


def sexed(rng, shared=0.0):
    """Three species of five females and five males, whose sex both modalities know; and what they share."""
    species, sex = np.repeat(np.arange(3), 10), np.tile([0, 1], 15)
    rgb, uv = rng.normal(size=(2, 30, 8)) + shared * rng.normal(size=(30, 8))
    rgb[:, 0] += 4 * sex
    uv[:, 1] += 4 * sex
    return rgb, uv, species, sex


def test_a_sex_that_both_know_is_no_common_order_beyond_it():
    rgb, uv, species, sex = sexed(np.random.default_rng(0))
    assert alignment(rgb, uv, species)["p_value_within"] < 0.01
    found, numbers = measure_alignment(rgb, uv, species, 999, 0, classes=sex)
    plain = alignment(rgb, uv, species)
    assert found["spearman_within"] == plain["spearman_within"] > 0.3
    assert found["p_value_within"] > 0.1
    assert found["spearman_within_null"] == pytest.approx(found["spearman_within"], abs=0.15)
    assert abs(plain["spearman_within_null"]) < 0.05
    assert found["cka_p_value"] > 0.05 > plain["cka_p_value"]
    (row,) = (one for one in numbers if one.metric == "spearman_within")
    assert (row.chance, row.p) == (found["spearman_within_null"], found["p_value_within"])
    rgb, uv, species, sex = sexed(np.random.default_rng(0), shared=2)
    assert measure_alignment(rgb, uv, species, 999, 0, classes=sex)[0]["p_value_within"] < 0.01


def test_specimens_without_a_class_stay_in_their_place():
    rgb, uv, species, sex = sexed(np.random.default_rng(1))
    known = np.where(np.arange(30) < 2, sex, None)  # one of each sex: nothing can move
    few = measure_alignment(rgb, uv, species, 99, 0, classes=known)[0]["p_value_within"]
    assert few == {"not_applicable": "too few: no two specimens of a species have one class"}


@pytest.mark.slow
def test_false_positive_rate_beyond_the_sex():
    """200 null studies whose modalities share the sex alone, nominal .05."""
    rng, hits = np.random.default_rng(2), []
    for seed in range(200):
        rgb, uv, species, sex = sexed(rng)
        beyond = measure_alignment(rgb, uv, species, 99, seed, classes=sex)[0]
        hits.append(
            [one["p_value_within"] <= 0.05 for one in (beyond, alignment(rgb, uv, species, 99, seed))]
        )
    assert np.mean(hits, axis=0)[0] <= 0.1
    assert np.mean(hits, axis=0)[1] > 0.9


def test_strength_has_its_limits():
    values = (-0.9, 0.39, 0.4, 0.69, 0.7, 1)
    expected = ["weak", "weak", "moderate", "moderate", "strong", "strong"]
    assert [strength(value) for value in values] == expected
    rgb, _ = noisy_pair()
    assert alignment(rgb, 3 * rgb)["strength"] == "strong"
    assert alignment(rgb, 3 * rgb)["spearman"] == pytest.approx(1)


def test_linear_cka_equals_the_feature_form():
    """Kornblith et al. 2019: ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖) of centred features; here with unequal dimensions."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)) + 3, rng.normal(size=(30, 9))
    a, b = x - x.mean(0), y - y.mean(0)
    norm = np.linalg.norm
    expected = norm(b.T @ a) ** 2 / (norm(a.T @ a) * norm(b.T @ b))
    assert alignment(x, y)["cka"] == pytest.approx(expected, abs=1e-12)
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert alignment(x, 5 * x @ rotation + 1)["cka"] == pytest.approx(1)


def test_mutual_knn_equals_set_intersections():
    """Huh et al. 2024: mean size of the intersection of the k nearest, over k."""
    rgb, uv = noisy_pair(40)
    sets = []
    for side in (rgb, uv):
        similarity = cosine_matrix(side)
        np.fill_diagonal(similarity, -np.inf)
        sets.append([set(row) for row in np.argsort(-similarity, axis=1)[:, :NEIGHBOURS]])
    expected = np.mean([len(a & b) / NEIGHBOURS for a, b in zip(*sets, strict=True)])
    assert alignment(rgb, uv)["mutual_knn"] == pytest.approx(expected)
    assert alignment(rgb, uv)["mutual_knn_null"] == pytest.approx(NEIGHBOURS / 39, abs=0.01)


def test_collapsed_embedding_is_not_aligned():
    rgb, _ = noisy_pair(30)
    collapsed = np.ones((30, 6))
    assert alignment(collapsed, collapsed)["mutual_knn"] == pytest.approx(NEIGHBOURS / 29)
    result = alignment(rgb, collapsed)
    for key in ("spearman", "p_value", "strength", "cka"):
        assert "not_applicable" in result[key]


def test_width_alone_raises_cka_but_also_its_null():
    rng = np.random.default_rng(0)
    narrow, wide = (alignment(*rng.normal(size=(2, 40, d)), permutations=99) for d in (2, 200))
    assert wide["cka"] > 0.7 > narrow["cka"]
    assert wide["cka"] == pytest.approx(wide["cka_null"], abs=0.02)


def test_modalities_are_interchangeable():
    rgb, uv = noisy_pair(30)
    forward, backward = alignment(rgb, uv), alignment(uv, rgb)
    for key in ("spearman", "cka", "mutual_knn"):
        assert forward[key] == pytest.approx(backward[key])


def test_large_studies_are_subsampled_and_say_so(monkeypatch):
    module = sys.modules["xmodal_pipeline.evaluation.geometry"]
    monkeypatch.setattr(module, "MAXIMUM_ROWS", 50)
    rgb, uv = noisy_pair(120)
    result = alignment(rgb, uv, strata=np.arange(120) % 3, permutations=19, seed=4)
    assert (result["n"], result["n_used"]) == (120, 50)
    assert result == alignment(rgb, uv, strata=np.arange(120) % 3, permutations=19, seed=4)


def test_bad_input_is_refused():
    rgb, uv = noisy_pair(10)
    with pytest.raises(
        ValueError, match=r"alignment: rgb and uv must be matrices with one row count .* \(9, 6\)"
    ):
        alignment(rgb, uv[:9])
    uv[4, 0] = np.inf
    with pytest.raises(ValueError, match=r"alignment: uv must be finite, .* in 1 row\(s\), the first 4"):
        alignment(rgb, uv)
    with pytest.raises(ValueError, match=r"alignment: rgb must be finite, .* in 1 row\(s\), the first 4"):
        alignment(uv, rgb)
    with pytest.raises(ValueError, match=r"specimens must name .* missing value in 2 row\(s\), the first 1"):
        alignment(rgb, rgb, specimens=["a", None, np.nan, *"bcdefgh"])
    with pytest.raises(ValueError, match="specimens must be at least 3, got 2 of 10 captures"):
        alignment(rgb, rgb, specimens=np.arange(10) % 2)
    with pytest.raises(ValueError, match=r"agree in strata, got several for 1 row\(s\), the first 9"):
        alignment(rgb, rgb, strata=[0] * 9 + [1], specimens=np.arange(10) // 2)


def test_specimens_are_one_row_each_of_equally_many_captures():
    """The specimen with the fewest captures, two, sets how many of the others are averaged."""
    rng = np.random.default_rng(0)
    owners = rng.permutation(np.repeat(np.arange(12), [2, 3, 4] * 4))
    rgb, uv = noisy_pair(len(owners))
    species = np.where(owners < 6, "a", "b")
    order = list(dict.fromkeys(owners))
    first = [np.flatnonzero(owners == one)[:2] for one in order]
    means = [np.stack([side[rows].mean(0) for rows in first]) for side in (rgb, uv)]
    expected = alignment(*means, strata=[species[rows[0]] for rows in first])
    assert alignment(rgb, uv, strata=species, specimens=[f"s{one}" for one in owners]) == expected
    assert expected["n"] == 12
    assert alignment(*means, specimens=np.arange(12)) == alignment(*means)


@pytest.mark.slow
@pytest.mark.parametrize("captures", [[3], [1, 6]])
def test_repeats_of_a_specimen_do_not_count_as_agreement(captures):
    """Nothing is shared, but each modality knows the specimen; 200 null studies, nominal .05 and .5."""
    rng = np.random.default_rng(3)
    p = {True: [], False: []}
    owners = np.repeat(np.arange(24), np.resize(captures, 24))
    species = owners % 3
    for seed in range(200):
        rgb, uv = 1 + rng.normal(size=(2, 24, 8))[:, owners] + 0.7 * rng.normal(size=(2, len(owners), 8))
        found = alignment(rgb, uv, species, 99, seed, specimens=owners)
        p[True].append([found["p_value"], found["p_value_within"]])
        p[False].append(alignment(rgb, uv, species, 99, seed)["p_value_within"])
    assert np.mean(np.array(p[False]) <= 0.05) > 0.4
    for rejected, level in ((np.array(p[True]) <= 0.05, 0.05), (np.array(p[True]) <= 0.5, 0.5)):
        assert np.abs(rejected.mean(0) - level).max() <= 3.3 * np.sqrt(level * (1 - level) / 200)
