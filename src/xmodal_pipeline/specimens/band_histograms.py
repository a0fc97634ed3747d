"""Pixel histograms of a study's bands, on one fixed grid, so that those of its captures add up."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.imaging.capture import Bands, Capture, Mask
from xmodal_pipeline.imaging.structure import row_strips

BINS: Final = 64
"""Equal bins over [0, 1]; 1 itself is in the last."""

BandCounts = NDArray[np.uint32]
"""(bands, BINS + 2) pixels: below 0, each bin, above 1."""

_COLUMNS: Final = ("modality", "band", "low", "high", "n_px", "saturated_share")


def bin_edges() -> NDArray[np.float64]:
    """(BINS + 3,): the edges of the columns of `BandCounts`, from -inf to inf."""
    return np.concatenate([[-np.inf], np.linspace(0, 1, BINS + 1), [np.inf]])


def count_values(bands: Bands, mask: Mask) -> BandCounts:
    """Count the pixels inside the mask.

    Args:
        bands: (bands, height, width), unit scale.
        mask: (height, width).
    """
    counts = np.zeros((len(bands), BINS + 2), np.uint32)
    for rows, _ in row_strips(mask.shape):
        inside = mask[rows]
        for k, band in enumerate(bands):
            values = band[rows][inside]
            columns = np.clip(np.floor(values * BINS), -1, BINS).astype(np.int64) + 1
            columns[values == 1] = BINS
            counts[k] += np.bincount(columns, minlength=BINS + 2).astype(np.uint32)
    return counts


def count_capture(capture: Capture) -> dict[str, BandCounts]:
    """Histograms of one capture inside its masks, by modality."""
    sides = (("rgb", capture.rgb, capture.rgb_mask), ("uv", capture.uv, capture.uv_mask))
    return {modality: count_values(bands, mask) for modality, bands, mask in sides}


def sum_histograms(
    captures: Iterable[tuple[Mapping[str, BandCounts], Iterable[Mapping[str, Any]]]],
) -> pd.DataFrame:
    """Add the histograms of captures up.

    Args:
        captures: per capture its `count_capture`, and its rows of `quality_report` in the order of the bands.

    Returns:
        One row per band and bin (modality, band, low, high, n_px), and the band's saturated_share over all
        these pixels. The first bin of a band begins at -inf and the last ends at inf: what lies below 0 and
        above 1.
    """
    totals: dict[tuple[str, str], Any] = {}
    saturated: dict[tuple[str, str], float] = {}
    for counts, quality in captures:
        bands = {modality: iter(rows) for modality, rows in counts.items()}
        for row in quality:
            key = (row["modality"], row["band"])
            own = next(bands[row["modality"]])
            totals[key] = totals.get(key, np.zeros(BINS + 2, np.int64)) + own
            saturated[key] = saturated.get(key, 0.0) + row["saturated_share"] * int(own.sum())
    low, high = bin_edges()[:-1], bin_edges()[1:]
    tables = [
        pd.DataFrame(
            {
                "modality": modality,
                "band": band,
                "low": low,
                "high": high,
                "n_px": counts,
                "saturated_share": saturated[modality, band] / counts.sum(),
            }
        )
        for (modality, band), counts in totals.items()
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(_COLUMNS))
