"""Is every band of a capture alive, exposed, sharp and in range? One row per band, and codes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.imaging.calibration import Calibration
from xmodal_pipeline.imaging.capture import Bands, Capture, Mask
from xmodal_pipeline.imaging.registration import Matrix, Shift, is_mirrored, pixels_in_uv
from xmodal_pipeline.imaging.scale import TOP_BIN
from xmodal_pipeline.imaging.structure import (
    Plane,
    brightness,
    eroded,
    mask_box,
    moments,
    noise_response,
    noise_sd,
    row_strips,
    smoothed,
)
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import QualityParams

_UNRELATED = 0.2
"""A band whose correlation with every other is below this shares no structure with any."""
_LOG_FLOOR = 1e-3
"""Added before the logarithm: below a thousandth of full scale there is noise, not contrast."""
_INVERTED_SHARE = 0.9
"""Of the border's pixels inside a mask that no specimen cut off at four sides reaches."""
_FOCUS_MARGIN_PX = 3
_FOCUS_HALO_PX = 4
"""Rows that smoothing, erosion and differences look at beyond a strip."""
# Squared weights of Laplacian and central differences after the 5 × 5 binomial: what white noise of
# variance 1 leaves in each.
_LAPLACIAN_GAIN = 0.083740234375
_GRADIENT_GAIN = 0.04486083984375


class _Sample(NamedTuple):
    """Pixels of one modality, in strips: a copy of them all would be as large as the photograph."""

    flat: NDArray[np.float32]
    """(bands, all pixels)."""
    strips: tuple[NDArray[np.int32], ...]
    """Positions of those that count."""

    @property
    def n(self) -> int:
        """How many count."""
        return sum(len(strip) for strip in self.strips)

    def values(self) -> Iterator[NDArray[np.float32]]:
        """(bands, pixels) of each strip."""
        return (np.take(self.flat, strip, axis=1) for strip in self.strips)


class _Modality(NamedTuple):
    """One modality inside its mask."""

    name: str
    names: tuple[str, ...]
    sample: _Sample
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    noise: NDArray[np.float64]
    focus: float


def capture_quality(
    capture: Capture,
    study: Study,
    params: QualityParams,
    *,
    ceiling: float,
    calibration: Calibration | None = None,
    is_aligned: bool = True,
    to_uv: Matrix | None = None,
    displaced: Mapping[str, Mapping[int, Shift]] = MappingProxyType({}),
) -> tuple[list[dict[str, Any]], tuple[CaptureCode, ...]]:
    """Judge the bands of one capture inside its masks.

    Args:
        capture: unit scale, the mask of UV where UV lies (`lay_mask`).
        study: names the bands.
        params: thresholds.
        ceiling: counts at which the sensor saturates, in unit scale; infinite where that is unknown.
        calibration: the lines that made the bands from counts, so that saturation is judged on counts; None
            where the bands are counts.
        is_aligned: whether the modalities are meant to lie on one another. Without, no mirror is looked for.
        to_uv: takes a pixel of RGB to its place in UV (`registration_matrix`); with None, places are shared
            where the two masks are equal.
        displaced: by modality and index of the band, how far it lies from the first (`find_displaced_bands`).

    Returns:
        Rows (modality, band, mean, sd, min, max, saturated_share, snr, below_zero_share, above_one_share,
        focus, mask_share, dx_px, dy_px, flags), and the codes of the capture, bands' and its own, each once.
        `snr` is the standard deviation over the noise of Immerkaer's kernel, 1 for noise alone. `focus`
        belongs to the modality: its mean squared spatial frequency (px⁻²), free of exposure, contrast and
        noise.
    """
    modalities = (
        _modality("rgb", study.rgb_bands, capture.rgb, capture.rgb_mask),
        _modality("uv", study.uv_bands, capture.uv, capture.uv_mask),
    )
    masks = (capture.rgb_mask, capture.uv_mask)
    together = _on_same_places(capture, modalities, to_uv)
    related = _strongest_correlations([together] if together else [(one,) for one in modalities])
    # A band copied within a file is a copy at the same pixels, wherever UV lies.
    stacked = together if to_uv is None else _on_same_places(capture, modalities, np.eye(3))
    duplicates = _duplicates(stacked or modalities, across=stacked is not None)
    rows: list[dict[str, Any]] = []
    for modality, mask, correlations in zip(modalities, masks, related, strict=True):
        twins = {band for name, band in duplicates if name == modality.name}
        rows += _rows(
            modality,
            correlations,
            twins,
            params,
            saturated_at=_saturated_at(modality.names, ceiling, calibration),
            mask_share=np.count_nonzero(mask) / mask.size,
            displaced=displaced.get(modality.name, {}),
        )
    codes = {CaptureCode(code) for row in rows for code in row["flags"].split(";") if code}
    if _covers_border(capture.rgb_mask):
        codes.add(CaptureCode.INVERTED_MASK)
    elif any(_touches_border(mask) for mask in masks):
        codes.add(CaptureCode.MASK_TOUCHES_BORDER)
    dead = {row["modality"] for row in rows} - {row["modality"] for row in rows if _is_alive(row)}
    if not dead:
        codes |= _pair_codes(capture, modalities, params, is_aligned=is_aligned)
    return rows, tuple(code for code in CaptureCode if code in codes)


