"""Figures of what went in: contact sheet, registration, bands, class balance."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xmodal_pipeline.reporting.names import DEFAULT_NAMES, ModalityNames
from xmodal_pipeline.reporting.style import (
    ALERT,
    DOUBLE_COLUMN_MM,
    GREY,
    MODALITY_COLOURS,
    PALETTE,
    NothingToDrawError,
    category_styles,
    hide_frame,
    label_values,
    make_axes,
    make_figure,
    styled,
)

_SHEET_COLUMNS: Final = 3
_SHEET_ROWS: Final = 9
CAPTURES_PER_PAGE: Final = _SHEET_COLUMNS * _SHEET_ROWS
_SATURATED: Final = 0.01
"""Share of pixels at the top of the range above which a capture counts as saturated."""
_STATUS_STYLES: Final = {
    "ok": (PALETTE[0], "o"),
    "corrected": (PALETTE[2], "s"),
    "failed": (PALETTE[5], "X"),
    "abstained": (GREY, "D"),
}


@styled
def draw_contact_sheet(
    thumbnails: NDArray[np.uint8],
    captions: Sequence[str],
    flags: Sequence[str],
    *,
    page: int = 0,
    names: ModalityNames = DEFAULT_NAMES,
) -> Figure:
    """One page of captures as RGB | UV | overlay, flagged captures first with their codes.

    Args:
        thumbnails: (captures, 3, size, size, 3) panels of `make_thumbnail`.
        captions: one per capture.
        flags: one per capture, codes joined by `;`, empty when there is nothing to say.
        page: from 0; a page holds `CAPTURES_PER_PAGE`.
        names: display names of the modalities.

    Returns:
        The page; double-column width.

    Raises:
        NothingToDrawError: if there is no such page.
    """
    order = sorted(range(len(thumbnails)), key=lambda i: not flags[i])
    shown = order[page * CAPTURES_PER_PAGE : (page + 1) * CAPTURES_PER_PAGE]
    if not shown:
        raise NothingToDrawError(f"no capture on page {page + 1} of the contact sheet")
    rows = math.ceil(len(shown) / _SHEET_COLUMNS)
    figure = make_figure(DOUBLE_COLUMN_MM, 10 + 26 * rows)
    axes = make_axes(figure, rows, _SHEET_COLUMNS)
    for axis in axes.flat:
        hide_frame(axis)
    for axis, row in zip(axes.flat, shown, strict=False):
        axis.imshow(_side_by_side(thumbnails[row]))
        axis.set_title(captions[row], fontsize=7, fontweight="normal", pad=3.5)
        axis.set_xlabel(flags[row].replace(";", ", "), color=ALERT, fontweight="bold", labelpad=2, loc="left")
    pages = math.ceil(len(thumbnails) / CAPTURES_PER_PAGE)
    flagged = sum(map(bool, flags))
    figure.suptitle(
        f"{names.rgb} | {names.uv} | overlay ({names.rgb} green, {names.uv} magenta). "
        f"{len(thumbnails)} captures, {flagged} flagged (first). Page {page + 1} of {pages}",
        fontsize=7,
        x=0.01,
        ha="left",
    )
    return figure


@styled
def draw_registration(
    registration_qa: pd.DataFrame,
    *,
    min_margin: float | None = None,
    max_residual_px: float | None = None,
    names: ModalityNames = DEFAULT_NAMES,
) -> Figure:
    """Shift of UV against RGB per capture, and the margin against the residual shift with the gate drawn in.

    Args:
        registration_qa: one row per capture.
        min_margin: the gate's lowest margin; no line where None.
        max_residual_px: the gate's largest residual shift; no line where None.
        names: display names of the modalities.

    Returns:
        Two panels; double-column width.

    Raises:
        NothingToDrawError: if registration was off.
    """
    judged = (
        registration_qa[registration_qa["status"].isin(_STATUS_STYLES)]
        if len(registration_qa)
        else registration_qa
    )
    if judged.empty:
        raise NothingToDrawError("registration was off, so no shift was measured")
    figure = make_figure(DOUBLE_COLUMN_MM, 84)
    shift, gate = make_axes(figure, 1, 2)[0]
    for status, (colour, marker) in _STATUS_STYLES.items():
        rows = judged[judged["status"] == status]
        if rows.empty:
            continue
        style = {"color": colour, "marker": marker, "s": 14, "alpha": 0.75, "linewidths": 0}
        shift.scatter(rows["dx_px"], rows["dy_px"], label=f"{status} ({len(rows)})", **style)
        gate.scatter(rows["residual_px"], rows["margin"], **style)
    for line in (shift.axhline, shift.axvline):
        line(0, color=GREY, linewidth=0.6, zorder=0)
    shift.set(
        xlabel="to the right (px)", ylabel="down (px)", title=f"Shift of {names.uv} against {names.rgb}"
    )
    shift.set_aspect("equal", adjustable="datalim")
    shift.invert_yaxis()
    gate.set(xlabel="residual shift (px)", ylabel="margin of the score at zero", title="Gate")
    _draw_gate(gate, min_margin, max_residual_px)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def _draw_gate(axes: Axes, min_margin: float | None, max_residual_px: float | None) -> None:
    """Lines at the thresholds; what passes is above and to the left."""
    line: dict[str, Any] = {"color": "black", "linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 0}
    if max_residual_px is not None:
        axes.set_xlim(0, max(axes.get_xlim()[1], max_residual_px * 1.2))
        axes.axvline(max_residual_px, **line)
        axes.annotate(
            f"≤ {max_residual_px:g} px",
            (max_residual_px, 1),
            (3, -7),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
        )
    if min_margin is not None:
        axes.axhline(min_margin, **line)
        axes.annotate(
            f"≥ {min_margin:g}",
            (1, min_margin),
            (-2, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
        )


@styled
def draw_band_histograms(
    quality_report: pd.DataFrame, *, units: str = "unit scale", names: ModalityNames = DEFAULT_NAMES
) -> Figure:
    """Per band, how the means inside the mask are distributed over captures, with their median.

    Args:
        quality_report: one row per capture and band.
        units: what the means are in.
        names: display names of the modalities.

    Returns:
        One panel per band, RGB bands first; double-column width.

    Raises:
        NothingToDrawError: if the table is empty.
    """
    if quality_report.empty:
        raise NothingToDrawError("no band was measured")
    bands = quality_report[["modality", "band"]].drop_duplicates().itertuples(index=False)
    panels = [(str(modality), str(band)) for modality, band in bands]
    rows = math.ceil(len(panels) / 3)
    figure = make_figure(DOUBLE_COLUMN_MM, 12 + 42 * rows)
    axes = make_axes(figure, rows, 3, sharex=True)
    edges = np.histogram_bin_edges(quality_report["mean"].dropna(), bins=30)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (modality, band) in zip(axes.flat, panels, strict=False):
        rows_here = quality_report[
            (quality_report["modality"] == modality) & (quality_report["band"] == band)
        ]
        _draw_band(axis, rows_here, edges, MODALITY_COLOURS.get(modality, GREY))
        axis.set_title(f"{names.label(modality)}: {band}")
    n = quality_report["capture_id"].nunique()
    figure.supxlabel(f"mean inside the mask ({units}); n = {n} captures; line: median", fontsize=7)
    figure.supylabel("captures", fontsize=7)
    return figure


def _draw_band(axes: Axes, rows: pd.DataFrame, edges: NDArray[np.float64], colour: str) -> None:
    axes.hist(rows["mean"].dropna(), bins=edges.tolist(), color=colour, alpha=0.75, linewidth=0)
    axes.axvline(float(rows["mean"].median()), color="black", linewidth=0.9)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(labelbottom=True)
    note = f"median {rows['mean'].median():.2f}"
    if "saturated_share" in rows and (rows["saturated_share"] > _SATURATED).any():
        note += f", {int((rows['saturated_share'] > _SATURATED).sum())} saturated"
    axes.set_title(note, loc="right", fontsize=7, fontweight="normal")


@styled
def draw_class_balance(
    specimen_index: pd.DataFrame, *, label: str = "species", by: str = "sex", most: int = 40
) -> Figure:
    """Specimens per class, divided by a second label, with their numbers.

    Args:
        specimen_index: one row per capture; a specimen counts once.
        label: the classes, largest first.
        by: what each bar is divided by, where the index has it.
        most: classes drawn; the rest are counted in the title.

    Returns:
        One bar per class; single-column width.

    Raises:
        NothingToDrawError: if the index has no such label.
    """
    if label not in specimen_index or specimen_index[label].isna().all():
        raise NothingToDrawError(f"no capture has the label {label}")
    specimens = specimen_index.drop_duplicates("specimen_id")
    parts = (
        label_values(specimens[by], most=6)
        if by in specimens and by != label
        else specimens[label].map(lambda _: "")
    )
    classes = specimens[label].astype("object").where(specimens[label].notna(), "unlabelled")
    counts = pd.crosstab(classes, parts)
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    hidden = max(len(counts) - most, 0)
    counts = counts.head(most)
    figure = make_figure(89, 16 + 4.4 * len(counts))
    axes = make_axes(figure)[0, 0]
    start = np.zeros(len(counts))
    for part, (colour, _) in category_styles([str(column) for column in counts.columns]).items():
        width = counts[part].to_numpy(dtype=float)
        axes.barh(
            range(len(counts)),
            width,
            left=start,
            color=colour if part != "unlabelled" else "#BBBBBB",
            label=part,
            edgecolor="white",
            linewidth=0.5,
        )
        start += width
    for row, total in enumerate(start):
        axes.annotate(f"{total:.0f}", (total, row), (2, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(counts)), [str(name) for name in counts.index])
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.margins(x=0.1)
    more = f" ({hidden} more not shown)" if hidden else ""
    axes.set(xlabel="specimens", title=f"{len(specimens)} specimens by {label}{more}")
    if len(counts.columns) > 1:
        figure.legend(loc="outside lower center", ncols=4)
    return figure


def _side_by_side(panels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(3, S, S, 3) as one strip with white gaps: one image per capture draws ten times faster than three."""
    gap = np.full((panels.shape[1], max(panels.shape[1] // 24, 1), 3), 255, dtype=np.uint8)
    strips = [part for panel in panels for part in (panel, gap)]
    return np.concatenate(strips[:-1], axis=1)
