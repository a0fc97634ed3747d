"""Histograms of pixel values on one fixed grid, so that those of many captures add up."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.imaging.capture import Bands, Mask

BINS: Final = 64
"""Equal bins over [0, 1]; 1 itself is in the last."""

BandCounts = NDArray[np.uint32]
"""(bands, BINS + 2) pixels: below 0, each bin, above 1."""


def bin_edges() -> NDArray[np.float64]:
    """(BINS + 3,): the edges of the columns of `BandCounts`, from -inf to inf."""
    return np.concatenate([[-np.inf], np.linspace(0, 1, BINS + 1), [np.inf]])


def count_values(bands: Bands, mask: Mask) -> BandCounts:
    """Count the pixels inside the mask.

    Args:
        bands: (bands, height, width), unit scale.
        mask: (height, width).
    """
    values = np.take(bands.reshape(len(bands), -1), np.flatnonzero(mask), axis=1)
    columns = np.clip(np.floor(values * BINS), -1, BINS).astype(np.int64) + 1
    columns[values == 1] = BINS
    return np.stack([np.bincount(band, minlength=BINS + 2) for band in columns]).astype(np.uint32)