def _is_alive(row: dict[str, Any]) -> bool:
    return CaptureCode.DEAD_BAND not in row["flags"].split(";")


def _pair_codes(
    capture: Capture, modalities: tuple[_Modality, ...], params: QualityParams, *, is_aligned: bool
) -> set[CaptureCode]:
    """What only the two modalities together can show."""
    codes = set()
    if _focus_ratio(modalities) > params.max_focus_ratio:
        codes.add(CaptureCode.FOCUS_MISMATCH)
    same_shape = capture.rgb.shape[1:] == capture.uv.shape[1:]
    if is_aligned and same_shape and is_mirrored(capture.rgb, capture.uv, capture.rgb_mask):
        codes.add(CaptureCode.MIRRORED)
    return codes


def _modality(name: str, names: tuple[str, ...], bands: Bands, mask: Mask) -> _Modality:
    box = mask_box(mask, 2)
    inside, cut = box.cut(mask), box.cut(bands)
    width = mask.shape[1]
    strips = [np.flatnonzero(mask[rows]) + rows.start * width for rows, _ in row_strips(mask.shape)]
    sample = _Sample(bands.reshape(len(bands), -1), tuple(strip.astype(np.int32) for strip in strips))
    mean, sd = _moments(sample)
    return _Modality(name, names, sample, mean, sd, noise_sd(cut, inside), focus(brightness(cut), inside))


