"""The captures of a run: arrays on disk, and who is in which partition."""

import hashlib
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from xmodal_pipeline.augmentation import Batch
from xmodal_pipeline.specimens.stores import ArrayStore

_FINGERPRINT_ROWS = 64


@dataclass(frozen=True, eq=False)
class TrainingStores:
    """Images, masks and labels of all captures, row by row in the order of `specimen_index`."""

    rgb: ArrayStore
    """(captures, 3, side, side) half precision, unit scale, background 0."""
    uv: ArrayStore
    """(captures, UV bands, side, side)"""
    masks: ArrayStore
    """(captures, 2, side, side), 0 or 1."""
    specimen_ids: tuple[str, ...]
    partitions: tuple[str, ...]

    def __post_init__(self) -> None:
        lengths = {
            "rgb": len(self.rgb),
            "uv": len(self.uv),
            "masks": len(self.masks),
            "specimen_ids": len(self.specimen_ids),
            "partitions": len(self.partitions),
        }
        if (
            len(set(lengths.values())) > 1
            or not self.rgb.capture_ids == self.uv.capture_ids == self.masks.capture_ids
        ):
            raise ValueError(
                f"TrainingStores: rows must be the same captures in all stores, got {lengths}; "
                "write them again with 'kedro run --pipelines split'"
            )

    @classmethod
    def from_tables(
        cls, rgb: ArrayStore, uv: ArrayStore, masks: ArrayStore, index: pd.DataFrame, partitions: pd.DataFrame
    ) -> Self:
        """Join the stores with their tables.

        Args:
            rgb: `rgb_images`.
            uv: `uv_images`.
            masks: `masks`.
            index: `specimen_index`, in the order of the stores.
            partitions: `specimen_id`, `partition`.

        Raises:
            ValueError: if the index and the stores differ, or a specimen has no partition.
        """
        if tuple(index["capture_id"]) != rgb.capture_ids:
            raise ValueError(
                "TrainingStores: specimen_index must list the captures of the stores in their order, got "
                f"{len(index)} captures for {len(rgb)} rows; run 'kedro run --pipelines split' again"
            )
        assigned = index["specimen_id"].map(partitions.set_index("specimen_id")["partition"])
        if assigned.isna().any():
            raise ValueError(
                f"TrainingStores: every specimen must have a partition, got none for "
                f"'{index['specimen_id'][assigned.isna()].iloc[0]}'; run 'kedro run --pipelines split' again"
            )
        return cls(rgb, uv, masks, tuple(index["specimen_id"]), tuple(assigned))

    def __len__(self) -> int:
        return len(self.rgb)

    @property
    def capture_ids(self) -> tuple[str, ...]:
        """The capture behind each row."""
        return self.rgb.capture_ids

    def rows_of(self, partition: str) -> NDArray[np.int64]:
        """Rows of the captures in one partition."""
        return np.flatnonzero(np.asarray(self.partitions) == partition)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """Read some rows, in their stored precision."""
        rgb, uv, masks = (torch.from_numpy(store[rows]) for store in (self.rgb, self.uv, self.masks))
        return Batch(rgb, uv, masks, torch.from_numpy(rows))

    def fingerprint(self) -> dict[str, Any]:
        """Numbers that change when the captures do: all names and partitions, and a sample of the pixels."""
        names = hashlib.sha256("\n".join([*self.capture_ids, *self.specimen_ids, *self.partitions]).encode())
        pixels = hashlib.sha256()
        for row in np.unique(np.linspace(0, len(self) - 1, _FINGERPRINT_ROWS).astype(int)):
            for store in (self.rgb, self.uv, self.masks):
                pixels.update(np.ascontiguousarray(store[row]).tobytes())
        return {"captures": len(self), "names": names.hexdigest(), "pixels": pixels.hexdigest()}
