"""Figures of what went in: contact sheet, registration, bands, class balance."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from xmodal_pipeline.reporting.names import DEFAULT_NAMES, ModalityNames, write_class
from xmodal_pipeline.reporting.style import (
    ALERT,
    DOUBLE_COLUMN_MM,
    GREY,
    MAX_HEIGHT_MM,
    MODALITY_COLOURS,
    PALETTE,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    category_styles,
    fit_text,
    hide_frame,
    label_values,
    make_axes,
    make_figure,
    make_mosaic,
    shorten,
    styled,
    text_mm,
)

_SHEET_DOUBLE: Final = (3, 9)
_SHEET_SINGLE: Final = (2, 10)
"""Columns and rows of a page."""
_CAPTION_CHARACTER_MM: Final = 1.45
"""Names of captures are rich in digits, which are wider than letters."""
_MARGIN_LINEAR: Final = 0.05
"""Margins up to here are drawn on a linear scale, larger ones on a logarithmic one."""
_MOST_CLASSES: Final = 42
"""Bars that a page holds."""
_OTHER_CLASSES: Final = 6
"""Bars of a label that is not the study's first."""
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
    captures_in_all: int | None = None,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """One page of captures as RGB | UV | overlay, flagged captures first with their codes.

    Args:
        thumbnails: (captures, 3, size, size, 3) panels of `make_thumbnail`.
        captions: one per capture.
        flags: one per capture, codes joined by `;`, empty when there is nothing to say.
        page: from 0.
        captures_in_all: of the study, where the sheet shows fewer.
        names: display names of the modalities.
        width_mm: a page holds 27 captures in double-column width, else 20.

    Returns:
        The page.

    Raises:
        NothingToDrawError: if there is no such page.
    """
    order = sorted(range(len(thumbnails)), key=lambda i: not flags[i])
    columns, most_rows = _SHEET_DOUBLE if width_mm > SINGLE_COLUMN_MM else _SHEET_SINGLE
    per_page = columns * most_rows
    shown = order[page * per_page : (page + 1) * per_page]
    if not shown:
        raise NothingToDrawError(f"no capture on page {page + 1} of the contact sheet")
    rows = math.ceil(len(shown) / columns)
    strip_mm = width_mm / columns - 3
    reasons = {row: fit_text(flags[row].replace(";", ", "), strip_mm - 5, is_title=True) for row in shown}
    lines = max(reason.count("\n") for reason in reasons.values())
    row_mm = min(strip_mm / 3 + 6.5 + 3 * lines, (MAX_HEIGHT_MM - 10) / most_rows)
    figure = make_figure(width_mm, 10 + row_mm * rows)
    axes = make_axes(figure, rows, columns)
    for axis in axes.flat:
        hide_frame(axis)
    for axis, row in zip(axes.flat, shown, strict=False):
        axis.imshow(_side_by_side(thumbnails[row]))
        caption = shorten(captions[row], int(strip_mm / _CAPTION_CHARACTER_MM))
        axis.set_title(caption, fontsize=7, fontweight="normal", pad=3.5)
        axis.set_xlabel(reasons[row], color=ALERT, fontweight="bold", labelpad=2, loc="left")
    pages = math.ceil(len(thumbnails) / per_page)
    flagged = sum(map(bool, flags))
    of_all = f" of {captures_in_all}" if (captures_in_all or 0) > len(thumbnails) else ""
    about = (
        f"{names.rgb} | {names.uv} | overlay ({names.rgb} green, {names.uv} magenta). "
        f"{len(thumbnails)}{of_all} captures, {flagged} flagged (first). Page {page + 1} of {pages}"
    )
    figure.suptitle(fit_text(about, width_mm), fontsize=7, x=0.01, ha="left")
    return figure


