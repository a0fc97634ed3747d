"""The direction of UV features in which the two classes of a species differ given RGB."""

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeCV

from xmodal_pipeline.evaluation.uv_value.layout import Booleans, Floats

_PENALTIES = np.logspace(-2, 4, 13)
"""Of the ridge of UV on RGB, both scaled; leave-one-out chooses."""


def uv_direction(rgb: Floats, uv: Floats, is_second: Booleans) -> Floats:
    """Unit vector (m,) along which UV features tell the classes of one species apart beyond RGB.

    Linear discriminant, its covariance shrunk (Ledoit & Wolf 2004), of what a ridge on RGB leaves of UV. Like
    the test of `uv_value` it asks for UV given RGB; it describes a claim and makes none.

    Args:
        rgb: (n, k) features of the specimens of a species.
        uv: (n, m), same rows.
        is_second: (n,), True for the class to which the vector points.

    Raises:
        ValueError: if a class has fewer than two specimens.
    """
    counts = np.bincount(is_second.astype(int), minlength=2)
    if counts.min() < 2:
        raise ValueError(
            f"uv_direction: each class must have two specimens, got {counts[0]} and {counts[1]}; choose a "
            "species that uv_value tests"
        )
    sd = np.where(uv.std(axis=0) > 0, uv.std(axis=0), 1.0)
    scaled_rgb = (rgb - rgb.mean(axis=0)) / np.where(rgb.std(axis=0) > 0, rgb.std(axis=0), 1.0)
    scaled_uv = (uv - uv.mean(axis=0)) / sd
    residual = scaled_uv - RidgeCV(_PENALTIES).fit(scaled_rgb, scaled_uv).predict(scaled_rgb)
    found = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(residual, is_second)
    direction = found.coef_[0] / sd
    return np.asarray(direction / np.linalg.norm(direction))
