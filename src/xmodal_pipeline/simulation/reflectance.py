"""What the simulated camera sees: spectra of pigments and structures, daylight, band sensitivities.

Spectral shapes follow published measurements; amounts are free. Every spectrum is sampled at
`WAVELENGTHS_NM` on its last axis.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.params.ingest import LAYOUTS

Array = NDArray[np.float64]

LAYOUT = LAYOUTS["rgb_uv_mask"]
BANDS = (*LAYOUT.rgb, *LAYOUT.uv)
WAVELENGTHS_NM: Array = np.arange(300.0, 701.0, 5.0)

# CIE standard illuminant D65, 300 to 700 nm by 10 nm, 100 at 560 nm (ISO/CIE 11664-2:2022, table 1).
_D65 = (
    *(0.0341, 3.2945, 20.2360, 37.0535, 39.9488, 44.9117, 46.6383, 52.0891, 49.9755, 54.6482),
    *(82.7549, 91.4860, 93.4318, 86.6823, 104.865, 117.008, 117.812, 114.861, 115.923, 108.811),
    *(109.354, 107.802, 104.790, 107.689, 104.405, 104.046, 100.000, 96.3342, 95.7880, 88.6856),
    *(90.0062, 89.5991, 87.6987, 83.2886, 83.6992, 80.0268, 80.2146, 82.2778, 78.2842, 69.7213),
    71.6091,
)

# Camera primaries are about 60 to 75 nm wide at half height. The UV bands are three sensels that overlap
# behind one filter, which makes them nearly one dimension; the filter shuts out light above its edge
# (320 to 390 nm, as the Baader U-Venus of most UV photography).
_BAND_SD_NM = {"R": 30.0, "G": 30.0, "B": 24.0, "UV1": 20.0, "UV2": 20.0, "UV3": 20.0}
_FILTER_EDGE_NM, _FILTER_WIDTH_NM = 390.0, 2.5

# Melanosome absorption ~ (λ/500 nm)^-3.5: Jacques 2013, Phys. Med. Biol. 58 R37, equation 8.
_MELANIN_EXPONENT = -3.5
# Unpigmented keratin and chitin scatter white; the far-UV reflectance falls below about 350 to 380 nm:
# Stavenga & Wilts 2014, Phil. Trans. R. Soc. B 369 20130041, figure 7c (white goldfinch feather).
_WHITE_LEVEL, _WHITE_FLOOR, _WHITE_EDGE_NM, _WHITE_WIDTH_NM = 0.75, 0.40, 365.0, 18.0
# Carotenoids absorb everything below a steep edge but for a window near 350 nm, hence the second, UV
# peak of yellow and red feathers: Stavenga & Wilts 2014, figure 7b, c (siskin, bullfinch, goldfinch).
_EDGE_WIDTH_NM, _WINDOW_NM, _WINDOW_SD_NM, _WINDOW_DEPTH = 11.0, 350.0, 28.0, 0.62
# Non-iridescent structural blue peaks between 440 and 480 nm: Osorio & Ham 2002, J. Exp. Biol. 205 2017.
_BLUE_NM, _BLUE_SD_NM = 465.0, 22.0
# Ridge multilayers of pierid scales peak between 340 and 370 nm and lie above a pigment that stays the
# same: Ghiradella et al. 1972, Science 178 1214; Wilts, Pirih & Stavenga 2011, J. Comp. Physiol. A 197 693.
_UV_NM, _UV_SD_NM = 355.0, 20.0


def illuminant() -> Array:
    """CIE D65 at `WAVELENGTHS_NM`, linear between its 10 nm entries (as CIE 15 prescribes)."""
    return np.asarray(np.interp(WAVELENGTHS_NM, np.arange(300.0, 701.0, 10.0), _D65))


@cache
def band_responses() -> Array:
    """Weights that turn spectra into band values, (wavelengths, bands) in the order of `BANDS`.

    Gaussian sensitivities at the layout's wavelengths, UV through its filter, times D65; each column
    sums to 1, so that a perfect white reflector gives 1 in every band (white balance).
    """
    centre = np.array([LAYOUT.wavelength_nm[band] for band in BANDS])
    width = np.array([_BAND_SD_NM[band] for band in BANDS])
    sensitivity = np.exp(-0.5 * ((WAVELENGTHS_NM[:, None] - centre) / width) ** 2)
    uv_filter = 1.0 / (1.0 + np.exp((WAVELENGTHS_NM - _FILTER_EDGE_NM) / _FILTER_WIDTH_NM))
    is_uv = np.array([band in LAYOUT.uv for band in BANDS])
    weights = sensitivity * np.where(is_uv, uv_filter[:, None], 1.0) * illuminant()[:, None]
    return np.asarray(weights / weights.sum(axis=0))


@cache
def white_spectrum() -> Array:
    """Reflectance of unpigmented keratin or chitin, (wavelengths,)."""
    edge = 1.0 / (1.0 + np.exp(-(WAVELENGTHS_NM - _WHITE_EDGE_NM) / _WHITE_WIDTH_NM))
    return np.asarray(_WHITE_LEVEL * (_WHITE_FLOOR + (1.0 - _WHITE_FLOOR) * edge))


@cache
def melanin_absorbance() -> Array:
    """Absorbance of melanin, 1 at 500 nm, (wavelengths,)."""
    return np.asarray((WAVELENGTHS_NM / 500.0) ** _MELANIN_EXPONENT)


def carotenoid_absorbance(edge_nm: Array) -> Array:
    """Absorbance of a carotenoid with its edge at `edge_nm`, about 1 in its band, (..., wavelengths).

    Moving the edge within the visible leaves the UV as it is: at 380 nm an edge moved from 500 to
    530 nm changes absorbance by less than 2e-5.
    """
    edge = 1.0 / (1.0 + np.exp((WAVELENGTHS_NM - np.asarray(edge_nm)[..., None]) / _EDGE_WIDTH_NM))
    window = np.exp(-0.5 * ((WAVELENGTHS_NM - _WINDOW_NM) / _WINDOW_SD_NM) ** 2)
    return np.asarray(edge * (1.0 - _WINDOW_DEPTH * window))


def pigment_bands(melanin: Array, carotenoid: Array, edge_nm: Array) -> Array:
    """Band values of white tissue under two pigments (Beer-Lambert), (..., bands).

    Args:
        melanin: optical depth of melanin at 500 nm, double pass, natural log.
        carotenoid: optical depth of carotenoid in its band, same units.
        edge_nm: long-wavelength edge of the carotenoid.
    """
    depth = np.asarray(melanin)[..., None] * melanin_absorbance()
    depth = depth + np.asarray(carotenoid)[..., None] * carotenoid_absorbance(edge_nm)
    return np.asarray((white_spectrum() * np.exp(-depth)) @ band_responses())


@cache
def structural_bands() -> tuple[Array, Array]:
    """Band values of structural blue and of structural UV with a peak reflectance of 1, each (bands,)."""
    blue = np.exp(-0.5 * ((WAVELENGTHS_NM - _BLUE_NM) / _BLUE_SD_NM) ** 2)
    uv = np.exp(-0.5 * ((WAVELENGTHS_NM - _UV_NM) / _UV_SD_NM) ** 2)
    return blue @ band_responses(), uv @ band_responses()
