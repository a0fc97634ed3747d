"""A noisy RGB: what repeats tell, the correction, and the tips."""

import numpy as np
import pytest

from xmodal_pipeline.evaluation import uv_value
from xmodal_pipeline.evaluation.schema import UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.noise import Correction, Noise, Repeats, measure_repeats, noise_added


def make_noisy(seed, noise, *, captures, species=6, n=70, trait=0.0):
    """RGB and UV are one colour that differs between the classes; RGB is read with noise."""
    rng = np.random.default_rng(seed)
    count = species * 2 * n
    names, sex = np.repeat(np.arange(species), 2 * n), np.tile(np.repeat([0, 1], n), species)
    colour = rng.normal(size=(count, 2)) + 2.0 * sex[:, None]
    uv = colour + 0.3 * rng.normal(size=(count, 2)) + trait * sex[:, None]
    rows = np.repeat(np.arange(count), captures)
    rgb = colour[rows] + noise * rng.normal(size=(len(rows), 2))
    return rgb, uv[rows], sex[rows], names[rows], rows


def test_noise_of_a_capture_is_the_pooled_covariance_about_specimens():
    rgb = np.repeat(np.arange(41.0)[:, None] * [1, -3], 2, axis=0)
    rgb[::2] += [0.3, 0.1]
    found = measure_repeats(rgb, np.repeat(np.arange(41), 2))
    np.testing.assert_allclose(found.covariance, np.outer([0.15, 0.05], [0.15, 0.05]) * 2)
    assert (found.n, found.df, found.is_enough) == (41, 41, True)
    few = measure_repeats(rgb[:-3], np.repeat(np.arange(41), 2)[:-3])
    assert (few.n, few.df, few.is_enough) == (39, 39, False)


def test_noise_is_told_with_its_interval_from_five_specimens_on():
    sd, low, high = Repeats(17, np.diag([1.0, 3.0]), 17.0).sd
    assert sd == pytest.approx(np.sqrt(2))
    # χ² of 17 df lies below 7.564 and above 30.191 with .025 each.
    assert low == pytest.approx(np.sqrt(2 * 17 / 30.191), rel=1e-4)
    assert high == pytest.approx(np.sqrt(2 * 17 / 7.564), rel=1e-4)
    assert np.isnan(Repeats(4, np.eye(2), 9.0).sd).all()
    assert np.isfinite(Repeats(5, np.eye(2), 9.0).sd).all()


def test_a_table_tells_the_noise_of_a_capture_of_colour_and_none_of_an_embedding():
    rgb, uv, sex, species, specimen = make_noisy(3, 0.1, captures=2, species=2, n=10)
    row = uv_value(rgb, uv, sex, species, specimen).iloc[0]
    assert row["n_repeated"] == 40
    assert row["noise_low"] < 0.1 < row["noise_high"]
    assert row["noise_low"] < row["noise_sd"] < row["noise_high"] < 0.13
    alone = uv_value(rgb, uv, sex, species).iloc[0]
    assert alone["n_repeated"] == 0
    assert np.isnan(alone["noise_sd"])
    learnt = uv_value(np.hstack([rgb] * 7), uv, sex, species, specimen).iloc[0]
    assert learnt["n_repeated"] == 40
    assert np.isnan(learnt[["noise_sd", "uv_difference", "p_uv", "q_uv"]].astype(float)).all()


def test_attenuation_is_the_share_of_signal_floored_at_a_tenth():
    noise = Noise(np.diag([1.0, 39.0]), np.array([2.0, 2.0]), df=50.0)
    found = noise.correct(np.diag([5.0, 20.0]), np.array([1.0, 0.0]), np.arange(2), np.ones(2, bool), 20.0)
    # Means of two captures have half the noise: .5 of 5, and 19.5 of 20.
    np.testing.assert_allclose(found.attenuation, np.diag([0.9, 0.1]))
    np.testing.assert_allclose(found.lost, np.diag([0.1 * 0.5, 0.9 * 19.5]))
    assert found.reliability == pytest.approx(0.9)
    assert found.spread == pytest.approx(2 * (1 / 50 + 1 / 20))


def test_attenuation_is_of_rows_in_any_coordinates():
    rng = np.random.default_rng(0)
    turn = rng.normal(size=(2, 2))
    noise, spread = np.diag([1.0, 2.0]), np.array([[5.0, 1.0], [1.0, 4.0]])
    plain = Noise(noise, np.ones(3)).correct(spread, np.ones(2), np.arange(3), np.ones(2, bool), 9.0)
    turned = Noise(turn.T @ noise @ turn, np.ones(3)).correct(
        turn.T @ spread @ turn, turn.T @ np.ones(2), np.arange(3), np.ones(2, bool), 9.0
    )
    np.testing.assert_allclose(plain.attenuation, (spread - noise) @ np.linalg.inv(spread))
    np.testing.assert_allclose(turned.attenuation, turn.T @ plain.attenuation @ np.linalg.inv(turn.T))
    assert plain.reliability == pytest.approx(turned.reliability)


