"""Rows of unit length and their cosines."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Floats = NDArray[np.float64]


def unit_rows(matrix: NDArray[Any], dtype: DTypeLike | None = None) -> NDArray[Any]:
    """(rows, dim) at length 1, zero rows as they are; in the given dtype, else in that of the matrix."""
    rows = matrix.astype(matrix.dtype if dtype is None else dtype, copy=False)
    # Squares of large float32 overflow, and a matrix of them would double the memory.
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    unit: NDArray[Any] = rows / np.where(lengths > 0, lengths, 1).astype(rows.dtype)[:, None]
    return unit


def cosine_matrix(embeddings: NDArray[Any]) -> Floats:
    """Cosine similarity of all pairs of rows; a zero row has similarity 0 with everything."""
    unit = unit_rows(embeddings)
    return np.asarray(unit @ unit.T, dtype=np.float64)
