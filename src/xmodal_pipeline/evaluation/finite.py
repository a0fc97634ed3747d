"""Embeddings must be finite: what is not is refused by name and row, never averaged or ranked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def require_finite(matrix: NDArray[Any], where: str, name: str) -> None:
    """Refuse NaN and infinity.

    Args:
        matrix: (rows, dim) of numbers.
        where: the function that was given it.
        name: of the argument.

    Raises:
        ValueError: if a row has NaN or infinity.
    """
    bad = np.flatnonzero(~np.isfinite(matrix).all(1))
    if len(bad):
        raise ValueError(
            f"{where}: {name} must be finite, got NaN or infinity in {len(bad)} row(s), the first {bad[0]}; "
            "leave these rows out, or check the training run"
        )
