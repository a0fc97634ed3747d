"""Random numbers that depend on (seed, epoch, view, capture) and on nothing else.

A counter-based generator needs no state to save and none to share: batch composition, number of workers and
restarts cannot change a capture's views.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

GEOMETRY_DRAWS = 15
PHOTOMETRY_DRAWS = 16
RETRIEVAL_VIEW = 0
"""View number of warps made outside training; training views are 1 and 2."""


class Draws(NamedTuple):
    """Uniform numbers in [0, 1), float32 on the CPU, one row per capture."""

    geometry: Tensor
    """(captures, 15), shared by both modalities."""
    rgb: Tensor
    """(captures, 16)"""
    uv: Tensor
    """(captures, 16)"""


def draw(rows: Tensor, *, seed: int, epoch: int, view: int) -> Draws:
    """Fill the table of random numbers of one view of some captures.

    Every operation has columns of its own, so that switching one off leaves the others as they were.

    Args:
        rows: (captures,) row of each capture in `Prepared`.
        seed: seed of the run, >= 0.
        epoch: epoch, >= 0.
        view: number of the view.

    References:
        Philox4x64: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.
    """
    width = GEOMETRY_DRAWS + 2 * PHOTOMETRY_DRAWS
    table = np.empty((len(rows), width), dtype=np.float32)
    for line, row in zip(table, rows.tolist(), strict=True):
        # The lowest counter word is the generator's own; captures differ in the highest.
        generator = np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, view, row]))
        generator.random(out=line, dtype=np.float32)
    uniforms = torch.from_numpy(table)
    rgb_at, uv_at = GEOMETRY_DRAWS, GEOMETRY_DRAWS + PHOTOMETRY_DRAWS
    return Draws(uniforms[:, :rgb_at], uniforms[:, rgb_at:uv_at], uniforms[:, uv_at:])
