"""Maps to look at, and the explorer that links them with photographs."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xmodal_pipeline.evaluation.specimen_tables import SPECIES
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.embeddings import ChosenVariant, labels_of
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.section import Chapter, Section
from xmodal_pipeline.reporting.similarity.explorer import make_explorer
from xmodal_pipeline.reporting.similarity.umap import FITTED, POOLED, MappedCaptures
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    GREY,
    NothingToDrawError,
    add_legend,
    category_styles,
    fit_text,
    hide_frame,
    label_values,
    legend_entry,
    make_axes,
    make_figure,
    styled,
)
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames, write_class
from xmodal_pipeline.specimens.prepared import Prepared

_SPACES: Final = ("rgb", "uv", "joint", POOLED)
_PALE: Final = 0.3
"""Opacity of what was fitted, behind what was placed."""


def maps_section(
    study: Study, specimen_index: pd.DataFrame, mapped: MappedCaptures, chosen: ChosenVariant
) -> Section:
    """UMAP, coloured by the study's label."""
    return Section(
        "explore",
        "Look for yourself",
        "Point at a specimen to see its two photographs and to find it in the other map. Maps are for "
        "looking, not for testing: distances between clusters are not evidence.",
        chapters=(
            Chapter("umap", "Maps", figures=(picture_umap(study, specimen_index, mapped, chosen.name),)),
        ),
    )


def explorer_section(
    study: Study, specimen_index: pd.DataFrame, mapped: MappedCaptures, prepared: Prepared
) -> Section:
    """The maps beside one another, with the photographs of the capture that is pointed at."""
    names = ModalityNames.of(study)
    if mapped.reason:
        return Section("explore", reasons=(f"Explorer not shown: {names.rename(mapped.reason)}.",))
    return Section(
        "explore",
        explorer=make_explorer(
            mapped.coordinates, specimen_index, prepared, is_linear=study.is_linear, names=names
        ),
    )


def picture_umap(
    study: Study, specimen_index: pd.DataFrame, mapped: MappedCaptures, variant: str
) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_umap`."""
    names = ModalityNames.of(study)

    def draw(width_mm: float) -> Figure:
        if mapped.reason:
            raise NothingToDrawError(mapped.reason)
        return draw_umap(
            mapped.coordinates, specimen_index, label=study.label or SPECIES, names=names, width_mm=width_mm
        )

    which = f"Variant {names.label(variant)}. " if variant else ""
    return print_figure(
        "umap",
        "UMAP",
        f"{which}Each modality's features, and both modalities' projections in one fit. Training "
        "captures (pale) make the map; validation and test captures are placed on it without moving it, "
        "each for itself; placing pushes them towards the rims. Distances between clusters, "
        "their sizes and their shapes are not evidence; trustworthiness (1 is best) says how well near "
        "neighbours are kept, first among training captures, then of placed ones among those.",
        draw,
    )


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
        coordinates: of `map_captures`.
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
    values = label_values(labels_of(specimen_index, label))
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
            legend_entry("training: fitted", marker="o", alpha=_PALE),
            legend_entry("held out: placed", marker="o"),
        ]
    if POOLED in spaces:
        handles += [
            legend_entry(f"pooled: {names.rgb}", marker="o"),
            legend_entry(f"pooled: {names.uv}", marker="o", mfc="white"),
        ]
    add_legend(figure, handles, title=label, most=4)
    return figure


def _label_handles(label: str, values: list[str], styles: dict[str, tuple[str, str]]) -> list[Line2D]:
    if values == ["unlabelled"]:
        return []
    return [legend_entry(write_class(label, value), *styles[value]) for value in values]


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
