"""A noisy RGB: what repeated captures say about it, and the correction for it.

Where RGB and UV read one colour and RGB reads it with noise, slopes on RGB are too flat, and UV seems to add
what a better RGB would have shown (Westfall & Yarkoni 2016).
"""

from dataclasses import dataclass

import numpy as np
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use

from xmodal_pipeline.evaluation.uv_value.layout import Booleans, Floats, Integers

FEWEST_REPEATED = 40
"""Specimens with several captures from which on the noise of a capture is estimated."""
FEWEST_TOLD = 5
"""Specimens with several captures from which on the noise of a capture is told, with its interval."""
LEAST_RELIABILITY = 0.7
"""Reliability of the RGB score below which nothing is claimed."""
_FLOOR = 0.1
"""Least share of a direction that is kept as signal."""


@dataclass(frozen=True)
class Correction:
    """What noise does to the RGB of one species, in scaled units.

    Attributes:
        attenuation: (p, p) Λ = (M − Σ_e) M⁻¹, eigenvalues floored at .1.
        lost: (p, p) (I − Λ) Σ_e: error of a class mean of x that Λ does not undo, per specimen.
        reliability: ρ, share of the variance of the score x M⁻¹ d within cells that is no noise.
        spread: 2 (1/df_e + 1/df_s), relative variance of an estimated share of noise.
    """

    attenuation: Floats
    lost: Floats
    reliability: float
    spread: float


@dataclass(frozen=True)
class Noise:
    """Noise of RGB.

    Attributes:
        covariance: (k, k) of one capture, in units of the features.
        captures: (N,) captures behind each row.
        df: degrees of freedom behind the covariance; infinite where it is assumed.
        share: of the covariance within cells that is noise, in every direction of RGB; added to the above.
    """

    covariance: Floats
    captures: Floats
    df: float = np.inf
    share: float = 0.0

    def scaled(self, sd: Floats, kept: Booleans) -> "Noise":
        """In units of the SDs within cells (k + covariates,); covariates are taken as free of noise."""
        k = len(self.covariance)
        whole = np.zeros((len(sd), len(sd)))
        whole[:k, :k] = self.covariance
        here = whole[np.ix_(kept, kept)] / np.outer(sd[kept], sd[kept])
        return Noise(here, self.captures, self.df, self.share)

    def correct(
        self, covariance: Floats, difference: Floats, at: Integers, is_rgb: Booleans, df: float
    ) -> Correction:
        """The correction of a species with M = `covariance` (p, p), d = `difference` (p,) and rows `at`."""
        noise = self.covariance * np.mean(1 / self.captures[at])
        noise = noise + self.share * covariance * np.outer(is_rgb, is_rgb)
        root = np.linalg.cholesky(covariance)
        inverse = np.linalg.inv(root)
        shares, axes = np.linalg.eigh(inverse @ noise @ inverse.T)
        attenuation = root @ axes @ np.diag(np.maximum(1 - shares, _FLOOR)) @ axes.T @ inverse
        score = np.linalg.solve(covariance, difference)
        signal = float(score @ covariance @ score)
        reliability = 1 - float(score @ noise @ score) / signal if signal > 0 else 1.0
        lost = (np.eye(len(noise)) - attenuation) @ noise
        return Correction(attenuation, lost, reliability, 2 * (1 / self.df + 1 / max(df, 1.0)))


@dataclass(frozen=True)
class Repeats:
    """What specimens with several captures tell of the noise of one capture of RGB.

    Attributes:
        n: specimens with several captures.
        covariance: (k, k) of a capture about its specimen's mean; 0 without repeats.
        df: degrees of freedom behind it: captures less specimens.
    """

    n: int
    covariance: Floats
    df: float

    @property
    def is_enough(self) -> bool:
        """Whether the noise can be corrected for."""
        return self.n >= FEWEST_REPEATED

    @property
    def sd(self) -> tuple[float, float, float]:
        """SD of a capture, alike for all columns, with the limits of its 95 % interval (normal noise, χ²).

        In units of the features; NaN below five specimens. The columns of one capture go together, so that
        they add no degrees of freedom.
        """
        if self.n < FEWEST_TOLD:
            return (np.nan, np.nan, np.nan)
        sd = float(np.sqrt(np.trace(self.covariance) / len(self.covariance)))
        high, low = (sd * float(np.sqrt(self.df / scipy.stats.chi2.ppf(p, self.df))) for p in (0.025, 0.975))
        return sd, low, high


def measure_repeats(rgb: Floats, specimen: Integers) -> Repeats:
    """What several captures of a specimen tell of the noise of one.

    Args:
        rgb: (captures, k).
        specimen: (captures,) number of the specimen.
    """
    counts = np.bincount(specimen)
    means = np.stack([np.bincount(specimen, weights=column) / np.maximum(counts, 1) for column in rgb.T], 1)
    deviations = rgb - means[specimen]
    df = float(len(rgb) - (counts > 0).sum())
    return Repeats(int((counts > 1).sum()), deviations.T @ deviations / max(df, 1.0), df)


def noise_added(correction: Correction, slopes: Floats, adjustment: Floats, weight: float) -> float:
    """What the noise of RGB adds to V, the variance of each column of a.

    Args:
        correction: of the species.
        slopes: (p, q) B, linear terms, of whitened UV.
        adjustment: (q,) what RGB took from the class difference in whitened UV.
        weight: c = n1 n2 / (n1 + n2).
    """
    q = len(adjustment)
    means = float(np.trace(slopes.T @ correction.lost @ slopes)) / (q * weight)
    rho = max(correction.reliability, _FLOOR)
    share = ((1 - rho) / rho) ** 2 * correction.spread
    return max(means, 0.0) + float(adjustment @ adjustment) / q * share
