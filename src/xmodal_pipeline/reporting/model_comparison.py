"""Figures of `compare` and `ablation`: differences between models, and settings with their seeds."""

from collections.abc import Hashable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xmodal_pipeline.evaluation.schema import ALPHA
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.points import draw_chance
from xmodal_pipeline.reporting.style import (
    DOTTED,
    DOUBLE_COLUMN_MM,
    GREY,
    MAX_HEIGHT_MM,
    PALETTE,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    draw_pages,
    fill_pages,
    fit_text,
    legend_entry,
    make_axes,
    make_figure,
    name_rows,
    row_mm,
    shorten,
    styled,
    text_mm,
)
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames, number, p_value

_MEASURES: Final = {"retrieval": "mrr", "retrieval_opposite_views": "mrr", "classification": "accuracy"}
"""The measure of each task that is drawn; the table has all."""
_MOST_PANELS: Final = 24
_LEGEND_MM: Final = 16.0
_NAMES: Final = 0.47
"""Share of the width that names of rows may take."""


@styled
def draw_differences(
    compared: pd.DataFrame,
    *,
    page: int = 0,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Paired differences between models, and of each from its strongest baseline, per direction or label.

    Args:
        compared: of `compare_models`.
        page: from 0; a page holds as many panels as its height.
        names: display names of the modalities.
        width_mm: numbers stand at the right of a row in double-column width, else below the models.

    Returns:
        Filled points where the corrected p is at most .05; n, corrected p and seeds beside them.

    Raises:
        NothingToDrawError: if there is no comparison, or none is left for the page.
    """
    panels = _panels(compared)[:_MOST_PANELS]
    if not panels:
        raise NothingToDrawError("no two models have a measure in common")
    is_wide = width_mm > SINGLE_COLUMN_MM
    texts = [_row_texts(part, names, width_mm) for _, part in panels]
    heights = [(14 if is_wide else 22) + max(4.6, row_mm(rows)) * len(rows) for rows, _ in texts]
    here = _page_of(heights, page)
    panels, texts, heights = panels[here], texts[here], heights[here]
    figure = make_figure(width_mm, sum(heights))
    axes = make_axes(figure, len(panels), 1, gridspec_kw={"height_ratios": heights})[:, 0]
    for axis, ((task, label, family), part), (rows_named, notes) in zip(axes, panels, texts, strict=True):
        _draw_forest(axis, part)
        name_rows(axis, rows_named, notes)
        measure = "balanced accuracy" if task == "classification" else "MRR"
        against = ", from the strongest baseline" if family == "baselines" else ""
        axis.set(
            title=fit_text(
                f"{names.label(str(task)).capitalize()}, {names.label(str(label))}{against}",
                (0.55 if is_wide else 0.5) * width_mm,
                is_title=True,
            ),
            xlabel=fit_text(
                f"difference in {measure} on the same specimens (95 % interval of each)",
                (0.55 if is_wide else 0.38) * width_mm,
            ),
        )
    handles = [
        legend_entry("p ≤ .05", PALETTE[0], "o"),
        legend_entry("p > .05", PALETTE[0], "o", fillstyle="none"),
    ]
    add_legend(
        figure,
        handles,
        title="p corrected by the step-down maximum (Westfall & Young) over all comparisons of a task, "
        "between models or with baselines",
    )
    return figure


def picture_differences(compared: pd.DataFrame, *, names: ModalityNames) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_differences`."""
    return print_figure(
        "compared",
        "Differences between models",
        "Paired differences on the same specimens, with 95 % intervals.",
        lambda width_mm: draw_pages(
            lambda page: draw_differences(compared, page=page, names=names, width_mm=width_mm)
        ),
    )


def _panels(compared: pd.DataFrame) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Differences between models, then of each model from the baseline that it exceeds least."""
    rows = compared[compared["metric"] == compared["task"].map(_MEASURES)]
    panels = []
    for (task, label, family), part in rows.groupby(["task", "label", "family"], sort=False):
        shown = (
            part.loc[part.groupby("a", sort=False)["difference"].idxmin()] if family == "baselines" else part
        )
        panels.append(((str(task), str(label), str(family)), shown))
    return panels


def _page_of(heights: Sequence[float], page: int) -> slice:
    """The panels that share a page."""
    pages = fill_pages(heights, MAX_HEIGHT_MM - _LEGEND_MM)
    if page >= len(pages):
        raise NothingToDrawError(f"no panel on page {page + 1}")
    return pages[page]


def _draw_forest(axes: Axes, rows: pd.DataFrame) -> None:
    for y, row in enumerate(rows.to_dict("records")):
        errors = np.maximum([[row["difference"] - row["low"]], [row["high"] - row["difference"]]], 0)
        fill = "full" if row["p_adjusted"] <= ALPHA else "none"
        axes.errorbar(
            row["difference"], y, xerr=errors, color=PALETTE[0], marker="o", fillstyle=fill, elinewidth=1
        )
    axes.axvline(0, color="black", linewidth=0.8)


def _row_texts(rows: pd.DataFrame, names: ModalityNames, width_mm: float) -> tuple[list[str], list[str]]:
    """What stands at the left and at the right of the rows; in a single column all at the left."""
    is_wide = width_mm > SINGLE_COLUMN_MM
    texts, notes = [], []
    for row in rows.to_dict("records"):
        first, second = _side(row, "a", names), _side(row, "b", names)
        is_stacked = not is_wide and text_mm(f"{first} − {second}") > _NAMES * width_mm
        texts.append(f"{first} −\n{second}" if is_stacked else f"{first} − {second}")
        seeds = f"{row['n_seeds']} seeds" if row["n_seeds"] > 1 else "one seed"
        notes.append(f"n = {row['n']}, {p_value(row['p_adjusted'])}, {seeds}")
    if is_wide:
        return texts, notes
    return [f"{text}\n{note}" for text, note in zip(texts, notes, strict=True)], []


def _side(row: dict[Hashable, Any], side: str, names: ModalityNames) -> str:
    """A model, and the features that stand for it where it has several."""
    name, features = str(row[side]), str(row[f"features_{side}"])
    is_baseline = side == "b" and row["family"] == "baselines"
    shown = f"[{names.model(name)}]" if is_baseline else names.model(name)
    return shown if features == "rgb+uv" or name.endswith("_only") else f"{shown} ({names.label(features)})"


@styled
def draw_ablation(
    ablation: pd.DataFrame,
    *,
    label: str | None = None,
    page: int = 0,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Every setting of the grid and every baseline: a point per seed, their mean, and what validation chose.

    Args:
        ablation: of `tabulate_cells`.
        label: whose accuracy is drawn; None: the sex, else the first in the table.
        page: from 0; beyond the first only where panels stand on one another.
        names: display names of the modalities.
        width_mm: panels lie beside one another in double-column width, else below.

    Returns:
        A panel for validation, by which settings may be chosen, and one per measure of the test specimens.

    Raises:
        NothingToDrawError: if no cell has a number, or no panel is left for the page.
    """
    labels = ablation.loc[ablation["task"] == "classification", "label"].unique().tolist()
    shown = next((one for one in (label, "sex", *labels) if one in labels), None)
    wanted = [
        ("validation", "", "recall_at_1", "Validation: recall@1"),
        ("retrieval", "rgb_to_uv", "mrr", f"Test: MRR, {names.label('rgb_to_uv')}"),
        ("classification", shown, "own_accuracy", f"Probe: {names.rename(str(shown))}"),
    ]
    panels = [
        (title, part)
        for task, where, metric, title in wanted
        if len(part := _panel_rows(ablation, task, where, metric))
    ]
    if not panels:
        raise NothingToDrawError("no cell of the grid has a number")
    settings = list(dict.fromkeys(ablation["setting"]))
    chosen = set(ablation.loc[ablation["is_selected"], "setting"])
    texts = [
        f"[{names.label(one[1:-1])}]"
        if one.startswith("[")
        else f"{names.rename(one)} (chosen)"
        if one in chosen
        else names.rename(one)
        for one in settings
    ]
    is_wide = width_mm > SINGLE_COLUMN_MM
    texts = [_stack_setting(text, _NAMES * width_mm) for text in texts]
    height_mm = 20 + max(6.0, row_mm(texts)) * len(texts)
    if not is_wide:
        panels = panels[_page_of([height_mm] * len(panels), page)]
    elif page:
        raise NothingToDrawError(f"no panel on page {page + 1}")
    lines, columns = (1, len(panels)) if is_wide else (len(panels), 1)
    figure = make_figure(width_mm, height_mm * lines)
    grid = make_axes(figure, lines, columns, sharey=True)
    for axis, (title, part) in zip(grid.flat, panels, strict=True):
        name_rows(axis, texts)
        _draw_settings(axis, part, settings)
        room_mm = ((1 - _NAMES) * width_mm - 6) / columns
        axis.set(title=fit_text(title, room_mm, is_title=True), xlabel=f"n = {number(part['n'].max(), 0)}")
    seeds = ablation.groupby("setting")["training.seed"].nunique().max()
    about = "one seed: exploratory" if seeds < 2 else f"up to {seeds} seeds"
    add_legend(
        figure,
        [
            legend_entry("mean over seeds", PALETTE[0], "o"),
            legend_entry("one seed each", GREY, "|"),
            legend_entry("chance", line=DOTTED),
        ],
        title=f"{about}; (chosen): best on validation" if chosen else about,
    )
    return figure


def picture_ablation(ablation: pd.DataFrame, *, label: str | None, names: ModalityNames) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_ablation`."""
    return print_figure(
        "ablation",
        "Settings of the grid",
        "Every setting of the grid: a line per seed and their mean.",
        lambda width_mm: draw_pages(
            lambda page: draw_ablation(ablation, label=label, page=page, names=names, width_mm=width_mm)
        ),
    )


def _stack_setting(text: str, width_mm: float) -> str:
    """A setting with a line per key where one line is too long for all."""
    if text_mm(text) <= width_mm:
        return text
    most = int(width_mm / text_mm("n"))
    return ",\n".join(shorten(part, most) for part in text.split(", "))


def _panel_rows(ablation: pd.DataFrame, task: str, label: str | None, metric: str) -> pd.DataFrame:
    is_here = (ablation["task"] == task) & (ablation["metric"] == metric) & (ablation["label"] == label)
    return ablation[is_here & ablation["value"].notna()]


def _draw_settings(axes: Axes, rows: pd.DataFrame, settings: Sequence[str]) -> None:
    for y, setting in enumerate(settings):
        values = rows.loc[rows["setting"] == setting, "value"].to_numpy(dtype=float)
        if len(values):
            axes.plot(values, np.full(len(values), y), color=GREY, marker="|", linestyle="", markersize=6)
            axes.plot(values.mean(), y, color=PALETTE[0], marker="o", linestyle="")
    draw_chance(axes, rows["chance"])