def _moments(sample: _Sample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation (over n) of each band."""
    parts = [(values.shape[1], *moments(values)) for values in sample.values() if values.shape[1]]
    share = np.array([n for n, _, _ in parts])[:, None] / sample.n
    means, sds = (np.stack([part[at] for part in parts]) for at in (1, 2))
    mean = (share * means).sum(axis=0)
    # The variance of the whole is that within the strips and that between them (law of total variance).
    return mean, np.sqrt((share * (sds**2 + (means - mean) ** 2)).sum(axis=0))


def focus(plane: Plane, mask: Mask) -> float:
    """Mean squared spatial frequency of log brightness inside a mask: ⟨Laplacian²⟩ / ⟨gradient²⟩, in px⁻².

    The logarithm takes exposure out, the ratio contrast, and what the noise adds to both is subtracted.
    A sine wave of angular frequency k px⁻¹ along x has about k²; 0 where noise is all there is.

    Args:
        plane: brightness, unit scale.
        mask: pixels that count; those near its outline do not.
    """
    n, sums = 0, np.zeros(3)
    for rows, kept in row_strips(plane.shape, _FOCUS_HALO_PX):
        values, counts = _focus_values(plane[rows], mask[rows], kept)
        n += counts
        sums += values
    if not n:
        return 0.0
    response, laplacian, gradient = sums / n
    noise = np.pi / 2 * (response / 6) ** 2
    curved, sloped = laplacian - _LAPLACIAN_GAIN * noise, gradient - _GRADIENT_GAIN * noise
    return float(curved / sloped) if curved > 0 and sloped > 0 else 0.0


def _focus_values(plane: Plane, mask: Mask, kept: slice) -> tuple[NDArray[np.float64], int]:
    """Sums of noise response, squared Laplacian and gradient over the rows to keep, and how many pixels."""
    logarithm = np.log(np.maximum(plane, 0) + np.float32(_LOG_FLOOR))
    smooth = smoothed(logarithm)
    counts = eroded(mask, _FOCUS_MARGIN_PX)
    counts[: kept.start] = counts[kept.stop :] = False
    counts = counts[1:-1, 1:-1]
    n = int(np.count_nonzero(counts))
    if not n:
        return np.zeros(3), 0
    core = smooth[1:-1, 1:-1]
    sides = smooth[1:-1, 2:], smooth[1:-1, :-2], smooth[2:, 1:-1], smooth[:-2, 1:-1]
    laplacian = (sides[0] + sides[1] + sides[2] + sides[3] - 4 * core)[counts]
    across, down = (sides[0] - sides[1])[counts] / 2, (sides[2] - sides[3])[counts] / 2
    means = (noise_response(logarithm)[counts].mean(), np.mean(laplacian**2), np.mean(across**2 + down**2))
    return np.array(means, dtype=np.float64) * n, n


def _focus_ratio(modalities: tuple[_Modality, ...]) -> float:
    low, high = sorted(modality.focus for modality in modalities)
    # No structure in one of them is not a matter of focus.
    return high / low if low > 0 else 1.0


def _on_same_places(
    capture: Capture, modalities: tuple[_Modality, ...], to_uv: Matrix | None
) -> tuple[_Modality, ...] | None:
    """Both modalities at the places that both have, in one order; None where they share none."""
    is_moved = to_uv is not None and not np.array_equal(to_uv, np.eye(3))
    if not is_moved and np.array_equal(capture.rgb_mask, capture.uv_mask):
        return modalities
    if to_uv is None:
        return None
    pairs = [
        pixels_in_uv(strip.astype(np.intp), to_uv, capture.uv_mask.shape)
        for strip in modalities[0].sample.strips
    ]
    there = tuple(uv.astype(np.int32) for uv, _ in pairs)
    if not sum(len(strip) for strip in there):
        return None
    here = tuple(
        strip[has_place] for strip, (_, has_place) in zip(modalities[0].sample.strips, pairs, strict=True)
    )
    return tuple(_at(modality, strips) for modality, strips in zip(modalities, (here, there), strict=True))


def _at(modality: _Modality, strips: tuple[NDArray[np.int32], ...]) -> _Modality:
    sample = modality.sample._replace(strips=strips)
    mean, sd = _moments(sample)
    return modality._replace(sample=sample, mean=mean, sd=sd)


def _strongest_correlations(groups: Sequence[tuple[_Modality, ...]]) -> list[NDArray[np.float64]]:
    """For each band the largest |r| with another band of its group; 0 where there is none."""
    strongest: list[NDArray[np.float64]] = []
    for group in groups:
        mean, sd = (np.concatenate([getattr(one, name) for one in group]) for name in ("mean", "sd"))
        products = np.zeros((len(sd), len(sd)))
        for strips in zip(*(one.sample.values() for one in group), strict=True):
            centred = np.concatenate(strips)
            centred -= mean.astype(np.float32)[:, None]
            products += centred @ centred.T
        spread = np.outer(sd, sd) * group[0].sample.n
        correlations = np.divide(products, spread, out=np.zeros_like(products), where=spread > 0)
        np.fill_diagonal(correlations, 0)
        largest = np.abs(correlations).max(axis=1)
        strongest += np.split(largest, np.cumsum([len(modality.sd) for modality in group])[:-1])
    return strongest


def _saturated_at(
    names: tuple[str, ...], ceiling: float, calibration: Calibration | None
) -> NDArray[np.float64]:
    """Where the top bin of the counts begins, in the units of each band."""
    level = ceiling * TOP_BIN
    if calibration is None:
        return np.full(len(names), level)
    return np.array([calibration[name].intercept + calibration[name].slope * level for name in names])


def _rows(
    modality: _Modality,
    correlations: NDArray[np.float64],
    twins: set[str],
    params: QualityParams,
    *,
    saturated_at: NDArray[np.float64],
    mask_share: float,
    displaced: Mapping[int, Shift],
) -> list[dict[str, Any]]:
    lowest, highest, saturated, below, above = _extremes(modality.sample, saturated_at)
    rows = []
    for k, band in enumerate(modality.names):
        snr = _ratio(modality.sd[k], modality.noise[k]) if lowest[k] < highest[k] else 0.0
        shift = displaced.get(k, Shift(0.0, 0.0))
        checks = {
            CaptureCode.DEAD_BAND: snr < params.min_band_snr and correlations[k] < _UNRELATED,
            CaptureCode.DUPLICATED_BAND: band in twins,
            CaptureCode.DISPLACED_BAND: k in displaced,
            CaptureCode.SATURATED: saturated[k] > params.max_saturated_share,
            CaptureCode.OUT_OF_RANGE: max(below[k], above[k]) > params.max_out_of_range_share,
        }
        rows.append(
            {
                "modality": modality.name,
                "band": band,
                "mean": float(modality.mean[k]),
                "sd": float(modality.sd[k]),
                "min": float(lowest[k]),
                "max": float(highest[k]),
                "saturated_share": float(saturated[k]),
                "snr": snr,
                "below_zero_share": float(below[k]),
                "above_one_share": float(above[k]),
                "focus": modality.focus,
                "mask_share": mask_share,
                "dx_px": shift.dx_px,
                "dy_px": shift.dy_px,
                "flags": ";".join(code for code, found in checks.items() if found),
            }
        )
    return rows


def _extremes(sample: _Sample, saturated_at: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Of each band the lowest and highest value, and the shares of pixels saturated, below 0 and above 1."""
    lows, highs, shares = [], [], np.zeros((3, len(sample.flat)))
    for values in sample.values():
        if values.shape[1]:
            lows.append(values.min(axis=1))
            highs.append(values.max(axis=1))
            beyond = (values >= saturated_at[:, None], values < 0, values > 1)
            shares += np.array([np.count_nonzero(found, axis=1) for found in beyond]) / sample.n
    return np.min(lows, axis=0), np.max(highs, axis=0), *shares


def _ratio(sd: float, noise: float) -> float:
    return float(sd / noise) if noise > 0 else float("inf")


def _duplicates(modalities: tuple[_Modality, ...], *, across: bool) -> set[tuple[str, str]]:
    """Bands, as (modality, band), that equal another pixel by pixel; a constant one is dead instead.

    Modalities are compared with one another where `across` says so.
    """
    bands = [(modality, k) for modality in modalities for k, sd in enumerate(modality.sd) if sd > 0]
    found: set[tuple[str, str]] = set()
    for (one, i), (two, j) in combinations(bands, 2):
        if (across or one.name == two.name) and _are_equal(one.sample, i, two.sample, j):
            found |= {(one.name, one.names[i]), (two.name, two.names[j])}
    return found


def _are_equal(one: _Sample, i: int, two: _Sample, j: int) -> bool:
    """Whether two bands hold the same values in the same order; it ends with the first strip that differs."""
    pairs = zip(one.strips, two.strips, strict=True)
    return all(np.array_equal(one.flat[i][here], two.flat[j][there]) for here, there in pairs)


def _border(mask: Mask) -> Mask:
    return np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])


def _touches_border(mask: Mask) -> bool:
    """Whether the specimen is cut off by the frame; a mask that is the whole frame says nothing."""
    return bool(_border(mask).any()) and not bool(mask.all())


def _covers_border(mask: Mask) -> bool:
    """Whether nearly all of the frame's border is in the mask, and something within is not."""
    return float(_border(mask).mean()) >= _INVERTED_SHARE and not bool(mask.all())
