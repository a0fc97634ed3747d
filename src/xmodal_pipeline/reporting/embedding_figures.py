"""Figures of where captures lie: UMAP and similarity."""

import itertools
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from xmodal_pipeline.reporting.names import DEFAULT_NAMES, ModalityNames, write_class
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    GREY,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    category_styles,
    fit_text,
    hide_frame,
    label_values,
    make_axes,
    make_figure,
    styled,
)
from xmodal_pipeline.reporting.umap import FITTED, MINIMUM_ROWS, POOLED, subsample, vectors

_SPACES: Final = ("rgb", "uv", "joint", POOLED)
_MOST_CLASSES: Final = 0.4
"""Classes per capture above which lines between them would hide the map."""
_PALE: Final = 0.3
"""Opacity of what was fitted, behind what was placed."""


@styled
def draw_umap(
    coordinates: pd.DataFrame,
    specimen_index: pd.DataFrame,
    *,
    label: str,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """UMAP of each modality and of both in one fit, coloured by a label, with trustworthiness beside each.

    Training captures, on which the map was fitted, are pale; those placed on it are in full colour. In the
    pooled panel filled points are RGB and open points UV.

    Args:
        coordinates: of `umap_spaces`.
        specimen_index: holds the labels, by capture_id.
        label: a column of the index; without it every point is grey.
        names: display names of the modalities.
        width_mm: of the figure.

    Returns:
        A panel per space, two to a row.

    Raises:
        NothingToDrawError: if there are no coordinates.
    """
    spaces = [space for space in _SPACES if (coordinates["space"] == space).any()] if len(coordinates) else []
    if not spaces:
        raise NothingToDrawError("no UMAP was computed")
    values = label_values(_labels(specimen_index, label))
    labelled = coordinates.assign(label=coordinates["capture_id"].map(values).fillna("unlabelled"))
    present = sorted(set(labelled["label"]) - {"other", "unlabelled"})
    styles = {**category_styles(present), "other": (GREY, "."), "unlabelled": ("#BBBBBB", ".")}
    rows = -(-len(spaces) // 2)
    panel_mm = width_mm / 2
    figure = make_figure(width_mm, 5 + 0.85 * panel_mm * rows)
    axes = make_axes(figure, rows, 2)
    for axis in axes.flat[len(spaces) :]:
        axis.set_axis_off()
    for axis, space in zip(axes.flat, spaces, strict=False):
        _draw_space(axis, labelled[labelled["space"] == space], styles, panel_mm)
        axis.set_title("pooled" if space == POOLED else names.label(space))
    handles = _label_handles(label, [v for v in styles if (labelled["label"] == v).any()], styles)
    if (labelled["partition"] != FITTED).any():
        handles += [
            Line2D([], [], color="black", marker="o", linestyle="", alpha=_PALE, label="training: fitted"),
            Line2D([], [], color="black", marker="o", linestyle="", label="held out: placed"),
        ]
    if POOLED in spaces:
        handles += [
            Line2D([], [], color="black", marker="o", linestyle="", label=f"pooled: {names.rgb}"),
            Line2D([], [], color="black", marker="o", linestyle="", mfc="white", label=f"pooled: {names.uv}"),
        ]
    add_legend(figure, handles, title=label, most=4)
    return figure


def _labels(specimen_index: pd.DataFrame, label: str) -> pd.Series:
    """The label by capture_id; empty where the study has no such label."""
    if label not in specimen_index:
        return pd.Series(dtype=object)
    return specimen_index.set_index("capture_id")[label]


def _label_handles(label: str, values: list[str], styles: dict[str, tuple[str, str]]) -> list[Line2D]:
    if values == ["unlabelled"]:
        return []
    return [
        Line2D(
            [],
            [],
            color=styles[value][0],
            marker=styles[value][1],
            linestyle="",
            label=write_class(label, value),
        )
        for value in values
    ]


def _draw_space(axes: Axes, rows: pd.DataFrame, styles: dict[str, tuple[str, str]], panel_mm: float) -> None:
    hide_frame(axes)
    axes.set_aspect("equal", adjustable="datalim")
    size = float(np.clip(4000 / len(rows), 4, 22)) * min(panel_mm / 75, 1)
    is_pooled = bool((rows["space"] == POOLED).any())
    is_fitted = rows["partition"] == FITTED
    for part, alpha in ((rows[is_fitted], _PALE), (rows[~is_fitted], 1.0)):
        for (value, modality), points in part.groupby(["label", "modality"], sort=False):
            colour, marker = styles[str(value)]
            is_open = is_pooled and modality == "uv"
            axes.scatter(
                points["x"],
                points["y"],
                s=size,
                marker=marker,
                facecolors="none" if is_open else colour,
                edgecolors=colour,
                linewidths=0.7 if is_open else 0,
                alpha=alpha,
                rasterized=len(rows) > 2000,
            )
    lines = _trust(rows).splitlines()
    axes.set_xlabel("\n".join(fit_text(line, panel_mm) for line in lines), loc="left")


def _trust(rows: pd.DataFrame) -> str:
    """Trustworthiness and the number of captures, of those fitted and of those placed."""
    first = rows.iloc[0]
    fitted, placed = (
        rows.loc[part, "capture_id"].nunique()
        for part in (rows["partition"] == FITTED, rows["partition"] != FITTED)
    )
    all_, shown = first["captures_in_all"], rows["capture_id"].nunique()
    note = f"trustworthiness {first['trustworthiness']:.2f}, {fitted} captures fitted"
    if placed:
        note += f";\n{first['trustworthiness_placed']:.2f}, {placed} placed"
    return f"{note} ({shown} of {all_} shown)" if shown < all_ else note


@styled
def draw_similarity(
    projections: pd.DataFrame,
    specimen_index: pd.DataFrame,
    *,
    label: str = "species",
    most: int = 300,
    seed: int = 0,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Cosine similarity of held-out captures within each modality and across them, ordered by a label.

    Args:
        projections: of one cross-modal variant.
        specimen_index: holds the label, by capture_id.
        label: captures are sorted by it, and lines part its classes, or genera where species are too small.
        most: captures drawn; more are a seeded subsample.
        seed: of the subsample.
        names: display names of the modalities.
        width_mm: the maps lie beside one another in double-column width, else below.

    Returns:
        Three heat maps on one scale.

    Raises:
        NothingToDrawError: if one modality is missing or too few captures were held out.
    """
    rgb, uv = paired_projections(projections)
    if len(rgb) < MINIMUM_ROWS:
        raise NothingToDrawError(
            f"{len(rgb)} held-out captures in both modalities are too few for a heat map"
        )
    in_all = len(rgb)
    keys = subsample(rgb, most, seed)[["capture_id"]]
    values = (
        keys["capture_id"].map(label_values(_labels(specimen_index, label), most=10**6)).fillna("unlabelled")
    )
    keys = keys.assign(label=values.to_numpy()).sort_values("label", kind="stable")
    a, b = (_unit(table.set_index("capture_id").loc[keys["capture_id"]]) for table in (rgb, uv))
    is_wide = width_mm > SINGLE_COLUMN_MM
    figure = make_figure(width_mm, 62 if is_wide else 12 + 3 * 54)
    if not is_wide:
        # Otherwise the maps, which keep their shape, do not move aside for the names.
        figure.set_layout_engine("compressed")
    axes = make_axes(figure, *((1, 3) if is_wide else (3, 1))).ravel()
    titles = (
        f"{names.rgb} with {names.rgb}",
        f"{names.uv} with {names.uv}",
        f"{names.rgb} (rows) with {names.uv}",
    )
    written = [write_class(label, value) for value in keys["label"]]
    for axis, (left, right), title in zip(axes, ((a, a), (b, b), (a, b)), titles, strict=True):
        image = axis.imshow(left @ right.T, vmin=-1, vmax=1, cmap="cividis", interpolation="nearest")
        axis.set_title(title)
        _mark_classes(axis, written, with_names=axis is axes[0] or not is_wide)
    bar = figure.colorbar(
        image, ax=list(axes), location="right" if is_wide else "bottom", shrink=0.7, pad=0.01, aspect=20
    )
    of_all = f" of {in_all}" if len(keys) < in_all else ""
    bar.set_label(f"cosine similarity, {len(keys)}{of_all} held-out captures")
    return figure


def _unit(table: pd.DataFrame) -> NDArray[np.float32]:
    values = vectors(table)
    unit: NDArray[np.float32] = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return unit


def _mark_classes(axes: Axes, values: list[str], *, with_names: bool) -> None:
    """Thin lines between classes, and names at the middle of those with room for one.

    Classes of hardly two captures would be all lines: those of one first word, the genus, stand together.
    """
    hide_frame(axes)
    for marked in (values, [value.split()[0] for value in values], values[:1] * len(values)):
        if len(set(marked)) <= max(len(marked) * _MOST_CLASSES, 1):
            break
    values = marked
    edges = [0, *(i for i in range(1, len(values)) if values[i] != values[i - 1]), len(values)]
    for edge in edges[1:-1]:
        axes.axhline(edge - 0.5, color="white", linewidth=0.5)
        axes.axvline(edge - 0.5, color="white", linewidth=0.5)
    if with_names and values[0] != values[-1]:
        wide = [
            (low + high - 1) / 2 for low, high in itertools.pairwise(edges) if high - low > len(values) / 24
        ]
        axes.set_yticks(wide, [values[round(middle)] for middle in wide])
        axes.tick_params(length=0)


def paired_projections(projections: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of RGB and UV of the same held-out captures, in one order; of all captures if none was."""
    held_out = projections[projections["partition"] == "test"] if "partition" in projections else projections
    shown = held_out if len(held_out) else projections
    rgb, uv = (shown[shown["modality"] == modality] for modality in ("rgb", "uv"))
    shared = rgb["capture_id"][rgb["capture_id"].isin(uv["capture_id"])]
    tables = (table.set_index("capture_id").loc[shared].reset_index() for table in (rgb, uv))
    first, second = tables
    return first, second
