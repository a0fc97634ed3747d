"""The computed truth: requested δ are met, 'only' means it, nothing is nothing, and rendering agrees."""

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from scipy.stats import multivariate_normal

from xmodal_pipeline.params.ingest import SimulationParams
from xmodal_pipeline.simulation import truth
from xmodal_pipeline.simulation.camera import BACKGROUND, Offset, Pose, paint
from xmodal_pipeline.simulation.species import Role, colours, draw_individuals, draw_species
from xmodal_pipeline.simulation.study import make_species

PARAMS = SimulationParams(seed=5, uv_effect=2.5)
SIZE = 64
FLAT = {"size": SIZE, "pose": Pose(), "offset": Offset()}
"""How specimens are painted to be measured: upright, evenly lit, registered."""


@pytest.fixture(scope="module")
def made():
    return {role: make_species(PARAMS, index, role) for index, role in enumerate(Role)}


def prepared(role, *, index=0, n=truth.N_VIRTUAL, params=PARAMS):
    rng = np.random.default_rng([9, index])
    species = draw_species("Test_species", role, "butterfly", rng)
    virtual = truth.draw_virtual(species, rng, male_share=params.male_share, n=n)
    return truth.calibrate(species, virtual), virtual


def take(values, k):
    """The k-th of n individuals, or of their colours."""
    return type(values)(*(take(one, k) if isinstance(one, tuple) else one[k : k + 1] for one in values))


def rendered_means(species, virtual, male, orange):
    """Foreground mean of every band of every specimen, from flat-lit noise-free images."""
    look = colours(species, virtual.individuals, male, orange)
    rows = []
    for k in range(len(male)):
        image, coverage = paint(species, take(virtual.individuals, k), take(look, k), **FLAT)
        specimen = image - BACKGROUND * (1.0 - coverage)
        rows.append(specimen.sum(axis=(1, 2)) / coverage.sum())
    return np.array(rows)


def oracle_delta(first, second, bands):
    """Mahalanobis distance by scipy, from the class means and the pooled covariance."""
    pooled = 0.5 * (np.cov(first[:, bands].T) + np.cov(second[:, bands].T))
    return mahalanobis(second[:, bands].mean(0), first[:, bands].mean(0), np.linalg.inv(pooled))


def test_separations_of_known_normals():
    rng = np.random.default_rng(0)
    covariance = np.diag([1.0, 4.0, 1.0, 1.0, 9.0, 1.0])
    covariance[0, 3] = covariance[3, 0] = 0.6
    first = multivariate_normal(np.zeros(6), covariance, seed=rng).rvs(400_000)
    shift = np.array([1.0, 0, 0, 1.0, 3.0, 0])
    found = truth.separations(first, first + shift, second_share=0.3)
    # Band 3 given band 0: difference 1 − .6 over variance 1 − .36; band 4 is independent: (3 / 3)².
    assert found.rgb == pytest.approx(1.0, abs=0.01)
    assert found.uv == pytest.approx(2**0.5, abs=0.01)
    assert found.uv_adds == pytest.approx((0.4**2 / 0.64 + 1.0) ** 0.5, abs=0.01)


def test_uv_only_species_meet_the_request(made):
    one = made[Role.UV_ONLY]
    assert one.sex_uv_adds == pytest.approx(2.5, abs=0.05)
    assert one.sex_delta_uv > 1.5
    assert one.sex_delta_rgb < 0.1


def test_rgb_only_species_meet_the_request(made):
    one = made[Role.RGB_ONLY]
    assert one.sex_delta_rgb == pytest.approx(2.5, abs=0.05)
    assert one.sex_delta_uv < 0.1
    assert one.sex_uv_adds < 0.8


def test_redundant_species_show_sex_twice_and_uv_adds_little(made):
    one = made[Role.REDUNDANT]
    assert one.sex_delta_rgb == pytest.approx(2.5, abs=0.05)
    assert one.sex_delta_uv > 1.5
    assert one.sex_uv_adds < 0.6


