"""Colour without training: what each band measures in each patch of a specimen."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.imaging.patches import ENTIRE, WHOLE, Pixels
from xmodal_pipeline.imaging.receptors import ReceptorModel, mean_catches
from xmodal_pipeline.imaging.registration import Matrix, pixels_in_uv
from xmodal_pipeline.imaging.structure import moments
from xmodal_pipeline.imaging.study import Study

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_QUANTILE_COLUMNS = ("q05", "q25", "q50", "q75", "q95")


class Region(NamedTuple):
    """One patch in the pixels of each modality."""

    name: str
    rgb: Pixels
    uv: Pixels
    """Where the same places lie in UV; those beyond its frame are left out."""
    is_paired: NDArray[np.bool_] | None
    """(rgb pixels,), True where UV has the place too; None where the modalities share no grid."""


def list_regions(
    capture: Capture, patches: Mapping[str, Pixels], to_uv: Matrix | None, *, entire: str = WHOLE
) -> list[Region]:
    """The whole specimen and its patches, each modality where it lies.

    Pixel values are not resampled: every place of RGB takes the UV pixel nearest to where the registration
    says it lies, so that a statistic is one of measured values.

    Args:
        capture: as read.
        patches: pixels of each patch on the grid of RGB; they count where they lie inside the mask.
        to_uv: 3 × 3 matrix that takes a pixel (x, y, 1) of RGB to its place in UV; None for two photographs
            that are not registered, which are each measured in their own mask, and patches in RGB alone.
        entire: name of the region that is all of the mask: `FRAME` where there is no mask.

    Returns:
        The whole specimen first. A patch without a pixel inside the mask is left out.
    """
    mask = capture.rgb_mask.ravel()
    regions = {entire: np.flatnonzero(mask)}
    for name, pixels in patches.items():
        inside = pixels[mask[pixels]]
        if len(inside):
            regions[name] = inside
    if to_uv is None:
        nothing = np.empty(0, np.intp)
        uv = {entire: np.flatnonzero(capture.uv_mask)}
        return [Region(name, pixels, uv.get(name, nothing), None) for name, pixels in regions.items()]
    shape = (capture.uv.shape[1], capture.uv.shape[2])
    return [Region(name, pixels, *pixels_in_uv(pixels, to_uv, shape)) for name, pixels in regions.items()]


def colour_rows(
    capture: Capture, regions: Sequence[Region], identity: Mapping[str, str], study: Study
) -> list[dict[str, Any]]:
    """Colour of one capture, one row per patch and band.

    Args:
        capture: as read, unit scale.
        regions: of `list_regions`.
        identity: `capture_id` and `specimen_id`; goes into every row.
        study: names the bands and their units.

    Returns:
        Rows (capture_id, specimen_id, patch, modality, band, mean, sd, q05, q25, q50, q75, q95, n_px, units),
        RGB's regions first. The standard deviation divides by n. A region without a pixel in a modality has
        no row there.
    """
    rows: list[dict[str, Any]] = []
    for modality, names, bands in (("rgb", study.rgb_bands, capture.rgb), ("uv", study.uv_bands, capture.uv)):
        flat = bands.reshape(len(bands), -1)
        for region in regions:
            pixels = region.rgb if modality == "rgb" else region.uv
            if not len(pixels):
                continue
            head = {**identity, "patch": region.name, "modality": modality}
            rows += [
                head | {"band": band} | row | {"n_px": len(pixels), "units": study.colour_units}
                for band, row in zip(names, (_statistics(one[pixels]) for one in flat), strict=True)
            ]
    return rows


def catch_rows(
    capture: Capture,
    regions: Sequence[Region],
    identity: Mapping[str, str],
    study: Study,
    model: ReceptorModel,
    *,
    factor: float,
) -> list[dict[str, Any]]:
    """Photoreceptor catches of one capture, one row per patch.

    Args:
        capture: as read, unit scale, reflectance.
        regions: of `list_regions`; those without a pixel that both modalities have get no row.
        identity: `capture_id` and `specimen_id`; goes into every row.
        study: names the bands.
        model: the study's coefficients; the capture must have every band that they need.
        factor: see `mean_catches`.

    Returns:
        Rows (capture_id, specimen_id, patch, n_px, `<receptor>_catch` …).
    """
    sides = [bands.reshape(len(bands), -1) for bands in (capture.rgb, capture.uv)]
    rows: list[dict[str, Any]] = []
    for region in regions:
        if region.is_paired is None or not len(region.uv):
            continue
        pixels = region.rgb[region.is_paired], region.uv
        values = np.concatenate([np.take(side, where, 1) for side, where in zip(sides, pixels, strict=True)])
        catches = mean_catches(model, study.bands, values, factor=factor)
        named = {f"{name}_catch": float(c) for name, c in zip(model.receptors, catches, strict=True)}
        rows.append({**identity, "patch": region.name, "n_px": len(region.uv)} | named)
    return rows


def _statistics(values: NDArray[np.float32]) -> dict[str, float]:
    """Mean, standard deviation and quantiles of one band's pixels."""
    values.sort()
    mean, sd = moments(values[None])
    # Linear between order statistics, as numpy.quantile and R's type 7; sorting float32 once is faster.
    place = np.array(_QUANTILES) * (len(values) - 1)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, len(values) - 1)
    share = place - below
    quantiles = (1 - share) * values[below] + share * values[above]
    return {"mean": float(mean[0]), "sd": float(sd[0])} | dict(
        zip(_QUANTILE_COLUMNS, map(float, quantiles), strict=True)
    )


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
    whole = colour_table[colour_table["patch"].isin(ENTIRE)]
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
