"""Rows of points with intervals, as figures of retrieval and classification share them."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from xmodal_pipeline.reporting.style import DOTTED
from xmodal_pipeline.reporting.words import ModalityNames


def draw_points(
    axes: Axes,
    rows: pd.DataFrame,
    y: NDArray[np.floating[Any]],
    style: tuple[str, str],
    label: str,
) -> None:
    """Points with intervals; missing values leave a gap.

    Args:
        axes: with a row at 0, 1, …
        rows: value, low and high.
        y: place of each.
        style: colour and marker.
        label: of the points.
    """
    colour, marker = style
    value, low, high = (
        pd.to_numeric(rows[column]).to_numpy(dtype=float) for column in ("value", "low", "high")
    )
    errors = np.maximum(np.stack([value - low, high - value]), 0)
    axes.errorbar(value, y, xerr=errors, color=colour, marker=marker, linestyle="", elinewidth=1, label=label)


def write_baseline(name: str, rows: pd.DataFrame, names: ModalityNames) -> str:
    """The name of a row; of a baseline in brackets."""
    is_variant = (rows.loc[rows["name"] == name, "kind"] == "variant").all()
    return names.model(name) if is_variant else f"[{names.model(name)}]"


def write_n(n: pd.Series) -> str:
    """`n = 164`, or `n = 150 to 164` where the rows of a panel differ; empty without a number."""
    known = pd.to_numeric(n).dropna()
    if known.empty:
        return ""
    low, high = known.min(), known.max()
    return f"n = {high:.0f}" if low == high else f"n = {low:.0f} to {high:.0f}"


def draw_chance(axes: Axes, chance: pd.Series) -> None:
    """A dotted line at the mean of what is known."""
    known = pd.to_numeric(chance).dropna()
    if len(known):
        axes.axvline(float(known.mean()), color="black", linestyle=DOTTED, linewidth=0.9, label="chance")