def test_leaking_species_show_sex_mostly_in_uv(made):
    one = made[Role.LEAKING]
    assert one.sex_delta_uv == pytest.approx(2.5, abs=0.05)
    assert one.sex_delta_rgb == pytest.approx(truth.LEAK_SHARE * 2.5, abs=0.05)
    assert one.sex_uv_adds > 1.0


@pytest.mark.parametrize("role", [Role.UV_ONLY, Role.REDUNDANT, Role.LEAKING])
def test_morph_shows_in_rgb_only(made, role):
    assert made[role].morph_delta_rgb == pytest.approx(2.5, abs=0.05)
    assert made[role].morph_delta_uv < 0.1


def deltas(one):
    return {name: value for name, value in vars(one).items() if name != "species"}


def test_plain_species_show_nothing(made):
    assert set(deltas(made[Role.PLAIN]).values()) == {0.0}


def test_pattern_species_show_sex_in_no_mean_and_no_sd(made):
    found = deltas(made[Role.PATTERN])
    assert found.pop("sex_delta_pattern") == pytest.approx(10.0, rel=0.05)
    assert found.pop("sex_delta_rgb") < 0.001
    # The forward shares of 2,000 individuals are no mirror image of themselves.
    assert found.pop("sex_delta_uv_sd") < 0.2
    assert max(found.values()) < 0.02


def test_the_brighter_spot_lies_forward_in_males_and_backward_in_females(made):
    species = made[Role.PATTERN].species
    one = draw_individuals(species, np.random.default_rng(2), 1)
    images = [
        paint(species, one, colours(species, one, np.array([male]), np.array([False])), **FLAT)[0]
        for male in (False, True)
    ]
    gained = images[1] - images[0]
    assert np.abs(gained[:3]).max() < 1e-3
    forward, backward = np.maximum(gained[4], 0.0), np.maximum(-gained[4], 0.0)
    assert forward.sum() > 1.0
    assert backward.sum() == pytest.approx(forward.sum(), rel=0.1)  # mottle, veins
    rows = np.arange(SIZE)
    mean_rows = [spot.sum(axis=1) @ rows / spot.sum() for spot in (forward, backward)]
    assert mean_rows[0] < SIZE / 2 < mean_rows[1]  # rows run down, the head is up


def test_an_impossible_pattern_is_refused():
    with pytest.raises(ValueError, match=r"pattern_effect must be at most 10.7, .* got 11"):
        make_species(SimulationParams(pattern_effect=11.0), 0, Role.PATTERN)


@pytest.mark.parametrize("role", [Role.UV_ONLY, Role.PATTERN])
def test_images_have_the_band_sds_that_the_quadrature_computes(role):
    rng = np.random.default_rng(3)
    species = draw_species("Test_species", role, "butterfly", rng)
    virtual = truth.draw_virtual(species, rng, male_share=0.5, n=40)
    species = truth.plant(truth.calibrate(species, virtual), virtual, PARAMS)
    computed = truth.band_sds(species, virtual, virtual.male, virtual.orange)
    look = colours(species, virtual.individuals, virtual.male, virtual.orange)
    rows = []
    for k in range(len(virtual.male)):
        image, coverage = paint(species, take(virtual.individuals, k), take(look, k), **FLAT)
        rows.append(image[:, coverage == 1.0].std(axis=1))
    rendered = np.array(rows)
    # Scale rows and veins, which the quadrature leaves out, are a tenth of the variance.
    assert np.abs((rendered / computed).mean(axis=0) - 1.0).max() < 0.1
    assert np.corrcoef(rendered[:, 4], computed[:, 4])[0, 1] > 0.97


@pytest.mark.parametrize("role", list(Role))
def test_effects_of_zero_are_truly_nothing(role):
    params = SimulationParams(uv_effect=0.0, rgb_effect=0.0, shared_effect=0.0, pattern_effect=0.0, seed=5)
    one = make_species(params, 0, role)
    assert set(one.species.effects) == {0.0}
    assert set(deltas(one).values()) == {0.0}


