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
    study: Study,
    specimen_index: pd.DataFrame,
    mapped: MappedCaptures,
    prepared: Prepared,
    chosen: ChosenVariant,
) -> Section:
    """The maps beside one another, with the photographs of the capture that is pointed at."""
    names = ModalityNames.of(study)
    if mapped.reason:
        return Section("explore", reasons=(f"Explorer: not shown, as {names.rename(mapped.reason)}.",))
    return Section(
        "explore",
        explorer=make_explorer(
            mapped.coordinates,
            specimen_index,
            prepared,
            variant=chosen.name,
            is_linear=study.is_linear,
            names=names,
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
        own = mapped.coordinates[mapped.coordinates["variant"] == variant]
        return draw_umap(own, specimen_index, label=study.label or SPECIES, names=names, width_mm=width_mm)

    which = f"Variant {names.label(variant)}. " if variant else ""
    return print_figure(
        "umap",
        "UMAP",
        f"{which}Each modality's features, and both modalities' projections in one fit, every map stretched "
        "to its frame. Training captures (pale) make the map; validation and test captures are placed on it "
        "without moving it, each for itself; placing pushes them towards the rims. Distances between "
        "clusters, their sizes and their shapes are not evidence; trustworthiness (1 is best) says how well "
        "near neighbours are kept, first among training captures, then of placed ones among those.",
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
    figure = make_figure(width_mm, 5 + (0.62 * panel_mm + 10) * rows)
    axes = make_axes(figure, rows, 2)
    for axis in axes.flat[len(spaces) :]:
        axis.set_axis_off()
    for axis, space in zip(axes.flat, spaces, strict=False):
        _draw_space(axis, labelled[labelled["space"] == space], styles, panel_mm)
        pooled = f"{names.rgb} (filled) and {names.uv} (open)"
        title = pooled if space == POOLED else names.label(space)
        axis.set_title(fit_text(title, panel_mm, is_title=True))
    is_placed = (labelled["partition"] != FITTED).any()
    about = "; pale: training captures, which make the map; full: others, placed on it" if is_placed else ""
    handles = _label_handles(label, [v for v in styles if (labelled["label"] == v).any()], styles)
    add_legend(figure, handles, title=f"{label}{about}", most=4)
    for text in figure.legends[0].get_texts() if handles and label == SPECIES else ():
        text.set_fontstyle("italic")
    return figure


def _label_handles(label: str, values: list[str], styles: dict[str, tuple[str, str]]) -> list[Line2D]:
    if values == ["unlabelled"]:
        return []
    return [legend_entry(write_class(label, value), *styles[value]) for value in values]


def _draw_space(axes: Axes, rows: pd.DataFrame, styles: dict[str, tuple[str, str]], panel_mm: float) -> None:
    hide_frame(axes)
    axes.spines[:].set(visible=True, color="#CCCCCC")
    axes.margins(0.05)
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
