"""How colour was measured: calibration, and the values of each band."""

import math
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xmodal_pipeline.imaging.calibration import MIN_R2
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.section import Chapter, Finding, PageTable, Section, table_of
from xmodal_pipeline.reporting.style import (
    ALERT,
    DOUBLE_COLUMN_MM,
    GREY,
    MODALITY_COLOURS,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    fit_text,
    make_axes,
    make_figure,
    styled,
    text_mm,
)
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames, number

_UNITS: Final = {
    "reflectance": "Captures came calibrated to reflectance.",
    "relative": "Bands are relative to a standard in each photograph and not absolute.",
    "uncalibrated": "Bands were not calibrated; colour is in camera units.",
}
_FACTS: Final = {
    "reflectance": (
        "Calibrated to reflectance",
        "Colour can be compared between captures and with other studies.",
    ),
    "relative": (
        "Colour relative to a standard",
        "Each photograph has its own standard: colour can be compared within this study and is not absolute.",
    ),
    "uncalibrated": (
        "Uncalibrated",
        "No grey standard was used, so every statement about colour is about camera units and holds for this "
        "camera and light only.",
    ),
}
"""What the units of colour let a reader do: in a word, and in a sentence."""
_SATURATED: Final = 0.01
"""Share of saturated pixels above which a capture counts as saturated in a band."""


def colour_section(
    study: Study, calibration: pd.DataFrame, quality_report: pd.DataFrame, band_figure: ReportFigure
) -> Section:
    """Lines of calibration, bands inside the mask, and what follows for statements about colour."""
    names, caution = ModalityNames.of(study), calibration_caution(calibration)
    facts: tuple[tuple[str, str], ...] = (_FACTS[study.colour_units],)
    if caution:
        facts += (
            (
                "Calibration in doubt",
                f"{caution} (POOR_CALIBRATION); statements about colour share their error. The appendix has "
                "the lines.",
            ),
        )
    return Section(
        "images",
        findings=tuple(say_quality(quality_report, names)),
        methods={"calibration": describe_calibration(study, calibration)},
        tags=colour_tags(study, calibration),
        facts=facts,
        chapters=(
            Chapter(
                "colour",
                "Colour and bands",
                figures=(band_figure,),
                tables=(tabulate_calibration(calibration, names), tabulate_quality(quality_report, names)),
            ),
        ),
    )


def say_quality(quality_report: pd.DataFrame, names: ModalityNames) -> list[Finding]:
    """The band with the weakest signal, and in how many captures a band is saturated."""
    if quality_report.empty:
        return []
    by_band = quality_report.groupby(["modality", "band"], sort=False)["snr"].median().dropna()
    saturated = quality_report.loc[quality_report["saturated_share"] > _SATURATED, "capture_id"].nunique()
    text = (
        f"A band is saturated (more than {_SATURATED:.0%} of the specimen) in {saturated} of "
        f"{quality_report['capture_id'].nunique()} captures."
    )
    if len(by_band):
        modality, band = by_band.index[int(by_band.argmin())]
        text = (
            f"The weakest band, {names.band(str(modality), str(band))}, stands {number(by_band.min(), 0)} "
            f"times above its noise in the median capture. {text}"
        )
    return [Finding(text, is_claim=False)]


def calibration_caution(calibration: pd.DataFrame) -> str:
    """A clause on the calibration lines that are flagged; empty where none is."""
    flagged = int(calibration["flagged"].sum())
    return f"{flagged} of {len(calibration)} calibration lines are flagged" if flagged else ""


def colour_tags(study: Study, calibration: pd.DataFrame) -> tuple[str, ...]:
    """What stands beside the title of a section that makes claims about colour."""
    if study.colour_units == "uncalibrated":
        return ("uncalibrated",)
    return ("calibration in doubt",) if calibration_caution(calibration) else ()


