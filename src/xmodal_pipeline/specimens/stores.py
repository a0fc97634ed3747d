"""Arrays of all captures on disk, memory-mapped, one row per capture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ArrayStore:
    """A (captures, …) array and the capture behind each row. The array is usually memory-mapped."""

    capture_ids: tuple[str, ...]
    array: NDArray[Any]

    def __post_init__(self) -> None:
        if len(self.capture_ids) != len(self.array):
            raise ValueError(
                f"ArrayStore: capture_ids must have one entry per row, got {len(self.capture_ids)} "
                f"for {len(self.array)} rows; write the store again with 'kedro run --pipelines split'"
            )

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        return np.asarray(self.array[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.array, dtype=dtype, copy=copy)

    @property
    def shape(self) -> tuple[int, ...]:
        """(captures, …)."""
        return tuple(self.array.shape)


@dataclass(frozen=True, eq=False)
class StoreBlock:
    """Some consecutive rows of a store that is being written; the block that reaches `total` ends it."""

    start: int
    total: int
    capture_ids: tuple[str, ...]
    array: NDArray[Any]
