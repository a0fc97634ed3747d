"""Whether the two modalities lie on one another: table, figure and sentence."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import RegistrationParams
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.section import Chapter, Finding, PageTable, Section, table_of
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    GREY,
    PALETTE,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    make_axes,
    make_figure,
    styled,
)
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames, number

_MARGIN_LINEAR: Final = 0.05
"""Margins up to here are drawn on a linear scale, larger ones on a logarithmic one."""
_STATUS_STYLES: Final = {
    "ok": (PALETTE[0], "o"),
    "corrected": (PALETTE[2], "s"),
    "failed": (PALETTE[5], "X"),
    "abstained": (GREY, "D"),
}
_FITTED: Final = "got another rotation or scale from the fit, which can be wrong"
_INSIDE: Final = {
    "off": _FITTED,
    "check": f"{_FITTED}, or is shifted, which was not corrected",
    "correct": _FITTED,
}
"""Why a capture may fail that lies inside the gate for margin and residual shift."""
_FATES: Final = {
    "ok": "right as photographed",
    "corrected": "right after a shift was corrected",
    "failed": "used misaligned and flagged",
    "abstained": "flagged for too little structure to judge",
}
"""What is done with a capture of each status."""


def registration_section(
    study: Study,
    registration_qa: pd.DataFrame,
    registration: RegistrationParams,
    registration_figure: ReportFigure,
) -> Section:
    """Shifts as found, what passed the gate, and what was corrected."""
    names = ModalityNames.of(study)
    return Section(
        "images",
        findings=tuple(say_registration(registration_qa, names)),
        methods={"registration": describe_registration(study, registration_qa, registration)},
        chapters=(
            Chapter(
                "registration",
                f"How {names.uv} lies on {names.rgb}",
                figures=(registration_figure,),
                tables=(tabulate_registration(registration_qa),),
            ),
        ),
    )


def say_registration(registration_qa: pd.DataFrame, names: ModalityNames) -> list[Finding]:
    """What became of the captures whose registration was judged; nothing where none was."""
    counts = registration_qa["status"].value_counts().reindex(list(_STATUS_STYLES), fill_value=0)
    if not counts.sum():
        return []
    fates = ", ".join(f"{counts[status]} {fate}" for status, fate in _FATES.items() if counts[status])
    return [
        Finding(f"How {names.uv} lies on {names.rgb}, in {counts.sum()} captures: {fates}.", is_claim=False)
    ]


def describe_registration(
    study: Study, registration_qa: pd.DataFrame, registration: RegistrationParams
) -> str:
    """How many captures were found to lie how, and by what method."""
    names, mode = ModalityNames.of(study), study.settings.registration
    if mode == "off" or registration_qa.empty or (registration_qa["status"] == "off").all():
        return f"Registration of {names.uv} to {names.rgb} was not checked."
    counts = ", ".join(
        f"{count} {status}" for status, count in registration_qa["status"].value_counts().items()
    )
    what = "estimated and corrected" if mode == "correct" else "estimated"
    return (
        f"The shift of {names.uv} against {names.rgb} was {what} by cross-correlation of gradient "
        f"magnitudes ({counts}){_turns(registration_qa, registration.rig)}."
    )


def _turns(registration_qa: pd.DataFrame, rig: str | None) -> str:
    """To how many captures the fit gave another rotation or scale, and whether set-ups shared one."""
    turns = registration_qa.reindex(columns=["rotation_deg", "scale"]).fillna({"rotation_deg": 0, "scale": 1})
    rows = registration_qa[(turns["rotation_deg"] != 0) | (turns["scale"] != 1)]
    shared = f"; captures of one {'study' if rig == 'all' else rig} shared one transform" if rig else ""
    said = ""
    if len(rows):
        said = f"; the fit, which can be wrong, gave {len(rows)} of them another rotation or scale"
        details = (
            (int((rows["status"] == "failed").sum()), "were left as they were"),
            (_count_doubtful(rows), "lie below what such a capture would surely show"),
        )
        counted = [f"{count} {what}" for count, what in details if count]
        said += f" ({', '.join(counted)})" if counted else ""
    return said + shared


def _count_doubtful(rows: pd.DataFrame) -> int:
    """How many were given a rotation and a scale below those that 95 of 100 such captures would show."""
    known = rows.reindex(columns=["detectable_rotation_deg", "detectable_scale_error"])
    is_small = rows["rotation_deg"].abs() < known["detectable_rotation_deg"]
    return int((is_small & ((rows["scale"] - 1).abs() < known["detectable_scale_error"])).sum())


def tabulate_registration(registration_qa: pd.DataFrame) -> PageTable:
    """Per status: captures, median and largest shift, median margin and residual."""
    rows = []
    for status, part in registration_qa.groupby("status"):
        shift = (part["dx_px"] ** 2 + part["dy_px"] ** 2) ** 0.5
        sizes = (number(shift.median()), number(shift.max()), number(part["margin"].median(), 3))
        rows.append((str(status), str(len(part)), *sizes, number(part["residual_px"].median())))
    header = (
        "Status",
        "Captures",
        "Median shift (px)",
        "Largest shift (px)",
        "Median margin",
        "Median residual (px)",
    )
    return table_of("Registration", header, rows, 1, source="registration_qa")


def picture_registration(
    study: Study, registration_qa: pd.DataFrame, gate: RegistrationParams
) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_registration`."""
    names, mode = ModalityNames.of(study), study.settings.registration
    return print_figure(
        "registration",
        "Registration",
        f"Shift: of {names.uv} relative to {names.rgb} per capture, as found, before correction. "
        "Gate (dashed): a capture passes above the margin and left of the residual shift. "
        f"Both of its axes are stretched towards 0. A failed capture inside the gate {_INSIDE[mode]}.",
        lambda width_mm: draw_registration(
            registration_qa,
            min_margin=gate.min_margin,
            min_corrected_margin=gate.min_corrected_margin,
            max_residual_px=gate.max_residual_px,
            names=names,
            width_mm=width_mm,
        ),
    )


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
