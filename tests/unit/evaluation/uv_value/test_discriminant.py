"""The direction of UV given RGB: it is the planted one, and not the one that RGB explains."""

import numpy as np
import pytest

from xmodal_pipeline.evaluation.uv_value.discriminant import uv_direction


def test_the_direction_is_what_rgb_does_not_explain_and_points_to_the_second_class():
    rng = np.random.default_rng(0)
    is_second = np.arange(400) % 2 == 1
    rgb = rng.standard_normal((400, 3)) + 3.0 * is_second[:, None]
    uv = 0.5 * rng.standard_normal((400, 5))
    uv[:, 0] += rgb[:, 0]  # differs between the classes as RGB does
    uv[:, 3] -= 1.5 * is_second
    found = uv_direction(rgb, uv, is_second)
    assert np.linalg.norm(found) == pytest.approx(1.0)
    assert found[3] < -0.9
    assert abs(found[0]) < 0.3
    np.testing.assert_allclose(uv_direction(rgb, uv, ~is_second), -found, atol=1e-8)


def test_a_class_of_one_is_refused():
    features = np.random.default_rng(1).standard_normal((6, 2))
    with pytest.raises(ValueError, match="each class must have two specimens, got 5 and 1"):
        uv_direction(features, features, np.arange(6) == 0)