def test_a_share_of_noise_is_a_reliability_and_spares_covariates():
    spread = np.array([[4.0, 0.0], [0.0, 9.0]])
    found = Noise(np.zeros((1, 1)), np.ones(3), share=0.2).scaled(np.ones(2), np.ones(2, bool))
    found = found.correct(spread, np.array([2.0, 0.0]), np.arange(3), np.array([True, False]), 9.0)
    np.testing.assert_allclose(found.attenuation, np.diag([0.8, 1.0]))
    assert found.reliability == pytest.approx(0.8)


def test_variance_that_noise_adds_by_hand():
    correction = Correction(np.eye(2), np.diag([0.1, 0.3]), reliability=0.8, spread=0.5)
    slopes = np.array([[1.0, 0.0], [2.0, 1.0]])
    added = noise_added(correction, slopes, np.array([3.0, 4.0]), weight=5.0)
    means = (0.1 + 0.3 * 4 + 0.3) / (2 * 5)
    assert added == pytest.approx(means + 25 / 2 * (0.2 / 0.8) ** 2 * 0.5)


def test_noise_makes_uv_add_and_repeats_take_it_back():
    claims = {}
    for captures in (1, 2):
        table = uv_value(*make_noisy(1, 0.45, captures=captures))
        rows = table[table["scope"] == "species"]
        claims[captures] = rows["verdict"].isin(UV_CLAIMS).mean()
        if captures == 2:
            assert rows["reliability"].between(0.75, 0.99).all()
        else:
            assert rows["reliability"].isna().all()
    assert claims[1] > 0.5
    assert claims[2] == 0


def test_a_trait_survives_the_correction():
    table = uv_value(*make_noisy(1, 0.2, captures=2, trait=2.0))
    assert table.loc[table["scope"] == "species", "verdict"].isin(UV_CLAIMS).mean() > 0.7


def test_rows_of_a_specimen_are_averaged_however_few():
    rgb, uv, sex, species, specimen = make_noisy(2, 0.3, captures=2, species=3, n=6)
    table = uv_value(rgb, uv, sex, species, specimen)
    means = [(values[::2] + values[1::2]) / 2 for values in (rgb, uv)]
    expected = uv_value(*means, sex[::2], species[::2])
    np.testing.assert_allclose(table["p"], expected["p"])
    assert table["reliability"].isna().all()


def test_a_score_of_low_reliability_claims_nothing():
    rgb, uv, sex, species, specimen = make_noisy(3, 1.5, captures=2, trait=4.0)
    rows = uv_value(rgb, uv, sex, species, specimen).query("scope == 'species'")
    low = rows[rows["reliability"] < 0.7]
    assert len(low) > 3
    assert not low["verdict"].isin(UV_CLAIMS).any()


def test_tips_lie_where_the_claim_vanishes():
    """A claim made of noise goes at about the noise that made it; a planted one stands far longer."""
    rgb, uv, sex, species, _ = make_noisy(1, 0.45, captures=1)
    false = uv_value(rgb, uv, sex, species).query("scope == 'species' and noise_tip == noise_tip")
    assert len(false) > 3
    assert (false["noise_tip"] < 0.45).mean() > 0.8
    assert (false["tip"] > 1 / (1 + 0.45**2)).mean() > 0.6
    rgb, uv, sex, species, _ = make_noisy(1, 0.05, captures=1, trait=2.0)
    planted = uv_value(rgb, uv, sex, species).query("scope == 'species' and noise_tip == noise_tip")
    assert (planted["noise_tip"] > 0.05).all()
    assert planted["noise_tip"].median() > 2 * false["noise_tip"].median()
    assert planted["tip"].between(0.7, 1).all()


def test_noise_tip_is_in_units_of_the_features_and_unknown_for_embeddings():
    rgb, uv, sex, species, _ = make_noisy(1, 0.05, captures=1, trait=2.0)
    plain, wide = (uv_value(k * rgb, uv, sex, species)["noise_tip"] for k in (1.0, 10.0))
    np.testing.assert_allclose(10 * plain, wide)
    learnt = uv_value(rgb, uv, sex, species, is_learnt=True)
    assert learnt["noise_tip"].isna().all()
    assert learnt["tip"].notna().any()
