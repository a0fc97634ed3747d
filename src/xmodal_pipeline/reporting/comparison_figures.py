"""Figures of `compare` and `ablation`: differences between models, and settings with their seeds."""

from collections.abc import Hashable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xmodal_pipeline.reporting.names import DEFAULT_NAMES, ModalityNames, number
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    GREY,
    PALETTE,
    NothingToDrawError,
    make_axes,
    make_figure,
    styled,
)

SIGNIFICANT: Final = 0.05
_MEASURES: Final = {"retrieval": "mrr", "classification": "accuracy"}
"""The measure of each task that is drawn; the table has all."""
_MOST_PANELS: Final = 6


@styled
def draw_differences(compared: pd.DataFrame, *, names: ModalityNames = DEFAULT_NAMES) -> Figure:
    """Paired differences between models with their intervals: one panel per direction or label.

    Args:
        compared: of `compare_models`.
        names: display names of the modalities.

    Returns:
        Filled points where the corrected p is at most .05; n, corrected p and seeds at the right.

    Raises:
        NothingToDrawError: if there is no comparison.
    """
    rows = compared[compared["metric"] == compared["task"].map(_MEASURES)]
    panels = [(key, part) for key, part in rows.groupby(["task", "label"], sort=False)][:_MOST_PANELS]
    if not panels:
        raise NothingToDrawError("no two models have a measure in common")
    heights = [14 + 4.6 * len(part) for _, part in panels]
    figure = make_figure(DOUBLE_COLUMN_MM, 14 + sum(heights))
    axes = make_axes(figure, len(panels), 1, gridspec_kw={"height_ratios": heights})[:, 0]
    for axis, ((task, label), part) in zip(axes, panels, strict=True):
        _draw_forest(axis, part.reset_index(drop=True), names)
        measure = "MRR" if task == "retrieval" else "balanced accuracy"
        axis.set(
            title=f"{names.label(str(task)).capitalize()}, {names.label(str(label))}",
            xlabel=f"difference in {measure} on the same specimens (95 % interval of each)",
        )
    colour = PALETTE[0]
    handles = [
        Line2D([], [], color=colour, marker="o", linestyle="", label="p ≤ .05"),
        Line2D([], [], color=colour, marker="o", linestyle="", fillstyle="none", label="p > .05"),
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=2,
        title="p corrected by the step-down maximum (Westfall & Young) over all comparisons of a task",
    )
    return figure


def _draw_forest(axes: Axes, rows: pd.DataFrame, names: ModalityNames) -> None:
    texts, notes = [], []
    for y, row in enumerate(rows.to_dict("records")):
        errors = np.maximum([[row["difference"] - row["low"]], [row["high"] - row["difference"]]], 0)
        fill = "full" if row["p_adjusted"] <= SIGNIFICANT else "none"
        axes.errorbar(
            row["difference"], y, xerr=errors, color=PALETTE[0], marker="o", fillstyle=fill, elinewidth=1
        )
        texts.append(f"{_side(row, 'a', names)} − {_side(row, 'b', names)}")
        seeds = f"{row['n_seeds']} seeds" if row["n_seeds"] > 1 else "one seed"
        notes.append(f"n = {row['n']}, p = {number(row['p_adjusted'], 3)}, {seeds}")
    axes.axvline(0, color="black", linewidth=0.8)
    _name_rows(axes, texts, notes)


def _side(row: dict[Hashable, Any], side: str, names: ModalityNames) -> str:
    """A model, and the features that stand for it where it has several."""
    name, features = str(row[side]), str(row[f"features_{side}"])
    shown = names.label(name)
    return shown if features == "rgb+uv" or name.endswith("_only") else f"{shown} ({names.label(features)})"


def _name_rows(axes: Axes, texts: Sequence[str], notes: Sequence[str]) -> None:
    """What each row is at the left, its numbers at the right."""
    axes.set_yticks(range(len(texts)), texts)
    axes.set_ylim(len(texts) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.5)
    axes.set_axisbelow(True)
    right = axes.twinx()
    right.set_ylim(axes.get_ylim())
    right.set_yticks(range(len(notes)), notes, fontsize=7)
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)


@styled
def draw_ablation(
    ablation: pd.DataFrame, *, label: str | None = None, names: ModalityNames = DEFAULT_NAMES
) -> Figure:
    """Every setting of the grid: a point per seed, their mean, and what validation chose.

    Args:
        ablation: of `tabulate_cells`.
        label: whose accuracy is drawn; None: the sex, else the first in the table.
        names: display names of the modalities.

    Returns:
        A panel for validation, by which settings may be chosen, and one per measure of the test specimens.

    Raises:
        NothingToDrawError: if no cell has a number.
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
    figure = make_figure(DOUBLE_COLUMN_MM, 24 + 6 * len(settings))
    for axis, (title, part) in zip(make_axes(figure, 1, len(panels), sharey=True)[0], panels, strict=True):
        _draw_settings(axis, part, settings)
        axis.set(title=title, xlabel=f"n = {number(part['n'].max(), 0)}")
    first = figure.axes[0]
    chosen = set(ablation.loc[ablation["is_selected"], "setting"])
    texts = [f"{names.rename(one)} (chosen)" if one in chosen else names.rename(one) for one in settings]
    first.set_yticks(range(len(settings)), texts)
    first.set_ylim(len(settings) - 0.5, -0.5)
    seeds = ablation.groupby("setting")["training.seed"].nunique().max()
    about = "one seed: exploratory" if seeds < 2 else f"up to {seeds} seeds"
    figure.legend(
        handles=[
            Line2D([], [], color=PALETTE[0], marker="o", linestyle="", label="mean over seeds"),
            Line2D([], [], color=GREY, marker="|", linestyle="", label="one seed each"),
            Line2D([], [], color="black", linestyle=(0, (1, 1.5)), label="chance"),
        ],
        loc="outside lower center",
        ncols=3,
        title=f"{about}; (chosen): best on validation" if chosen else about,
    )
    return figure


def _panel_rows(ablation: pd.DataFrame, task: str, label: str | None, metric: str) -> pd.DataFrame:
    is_here = (ablation["task"] == task) & (ablation["metric"] == metric) & (ablation["label"] == label)
    return ablation[is_here & ablation["value"].notna()]


def _draw_settings(axes: Axes, rows: pd.DataFrame, settings: Sequence[str]) -> None:
    for y, setting in enumerate(settings):
        values = rows.loc[rows["setting"] == setting, "value"].to_numpy(dtype=float)
        if len(values):
            axes.plot(values, np.full(len(values), y), color=GREY, marker="|", linestyle="", markersize=6)
            axes.plot(values.mean(), y, color=PALETTE[0], marker="o", linestyle="")
    chance = rows["chance"].dropna()
    if len(chance):
        axes.axvline(float(chance.mean()), color="black", linestyle=(0, (1, 1.5)), linewidth=0.9)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
