"""Pixel histograms of a study's bands, summed over its captures."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.imaging.histogram import BINS, BandCounts, bin_edges, count_values

_COLUMNS: Final = ("modality", "band", "low", "high", "n_px", "saturated_share")


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
