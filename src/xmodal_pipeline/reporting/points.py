"""Rows of points with intervals, as figures of retrieval and classification share them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from xmodal_pipeline.reporting.style import DOTTED
from xmodal_pipeline.reporting.words import ModalityNames


def draw_points(axes: Axes, rows: pd.DataFrame, offset: float, style: tuple[str, str], label: str) -> None:
    """One row of points with intervals: `rows` are in the order of the y axis; missing values leave a gap."""
    colour, marker = style
    y = np.arange(len(rows)) + offset
    value, low, high = (
        pd.to_numeric(rows[column]).to_numpy(dtype=float) for column in ("value", "low", "high")
    )
    errors = np.maximum(np.stack([value - low, high - value]), 0)
    axes.errorbar(value, y, xerr=errors, color=colour, marker=marker, linestyle="", elinewidth=1, label=label)


def names_with_n(rows: pd.DataFrame, order: Sequence[str], names: ModalityNames) -> list[str]:
    """Row names with their n; baselines in brackets."""
    texts = []
    for name in order:
        here = rows[rows["name"] == name]
        n = pd.to_numeric(here["n"]).max()
        text = names.label(name) if (here["kind"] == "variant").all() else f"[{names.label(name)}]"
        texts.append(f"{text}, n = {n:.0f}" if pd.notna(n) else text)
    return texts


def draw_chance(axes: Axes, chance: pd.Series) -> None:
    """A dotted line at the mean of what is known."""
    known = pd.to_numeric(chance).dropna()
    if len(known):
        axes.axvline(float(known.mean()), color="black", linestyle=DOTTED, linewidth=0.9, label="chance")