@styled
def draw_registration(
    registration_qa: pd.DataFrame,
    *,
    min_margin: float | None = None,
    min_corrected_margin: float | None = None,
    max_residual_px: float | None = None,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Shift of UV against RGB per capture, and the margin against the residual shift with the gate drawn in.

    Args:
        registration_qa: one row per capture.
        min_margin: the gate's lowest margin; no line where None.
        min_corrected_margin: the same where a shift was undone.
        max_residual_px: the gate's largest residual shift; no line where None.
        names: display names of the modalities.
        width_mm: the panels lie beside one another in double-column width, else below.

    Returns:
        Two panels.

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
    lines, columns = (1, 2) if width_mm > SINGLE_COLUMN_MM else (2, 1)
    figure = make_figure(width_mm, 75 * lines)
    shift, gate = make_axes(figure, lines, columns).flat
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
    _scale_gate(gate)
    gate.set(xlabel="residual shift (px)", ylabel="margin of the score at zero", title="Gate")
    _draw_gate(gate, {"ok": min_margin, "corrected": min_corrected_margin}, max_residual_px)
    add_legend(figure, shift.get_legend_handles_labels()[0])
    return figure


def _scale_gate(axes: Axes) -> None:
    """Stretch both axes towards 0: what passes lies there, and what fails may lie far out."""
    axes.set_yscale("symlog", linthresh=_MARGIN_LINEAR)
    axes.set_xscale("function", functions=(np.sqrt, np.square))
    axes.set_xlim(0, max(axes.get_xlim()[1], 1))
    axes.set_yticks([-0.5, -0.2, -0.05, 0, 0.05, 0.2, 0.5])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _draw_gate(axes: Axes, margins: dict[str, float | None], max_residual_px: float | None) -> None:
    """Lines at the thresholds; what passes is above and to the left."""
    line: dict[str, Any] = {"linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 0}
    if max_residual_px is not None:
        axes.set_xlim(0, max(axes.get_xlim()[1], max_residual_px * 1.2))
        axes.axvline(max_residual_px, color="black", **line)
        axes.annotate(
            f"≤ {max_residual_px:g} px",
            (max_residual_px, 1),
            (3, -7),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
        )
    known = {status: margin for status, margin in margins.items() if margin is not None}
    for status, margin in known.items():
        is_top = margin == max(known.values())
        colour = _STATUS_STYLES[status][0]
        axes.axhline(margin, color=colour, **line)
        axes.annotate(
            f"{status}: ≥ {margin:g}",
            (axes.get_xlim()[1] if max_residual_px is None else max_residual_px, margin),
            (-2, 2 if is_top else -2),
            textcoords="offset points",
            ha="right",
            va="bottom" if is_top else "top",
            color=colour,
        )


@styled
def draw_band_histograms(
    band_histograms: pd.DataFrame,
    *,
    captures: int,
    units: str = "unit scale",
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Per band, how the pixels inside the masks are distributed, over all captures.

    Bars outside 0 to 1 hold what lies beyond. The last bar within is vermillion where pixels are saturated.

    Args:
        band_histograms: one row per band and bin.
        captures: that were counted.
        units: what the values are in.
        names: display names of the modalities.
        width_mm: three panels to a row in double-column width, else two.

    Returns:
        One panel per band, RGB bands first.

    Raises:
        NothingToDrawError: if the table is empty.
    """
    if band_histograms.empty:
        raise NothingToDrawError("no band was measured")
    bands = band_histograms[["modality", "band"]].drop_duplicates()
    groups = {
        str(modality): part["band"].tolist() for modality, part in bands.groupby("modality", sort=False)
    }
    columns, row_mm = (3, 42) if width_mm > SINGLE_COLUMN_MM else (2, 34)
    rows = sum(math.ceil(len(own) / columns) for own in groups.values())
    figure = make_figure(width_mm, 12 + row_mm * rows)
    axes = make_axes(figure, rows, columns, sharex=True)
    first = 0
    for modality, own in groups.items():
        panels = axes.flat[first : first + columns * math.ceil(len(own) / columns)]
        first += len(panels)
        for axis in panels[len(own) :]:
            axis.set_axis_off()
        for axis, band in zip(panels, own, strict=False):
            is_here = (band_histograms["modality"] == modality) & (band_histograms["band"] == band)
            note = _draw_band(axis, band_histograms[is_here], MODALITY_COLOURS.get(modality, GREY))
            _title_band(axis, f"{names.label(modality)}: {band}", note, width_mm / columns - 10)
    figure.supxlabel(f"pixel value inside the mask ({units}); n = {captures} captures", fontsize=7)
    figure.supylabel("share of pixels (%)", fontsize=7)
    return figure


def _draw_band(axes: Axes, rows: pd.DataFrame, colour: str) -> str:
    """Bars of one band, the two open-ended bins as wide as the others; returns what to say of the ends."""
    low, high = rows["low"].to_numpy(), rows["high"].to_numpy()
    share = rows["n_px"].to_numpy() / max(rows["n_px"].sum(), 1)
    width = (high - low)[1]
    left = np.where(np.isfinite(low), low, high - width)
    saturated = float(rows["saturated_share"].iloc[0])
    colours = [GREY, *[colour] * (len(rows) - 2), GREY]
    if saturated > 0:
        colours[-2] = ALERT
    axes.bar(left, share, width, align="edge", color=colours, linewidth=0)
    axes.set_xlim(-2 * width, 1 + 2 * width)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")
    axes.tick_params(labelbottom=True)
    notes = {"saturated": saturated, "< 0": share[0], "> 1": share[-1]}
    return ", ".join(f"{_percent(value)} {what}" for what, value in notes.items() if value > 0)


def _title_band(axes: Axes, title: str, note: str, width_mm: float) -> None:
    """The band's name, and its note beside it where there is room, else below."""
    below = fit_text(note, width_mm)
    if text_mm(title, is_title=True) + text_mm(note) > width_mm - 4:
        title += "\n" * len(below.splitlines())
    colour = ALERT if "saturated" in note else "black"
    axes.set_title(title)
    axes.set_title(below, loc="right", fontsize=7, fontweight="normal", color=colour)


def _percent(share: float) -> str:
    return "< 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


@styled
def draw_class_balance(
    specimen_index: pd.DataFrame,
    *,
    label: str = "species",
    by: str = "sex",
    others: Sequence[str] = (),
    most: int = _MOST_CLASSES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Specimens per class of every label, divided by a second label, with their numbers.

    Args:
        specimen_index: one row per capture; a specimen counts once in a class.
        label: its classes come first, on an axis of their own, largest first.
        by: what each bar is divided by, where the index has it.
        others: further labels; each shows its largest classes.
        most: classes drawn; what is left out of `label` is counted in its title.
        width_mm: the further labels lie beside the first in double-column width, else below.

    Returns:
        A panel per label, one bar per class.

    Raises:
        NothingToDrawError: if the index has no value of any of the labels.
    """
    labels = [
        name
        for name in dict.fromkeys([label, *others])
        if name in specimen_index and specimen_index[name].notna().any()
    ]
    if not labels:
        raise NothingToDrawError(f"no capture has the label {label}")
    tables = {name: _count_classes(specimen_index, name, by) for name in labels}
    small = {name: min(len(tables[name]), _OTHER_CLASSES) for name in labels if name != label}
    room = {label: max(most - sum(small.values()) - 4 * len(small), _OTHER_CLASSES)} | small
    shown = {name: tables[name].head(room[name]) for name in labels}
    figure, panels = _class_axes([len(counts) for counts in shown.values()], width_mm)
    parts = sorted({str(part) for counts in tables.values() for part in counts.columns} - {"", "unlabelled"})
    colours = {part: colour for part, (colour, _) in category_styles(parts).items()}
    colours |= {"": PALETTE[0], "unlabelled": "#BBBBBB"}
    n = specimen_index["specimen_id"].nunique()
    for axes, (name, counts) in zip(panels, shown.items(), strict=True):
        _draw_classes(axes, name, counts, colours)
        is_cut = len(counts) < len(tables[name])
        largest = f"\nthe {len(counts)} largest of {len(tables[name])} classes" if is_cut else ""
        axes.set_title(f"{n} specimens by {name}{largest}")
    panels[-1].set_xlabel("specimens")
    named = [*parts, *(["unlabelled"] if any("unlabelled" in counts for counts in tables.values()) else [])]
    if len(named) > 1:
        add_legend(figure, [Patch(color=colours[part], label=part) for part in named], title=by, most=4)
    return figure


def _class_axes(classes: Sequence[int], width_mm: float) -> tuple[Figure, list[Axes]]:
    """The figure, and a panel per label that is as high as its classes."""
    first_mm, *others_mm = [14 + 4 * count for count in classes]
    first, *others = map(str, range(len(classes)))
    if width_mm > SINGLE_COLUMN_MM and others:
        figure = make_figure(width_mm, 6 + max(first_mm, sum(others_mm)))
        return figure, make_mosaic(figure, [[first, other] for other in others], height_ratios=classes[1:])
    figure = make_figure(width_mm, 6 + first_mm + sum(others_mm))
    return figure, make_mosaic(figure, [[first], *([other] for other in others)], height_ratios=classes)


def _count_classes(specimen_index: pd.DataFrame, label: str, by: str) -> pd.DataFrame:
    """Specimens per class (rows, largest first) and part (columns)."""
    specimens = specimen_index.drop_duplicates(["specimen_id", label])
    parts = label_values(specimens[by], most=6) if by in specimens else pd.Series("", index=specimens.index)
    classes = specimens[label].astype("object").where(specimens[label].notna(), "unlabelled").astype(str)
    counts = pd.crosstab(classes, parts)
    return counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def _draw_classes(axes: Axes, label: str, counts: pd.DataFrame, colours: dict[str, str]) -> None:
    start = np.zeros(len(counts))
    for part in counts.columns:
        width = counts[part].to_numpy(dtype=float)
        axes.barh(
            range(len(counts)),
            width,
            left=start,
            color=colours[str(part)],
            label=str(part),
            edgecolor="white",
            linewidth=0.5,
        )
        start += width
    for row, total in enumerate(start):
        axes.annotate(f"{total:.0f}", (total, row), (2, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(counts)), [shorten(write_class(label, str(name)), 28) for name in counts.index])
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.margins(x=0.1)


def _side_by_side(panels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(3, S, S, 3) as one strip with white gaps: one image per capture draws ten times faster than three."""
    gap = np.full((panels.shape[1], max(panels.shape[1] // 24, 1), 3), 255, dtype=np.uint8)
    strips = [part for panel in panels for part in (panel, gap)]
    return np.concatenate(strips[:-1], axis=1)
