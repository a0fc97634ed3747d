"""Faults planted in some captures, each with its truth, to test what ingest finds."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.simulation.camera import N_RGB, Offset
from xmodal_pipeline.simulation.morphology import Array


class Fault(StrEnum):
    """What is wrong with a capture. The values stand in `simulated_truth`; the empty string is none."""

    NONE = ""
    SHIFTED = "shifted"
    """UV is off by 2 to 8 px."""
    ROTATED = "rotated"
    """UV is turned by 1 to 3 degrees."""
    SCALED = "scaled"
    """UV is 1 to 3 % larger or smaller."""
    SATURATED = "saturated"
    """R, G and B are overexposed: at least a tenth of the specimen is at full scale."""
    DEAD_UV_BAND = "dead_uv_band"
    """One UV band is constant."""
    NOISE_UV = "noise_uv"
    """The UV bands hold noise and nothing else."""
    EMPTY_MASK = "empty_mask"
    TRUNCATED = "truncated"
    """The file breaks off."""
    DUPLICATE = "duplicate"
    """The bytes of another capture, under a new name and specimen."""
    NO_METADATA = "no_metadata"
    """The row in metadata.csv is missing."""
    NOT_FINITE = "not_finite"
    """A float32 file with NaN inside the specimen."""


PLANTED = tuple(fault for fault in Fault if fault is not Fault.NONE)


def fault_offset(fault: Fault, offset: Offset, rng: np.random.Generator) -> Offset:
    """The misregistration of a capture with this fault; `offset` where the fault is another."""
    sign = 1.0 if rng.random() < 0.5 else -1.0
    if fault is Fault.SHIFTED:
        length, angle = rng.uniform(2.0, 8.0), rng.uniform(0.0, 2.0 * np.pi)
        return Offset(float(length * np.cos(angle)), float(length * np.sin(angle)))
    if fault is Fault.ROTATED:
        return offset._replace(rotation_deg=float(sign * rng.uniform(1.0, 3.0)))
    if fault is Fault.SCALED:
        return offset._replace(scale=float(1.0 + sign * rng.uniform(0.01, 0.03)))
    return offset


def spoil_bands(bands: Array, mask: NDArray[np.bool_], fault: Fault, rng: np.random.Generator) -> Array:
    """The six bands (full scales) as a faulty camera would have recorded them."""
    if fault is Fault.SATURATED:
        rgb = bands[:N_RGB]
        bright = np.quantile(rgb[:, mask], 0.8, axis=1)
        return np.concatenate([rgb * (1.05 / bright)[:, None, None], bands[N_RGB:]])
    if fault is Fault.DEAD_UV_BAND:
        spoilt = bands.copy()
        spoilt[rng.integers(N_RGB, len(bands))] = 0.0
        return spoilt
    if fault is Fault.NOISE_UV:
        noise = 0.02 + 0.005 * rng.standard_normal(bands[N_RGB:].shape)
        return np.concatenate([bands[:N_RGB], noise])
    return bands


def spoil_counts(counts: NDArray[np.uint16], fault: Fault) -> NDArray[np.uint16] | NDArray[np.float32]:
    """The stack (bands and mask, counts) as a faulty program would have written it."""
    if fault is Fault.EMPTY_MASK:
        return np.concatenate([counts[:-1], np.zeros_like(counts[-1:])])
    if fault is Fault.NOT_FINITE:
        floats = counts.astype(np.float32)
        rows, columns = np.nonzero(counts[-1])
        middle = slice(len(rows) // 2, len(rows) // 2 + max(1, len(rows) // 50))
        floats[:-1, rows[middle], columns[middle]] = np.nan
        return floats
    return counts
