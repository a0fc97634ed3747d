"""Spectra and bands: closed forms, published landmarks, and which bands a change may touch."""

import numpy as np
import pytest

from xmodal_pipeline.params.ingest import LAYOUTS
from xmodal_pipeline.simulation import reflectance


def bands_of(melanin=0.0, carotenoid=0.0, edge_nm=500.0):
    return reflectance.pigment_bands(np.array(melanin), np.array(carotenoid), np.array(edge_nm))


def test_bands_are_those_of_the_reference_layout_in_file_order():
    layout = LAYOUTS["rgb_uv_mask"]
    assert (*reflectance.BANDS, layout.mask) == layout.order


def test_a_perfect_white_reflector_is_one_in_every_band():
    white = np.ones_like(reflectance.WAVELENGTHS_NM)
    np.testing.assert_allclose(white @ reflectance.band_responses(), 1.0, atol=1e-12)


def test_each_response_peaks_near_its_wavelength_and_uv_is_shut_out_of_the_visible():
    response = reflectance.band_responses()
    wavelengths = LAYOUTS["rgb_uv_mask"].wavelength_nm
    for k, band in enumerate(reflectance.BANDS):
        centroid = reflectance.WAVELENGTHS_NM @ response[:, k]
        assert centroid == pytest.approx(wavelengths[band], abs=12.0)
    visible = reflectance.WAVELENGTHS_NM >= 410
    assert response[visible, 3:].sum() < 1e-3


def test_d65_at_the_values_that_colorimetry_texts_print():
    spectrum = dict(zip(reflectance.WAVELENGTHS_NM, reflectance.illuminant(), strict=True))
    assert spectrum[560.0] == 100.0
    assert spectrum[380.0] == 49.9755
    assert spectrum[300.0] == 0.0341
    assert spectrum[700.0] == 71.6091
    assert spectrum[385.0] == pytest.approx(52.3118, abs=1e-3)  # CIE 15 table at 5 nm


def test_melanin_follows_the_power_law_of_jacques():
    shape = dict(zip(reflectance.WAVELENGTHS_NM, reflectance.melanin_absorbance(), strict=True))
    assert shape[500.0] == 1.0
    assert shape[350.0] == pytest.approx((350 / 500) ** -3.5)
    darker = bands_of(melanin=1.0) / bands_of()
    assert np.all(np.diff(darker) < 0)  # from R to UV3: the shorter, the darker


def test_melanin_in_a_narrow_band_is_beer_lambert():
    spectrum = reflectance.white_spectrum() * np.exp(-2.0 * reflectance.melanin_absorbance())
    np.testing.assert_allclose(bands_of(melanin=2.0), spectrum @ reflectance.band_responses(), rtol=1e-12)


def test_the_carotenoid_edge_moves_red_and_green_and_leaves_uv():
    yellow, orange = bands_of(0.1, 2.0, 500.0), bands_of(0.1, 2.0, 530.0)
    assert orange[1] < 0.75 * yellow[1]
    np.testing.assert_allclose(orange[3:], yellow[3:], rtol=1e-3)


def test_a_yellow_feather_has_a_second_peak_in_uv():
    absorbance = dict(
        zip(reflectance.WAVELENGTHS_NM, reflectance.carotenoid_absorbance(np.array(505.0)), strict=True)
    )
    assert absorbance[350.0] < 0.5 * absorbance[440.0]
    assert absorbance[600.0] < 0.01


def test_structural_uv_does_not_reach_the_visible_nor_structural_blue_uv():
    blue, uv = reflectance.structural_bands()
    assert uv[3:].min() > 0.5
    assert uv[:3].max() < 0.003 * uv[3:].min()
    assert blue[2] > 0.6
    assert blue[3:].max() < 0.01 * blue[2]
