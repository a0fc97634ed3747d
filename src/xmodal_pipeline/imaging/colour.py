"""Colour without training: what each band measures in each patch of a specimen."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.imaging.capture import Bands, Capture
from xmodal_pipeline.imaging.structure import moments
from xmodal_pipeline.params.ingest import BandLayout

WHOLE = "whole"
"""The patch that is the whole specimen."""
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_QUANTILE_COLUMNS = ("q05", "q25", "q50", "q75", "q95")


def colour_rows(
    capture: Capture,
    capture_id: str,
    specimen_id: str,
    layout: BandLayout,
    units: str,
    patches: NDArray[np.integer] | None,
) -> list[dict[str, Any]]:
    """Colour of one capture, one row per patch and band.

    Args:
        capture: as read, unit scale.
        capture_id: goes into every row.
        specimen_id: goes into every row.
        layout: names the bands.
        units: `reflectance`, `relative` or `uncalibrated`.
        patches: (height, width) of labels on the grid of both modalities, 0 = no patch; a patch counts
            where it lies inside the mask. None for the whole specimen alone.

    Returns:
        Rows (capture_id, specimen_id, patch, modality, band, mean, sd, q05, q25, q50, q75, q95, n_px, units);
        the whole specimen, patch `whole`, first. The standard deviation divides by n. A label without a
        pixel inside the mask has no row.

    Raises:
        ValueError: if `patches` does not have the capture's height and width.
    """
    rows: list[dict[str, Any]] = []
    identity = {"capture_id": capture_id, "specimen_id": specimen_id}
    sides = (
        ("rgb", layout.rgb, capture.rgb, capture.rgb_mask),
        ("uv", layout.uv, capture.uv, capture.uv_mask),
    )
    for modality, names, bands, mask in sides:
        if patches is not None and patches.shape != mask.shape:
            raise ValueError(
                f"capture '{capture_id}': patches must have height and width {mask.shape}, "
                f"got {patches.shape}; draw them on the grid of the capture"
            )
        inside = np.flatnonzero(mask)
        values = np.take(bands.reshape(len(bands), -1), inside, axis=1)
        regions = {WHOLE: values} | _patch_values(values, patches, inside)
        for patch, pixels in regions.items():
            head = identity | {"patch": patch, "modality": modality}
            rows += [
                head | {"band": band} | row | {"n_px": pixels.shape[1], "units": units}
                for band, row in zip(names, _statistics(pixels), strict=False)
            ]
    return rows


def _patch_values(
    values: Bands, patches: NDArray[np.integer] | None, inside: NDArray[np.intp]
) -> dict[str, Bands]:
    if patches is None:
        return {}
    labels = patches.ravel()[inside]
    return {str(label): values[:, labels == label] for label in np.unique(labels[labels != 0])}


def _statistics(values: Bands) -> list[dict[str, float]]:
    """Mean, standard deviation and quantiles of each band, (bands, pixels)."""
    ordered = np.sort(values, axis=1)
    mean, sd, _ = moments(ordered)
    # Linear between order statistics, as numpy.quantile and R's type 7; sorting float32 once is faster.
    place = np.array(_QUANTILES) * (values.shape[1] - 1)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, values.shape[1] - 1)
    share = place - below
    quantiles = (1 - share) * ordered[:, below] + share * ordered[:, above]
    return [
        {"mean": float(m), "sd": float(s)} | dict(zip(_QUANTILE_COLUMNS, map(float, q), strict=True))
        for m, s, q in zip(mean, sd, quantiles, strict=True)
    ]


def colour_features(colour_table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean and SD of each band over the whole specimen, per capture.

    Args:
        colour_table: rows of `colour_rows`.

    Returns:
        One table per modality, RGB's and UV's, indexed by `capture_id` in order of first appearance, with
        columns `<band>_mean` of every band in its order, then `<band>_sd`.

    Raises:
        ValueError: if a capture lacks a band that others have.
    """
    whole = colour_table[colour_table["patch"] == WHOLE]
    rgb, uv = (_features(whole[whole["modality"] == modality], modality) for modality in ("rgb", "uv"))
    return rgb, uv


def _features(rows: pd.DataFrame, modality: str) -> pd.DataFrame:
    bands = list(dict.fromkeys(rows["band"]))
    captures = list(dict.fromkeys(rows["capture_id"]))
    table = rows.pivot(index="capture_id", columns="band", values=["mean", "sd"])
    columns = [(statistic, band) for statistic in ("mean", "sd") for band in bands]
    table = table.reindex(index=captures, columns=pd.MultiIndex.from_tuples(columns)) if columns else table
    lacking = table.index[table.isna().any(axis=1)]
    if len(lacking):
        raise ValueError(
            f"colour_features: every capture must have the {modality} bands {bands}, got some missing for "
            f"{[str(name) for name in lacking[:5]]}; study one band layout at a time"
        )
    table.columns = pd.Index([f"{band}_{statistic}" for statistic, band in columns])
    table.index.name = "capture_id"
    return table
