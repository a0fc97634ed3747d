"""The same photograph on both sides of a split, under two names: what a test must not hold."""

import logging
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.errors import Trouble
from xmodal_pipeline.specimens.prepared import Prepared

logger = logging.getLogger(__name__)

LEAKAGE: Final = Trouble.LEAKAGE.value
"""Code of a photograph that lies in two partitions."""
ADVICE: Final = (
    "give both captures one specimen_id in the metadata, or leave one out by specimens.filter; then run "
    f"again from ingest; more in {Trouble.LEAKAGE.page}"
)
SAME_PHOTOGRAPH: Final = 0.995
"""Correlation of both modalities above which two captures are one photograph. Copies saved again as JPEG of
quality 60, shrunk by 7 % and brightened by 5 % reach .998; the most alike of 343 swallowtails .990."""
COLUMNS: Final = ("code", "capture_id", "partition", "other_capture_id", "other_partition", "correlation")
_CELLS: Final = 16
"""Captures are compared as `_CELLS` × `_CELLS` means of every band."""
_BLOCK: Final = 128


def find_leaks(prepared: Prepared) -> pd.DataFrame:
    """Captures of validation and test that are captures of another specimen in another partition.

    Copies bit by bit are rejected by `ingest`; here copies are found that were saved again.

    Returns:
        A row per pair, columns `COLUMNS`; `correlation` is the lower of the two modalities'.
    """
    partition = np.asarray(prepared.partitions, dtype=object)
    specimens, captures = prepared.specimen_ids, prepared.capture_ids
    sides = [_summarise(images) for images in (prepared.rgb, prepared.uv)]
    rows = []
    for start in range(0, len(captures), _BLOCK):
        mine = np.flatnonzero(partition[start : start + _BLOCK] != "train") + start
        alike = np.minimum(*(side[mine] @ side.T for side in sides))
        for i, j in zip(*np.nonzero(alike > SAME_PHOTOGRAPH), strict=True):
            one, other = mine[i], j
            is_twice = partition[other] != "train" and other > one  # the pair comes again from the other side
            if specimens[one] != specimens[other] and partition[one] != partition[other] and not is_twice:
                pair = (captures[one], partition[one], captures[other], partition[other])
                rows.append((LEAKAGE, *pair, float(alike[i, j])))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if len(table):
        logger.warning("%s: %s; %s", LEAKAGE, describe_leaks(table), ADVICE)
    return table


def describe_leaks(leaks: pd.DataFrame) -> str:
    """How many, and the first."""
    first = leaks.iloc[0]
    return (
        f"{len(leaks)} captures are those of another specimen in another partition, the first "
        f"'{first['capture_id']}' ({first['partition']}) and '{first['other_capture_id']}' "
        f"({first['other_partition']}), correlation {first['correlation']:.4f}"
    )


def _summarise(images: NDArray[np.float16]) -> NDArray[np.float32]:
    """(captures, bands · cells²) centred means of cells, of unit length."""
    side = images.shape[-1] // _CELLS * _CELLS or images.shape[-1]
    cells = min(_CELLS, side)
    parts = []
    for start in range(0, len(images), _BLOCK):
        block = np.asarray(images[start : start + _BLOCK, :, :side, :side], np.float32)
        n, bands = block.shape[:2]
        means = (
            block.reshape(n, bands, cells, side // cells, cells, side // cells).mean((3, 5)).reshape(n, -1)
        )
        parts.append(means - means.mean(axis=1, keepdims=True))
    values = np.concatenate(parts)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(length > 0, length, 1), np.float32)
