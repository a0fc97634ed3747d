import numpy as np
import pytest
from scipy.stats import false_discovery_control

from xmodal_pipeline.evaluation.corrections import holm


def test_holm_by_hand():
    """.01 · 4, then .02 · 3, then .03 · 2 raised to the one before, then .5; NaN is no test."""
    assert holm([0.03, np.nan, 0.01, 0.5, 0.02]) == pytest.approx(
        [0.06, np.nan, 0.04, 0.5, 0.06], nan_ok=True
    )
    assert holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert len(holm([])) == 0


def test_holm_corrects_more_than_false_discoveries_do():
    p = np.random.default_rng(0).uniform(size=30) ** 3
    assert (holm(p) >= false_discovery_control(p) - 1e-12).all()