@pytest.mark.parametrize("requested", [0.5, 1.5, 4.0])
def test_other_effect_sizes_and_sex_ratios_are_met(requested):
    params = SimulationParams(uv_effect=requested, rgb_effect=1.0, male_share=0.3, seed=5)
    one = make_species(params, 1, Role.UV_ONLY)
    assert one.sex_uv_adds == pytest.approx(requested, abs=0.05)
    assert one.morph_delta_rgb == pytest.approx(1.0, abs=0.05)
    assert one.sex_delta_rgb < 0.1


def test_an_impossible_effect_is_refused():
    with pytest.raises(ValueError, match=r"uv_effect must be reachable .* got δ = 500"):
        make_species(SimulationParams(uv_effect=500.0), 0, Role.UV_ONLY)


@pytest.mark.parametrize("kind", ["butterfly", "bird"])
def test_images_have_the_band_means_that_the_quadrature_computes(kind):
    rng = np.random.default_rng(3)
    species = draw_species("Test_species", Role.UV_ONLY, kind, rng)
    virtual = truth.draw_virtual(species, rng, male_share=0.5, n=40)
    species = truth.calibrate(species, virtual)
    computed = truth.band_means(species, virtual, virtual.male, virtual.orange)
    rendered = rendered_means(species, virtual, virtual.male, virtual.orange)
    ratio = rendered / computed
    assert np.abs(ratio.mean(axis=0) - 1.0).max() < 0.02
    assert ratio.std(axis=0).max() < 0.02  # against a spread between individuals of 0.17
    for band in range(6):
        assert np.corrcoef(rendered[:, band], computed[:, band])[0, 1] > 0.985


def test_an_independent_estimate_from_images_agrees_with_the_truth():
    species, virtual = prepared(Role.UV_ONLY, n=truth.N_VIRTUAL)
    species = truth.plant(species, virtual, PARAMS)
    computed = truth.sex_separations(species, virtual, male_share=0.5)
    seen = truth.draw_virtual(species, np.random.default_rng(77), male_share=0.5, n=250)
    male = np.ones(250, dtype=bool)
    females = rendered_means(species, seen, ~male, seen.orange)
    males = rendered_means(species, seen, male, seen.orange)
    rgb, uv, both = slice(0, 3), slice(3, 6), slice(0, 6)
    # 250 twins estimate δ with a standard error of about δ / √(2 · 250) = 0.11.
    assert oracle_delta(females, males, rgb) < 0.1
    assert oracle_delta(females, males, uv) == pytest.approx(computed.uv, abs=0.3)
    adds = oracle_delta(females, males, both) ** 2 - oracle_delta(females, males, rgb) ** 2
    assert adds**0.5 == pytest.approx(2.5, abs=0.35)


@pytest.mark.parametrize("index", range(4))
def test_brightness_varies_within_species_by_15_to_20_percent(index):
    species, virtual = prepared(Role.PLAIN, index=index)
    visible = truth.band_means(species, virtual, virtual.male, virtual.orange)[:, :3].mean(axis=1)
    assert 0.15 <= visible.std() / visible.mean() <= 0.20


def test_brightness_overlaps_between_species():
    means = []
    for index in range(6):
        species, virtual = prepared(Role.PLAIN, index=index, n=400)
        means.append(truth.band_means(species, virtual, virtual.male, virtual.orange)[:, :3].mean(axis=1))
    centres = np.array([values.mean() for values in means])
    within = np.mean([values.std() for values in means])
    assert centres.max() - centres.min() < 4.0 * within


def test_uv_bands_are_nearly_one_dimension_and_not_a_function_of_rgb():
    rows = []
    for index in range(5):
        species, virtual = prepared(Role.UV_ONLY if index < 2 else Role.PLAIN, index=index, n=200)
        rows.append(truth.band_means(species, virtual, virtual.male, virtual.orange))
    bands = np.concatenate(rows)
    correlation = np.corrcoef(bands.T)
    assert correlation[3:, 3:].min() > 0.95
    within = np.concatenate([np.log(one) - np.log(one).mean(axis=0) for one in rows])
    fitted = within[:, :3] @ np.linalg.lstsq(within[:, :3], within[:, 4], rcond=None)[0]
    assert 0.3 < np.corrcoef(fitted, within[:, 4])[0, 1] < 0.95