def describe_calibration(study: Study, calibration: pd.DataFrame) -> str:
    """What the units of colour are, and how bands came by them."""
    if calibration.empty:
        return _UNITS[study.colour_units]
    settings = study.settings
    what = f"each {settings.calibrate_by}" if settings.calibrate_by else "each photograph"
    curve = " after the sRGB curve was undone" if settings.encoding == "srgb" else ""
    groups, flagged = calibration["group"].nunique(), int(calibration["flagged"].sum())
    r2 = calibration["r2"]
    fit = f"R² {r2.min():.3f} to {r2.max():.3f}; " if r2.notna().any() else ""
    reserve = "; statements about colour share their error" if flagged else ""
    return (
        "Bands were calibrated to reflectance by a straight line per band through the grey standards of "
        f"{what} ({groups} in all){curve}, saturated standards left out "
        f"({fit}{flagged} of {len(calibration)} lines flagged for R² below {MIN_R2:g} or fewer than two "
        f"standards){reserve}."
    )


def tabulate_calibration(calibration: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Per band, over the groups of captures: R², residuals, and standards used and left out."""
    rows = []
    for (modality, band), part in calibration.groupby(["modality", "band"], sort=False):
        r2 = part["r2"]
        rows.append(
            (
                names.band(str(modality), str(band)),
                str(len(part)),
                str(int(part["n_used"].sum())),
                str(int(part["n_saturated"].sum())),
                f"{number(r2.min(), 3)} to {number(r2.max(), 3)}",
                number(part["residual_sd"].median(), 3),
                number(part["max_residual"].max(), 3),
                str(int(part["flagged"].sum())),
            )
        )
    header = (
        "Band",
        "Lines",
        "Standards used",
        "Standards saturated",
        "R²",
        "Median residual SD",
        "Largest residual",
        "Flagged lines",
    )
    return table_of(
        "Calibration with grey standards, residuals in units of reflectance",
        header,
        rows,
        1,
        source="calibration",
    )


def tabulate_quality(quality_report: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Per band: mean over captures, spread, signal to noise, and captures saturated or out of range."""
    rows = []
    for (modality, band), part in quality_report.groupby(["modality", "band"], sort=False):
        outside = (part["below_zero_share"] > 0) | (part["above_one_share"] > 0)
        rows.append(
            (
                names.band(str(modality), str(band)),
                number(part["mean"].mean(), 3),
                number(part["mean"].std(), 3),
                number(part["snr"].median(), 1),
                str(int((part["saturated_share"] > _SATURATED).sum())),
                str(int(outside.sum())),
            )
        )
    header = ("Band", "Mean", "SD over captures", "Median SNR", "Saturated captures", "Outside 0 to 1")
    return table_of("Bands inside the mask", header, rows, 1, source="quality_report")


def picture_bands(study: Study, band_histograms: pd.DataFrame, *, captures: int) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_band_histograms`."""
    return print_figure(
        "bands",
        "Bands",
        "Pixel values of each band inside the masks, over all captures. A band that stands at 0, or "
        "apart from its neighbours, deserves a look; saturated pixels are named, with the last bar in "
        "vermillion; grey bars hold what lies below 0 or above 1.",
        lambda width_mm: draw_band_histograms(
            band_histograms,
            captures=captures,
            units=study.colour_units,
            names=ModalityNames.of(study),
            width_mm=width_mm,
        ),
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
    axes = make_axes(figure, rows, columns, sharex=True, sharey=True)
    first = 0
    for modality, own in groups.items():
        panels = axes.flat[first : first + columns * math.ceil(len(own) / columns)]
        first += len(panels)
        for axis in panels[len(own) :]:
            axis.set_axis_off()
        for axis, band in zip(panels, own, strict=False):
            is_here = (band_histograms["modality"] == modality) & (band_histograms["band"] == band)
            note = _draw_band(axis, band_histograms[is_here], MODALITY_COLOURS.get(modality, GREY))
            _title_band(axis, names.band(modality, band), note, width_mm / columns - 10)
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
    axes.tick_params(labelbottom=True, labelleft=True)
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
