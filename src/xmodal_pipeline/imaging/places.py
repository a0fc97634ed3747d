"""Where a place of RGB lies in UV."""

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.imaging.patches import Pixels
from xmodal_pipeline.imaging.registration import Registration, registration_matrix
from xmodal_pipeline.imaging.study import Study


def matrix_to_uv(
    study: Study, registration: Registration | None, shape: tuple[int, int]
) -> NDArray[np.float64] | None:
    """Where a pixel of RGB lies in UV; None for two photographs that were never meant to be registered.

    Args:
        study: whether RGB and UV are meant to lie on one another.
        registration: of the capture; None where the study switches it off.
        shape: (height, width) of the capture.

    Returns:
        As `registration_matrix`.
    """
    if not study.shares_grid:
        return None
    return np.eye(3) if registration is None else registration_matrix(registration, shape)


def pixels_in_uv(
    pixels: Pixels, to_uv: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[Pixels, NDArray[np.bool_]]:
    """The pixels of UV nearest to where pixels of RGB lie in it, and which of these have one.

    Args:
        pixels: flat numbers on the grid of RGB.
        to_uv: of `matrix_to_uv`.
        shape: (height, width) of both.

    Returns:
        Flat numbers of UV's pixels, as many as the second, (pixels,), has True.
    """
    height, width = shape
    if np.array_equal(to_uv, np.eye(3)):
        return pixels, np.ones(len(pixels), np.bool_)
    y, x = np.divmod(pixels, width)
    column, row = (np.rint(a * x + b * y + c).astype(np.intp) for a, b, c in to_uv[:2])
    is_inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return (row * width + column)[is_inside], is_inside
