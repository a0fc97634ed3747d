"""Which captures meet in a batch: never two of one specimen, and the same ones on every run."""

import logging
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from xmodal_pipeline.augmentation import Batch
from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.specimens.prepared import Prepared

logger = logging.getLogger(__name__)

_ORDER_STREAM = 3
"""Counter word of the generator that orders an epoch; 0 to 2 belong to the views."""


class PreparedBatches(Dataset[Batch]):
    """Reads a batch by the list of its rows, in one slice per array."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    def __getitem__(self, rows: NDArray[np.int64]) -> Batch:
        return read_batch(self._prepared, rows)


def read_batch(prepared: Prepared, rows: NDArray[np.int64]) -> Batch:
    """Read some captures, in their stored precision.

    Args:
        prepared: all captures.
        rows: (captures,) rows of `prepared`.
    """
    arrays = (prepared.rgb, prepared.uv, prepared.masks)
    rgb, uv, masks = (torch.from_numpy(np.asarray(array[rows])) for array in arrays)
    return Batch(rgb, uv, masks, torch.from_numpy(rows))


class SpecimenBatches(Sampler[NDArray[np.int64]]):
    """Batches of equal size in which every specimen appears at most once.

    Two captures of one specimen in a batch would be pushed apart as if they were different animals. Captures
    are dealt out in turn, those of one specimen consecutively, so they fall into different batches. A few may
    be left over in an epoch; chance decides anew in each.

    Several processes each take an equal part of every batch: together they have the batch of one process.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        specimens: Sequence[str],
        *,
        batch_size: int,
        seed: int,
        processes: int = 1,
        process: int = 0,
    ) -> None:
        """Plan the batches.

        Args:
            rows: row of each training capture in `Prepared`.
            specimens: specimen of each training capture.
            batch_size: largest batch, of all processes together; fewer specimens make smaller batches, with a
                warning.
            seed: seed of the run.
            processes: number of processes; batches are a multiple of it.
            process: which of them this is, from 0.

        Raises:
            RunStoppedError: if there are fewer than two specimens, or fewer than processes.
        """
        self._seed, self._epoch = seed, 0
        self._processes, self._process = processes, process
        captures: defaultdict[str, list[int]] = defaultdict(list)
        for row, specimen in zip(rows.tolist(), specimens, strict=True):
            captures[specimen].append(row)
        self._captures = list(captures.values())
        if len(self._captures) < max(2, processes):
            raise RunStoppedError(
                f"training: number of training specimens must be at least {max(2, processes)}, got "
                f"{len(self._captures)}; a contrast needs another specimen, and every process one: add "
                "captures, raise split.train or lower training.devices"
            )
        if len(self._captures) < batch_size:
            logger.warning(
                "training: batch_size %d exceeds the %d training specimens; batches are smaller",
                batch_size,
                len(self._captures),
            )
        aim = min(batch_size, len(self._captures))
        self._count = math.ceil(len(rows) / aim)
        # One specimen with very many captures must not leave most batches nearly empty.
        while self._fitting < max(2, aim // 2, processes):
            self._count -= 1

    @property
    def size(self) -> int:
        """Captures per batch, of all processes together."""
        return self._fitting - self._fitting % self._processes

    def __len__(self) -> int:
        return self._count

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next; Lightning calls it."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        generator = np.random.Generator(
            np.random.Philox(key=[self._seed, self._epoch], counter=[0, 0, _ORDER_STREAM, 0])
        )
        dealt: list[int] = []
        for specimen in generator.permutation(len(self._captures)):
            dealt += generator.permutation(self._captures[specimen])[: self._count].tolist()
        kept = np.asarray(dealt[: self.size * self._count], dtype=np.int64)
        share = slice(self._process, None, self._processes)
        return iter(kept[start :: self._count][share] for start in range(self._count))

    @property
    def _fitting(self) -> int:
        """Captures per batch of a run in one process."""
        return sum(min(len(own), self._count) for own in self._captures) // self._count


def consecutive(rows: NDArray[np.int64], batch_size: int) -> list[NDArray[np.int64]]:
    """Cut rows into batches in their order, for reading without chance.

    Args:
        rows: (captures,).
        batch_size: rows of a batch; the last may have fewer.
    """
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
