"""Where on the body UV tells classes apart beyond RGB: mean images and maps of a learnt variant's claims."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.figure import print_figure
from xmodal_pipeline.reporting.section import Section
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    MAX_HEIGHT_MM,
    NothingToDrawError,
    fit_text,
    hide_frame,
    make_axes,
    make_figure,
    shorten,
    styled,
    text_mm,
)
from xmodal_pipeline.reporting.uv_value.rows import say_class
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames, number, write_species

_KEYS: Final = ["features", "label", "view", "species"]
_MARKS: Final = "PuOr"
"""Purple marks the class of the picture, orange the other; white says nothing."""
_PERCENTILE: Final = 99.0
_TITLE_MM: Final = 5.0
"""Of a row's title."""
_SCALE_MM: Final = 16.0
"""Of the scale below the rows."""


def uv_maps_section(study: Study, **uv_maps: pd.DataFrame) -> Section:
    """The share of `uv_value` that shows where its learnt claims lie.

    Args:
        study: whose captures these are.
        uv_maps: of each variant.
    """
    names = ModalityNames.of(study)
    maps = pd.concat([table.assign(features=name) for name, table in uv_maps.items()], ignore_index=True)
    figure = print_figure(
        "uv_maps",
        f"Where on the body {names.uv} tells the classes apart",
        f"Per claim of learnt features (mean colour has no map) and class: the mean {names.uv} image of the "
        "first specimens by name, and what covering a place did: purple, less like their class; orange, "
        "more. One scale for all: a pale map means that no single place carries the claim. A map is "
        "no test of its own.",
        lambda width_mm: draw_uv_maps(maps, names=names, width_mm=width_mm),
        is_photographic=True,
    )
    return Section(
        "uv_value",
        figures=(figure,),
        methods={"uv_maps": describe_uv_maps(maps, names)},
    )


def describe_uv_maps(maps: pd.DataFrame, names: ModalityNames) -> str:
    """How the maps were made; empty without any."""
    if maps.empty:
        return ""
    return (
        f"Maps of claims cover windows of {names.uv} with the mean of the training captures (occlusion; "
        "Zeiler & Fergus 2014) and measure the change along the shrunken linear discriminant (Ledoit & Wolf "
        f"2004) of what a ridge on {names.rgb} leaves of {names.uv}, averaged over up to "
        f"{maps['n'].max()} specimens per class."
    )


@styled
def draw_uv_maps(
    maps: pd.DataFrame, *, names: ModalityNames = DEFAULT_NAMES, width_mm: float = DOUBLE_COLUMN_MM
) -> Figure:
    """A row per claim: mean UV image and map of either class, maps of a row under one scale.

    Args:
        maps: the table `uv_maps`, with `features`.
        names: display names of the modalities.
        width_mm: of the figure; as many claims as its page holds, in their order.

    Raises:
        NothingToDrawError: if learnt features claim nothing.
    """
    claims = [part for _, part in maps.groupby(_KEYS, sort=False)]
    if not claims:
        raise NothingToDrawError("learnt features claim nothing that could be shown on the body")
    row_mm = 0.22 * width_mm + 11
    shown = claims[: max(1, int((MAX_HEIGHT_MM - _SCALE_MM) / row_mm))]
    figure = make_figure(width_mm, _SCALE_MM + row_mm * len(shown))
    # Above each row a low one for its title, which may be as wide as the figure.
    heights = {"height_ratios": [_TITLE_MM, row_mm - _TITLE_MM] * len(shown)}
    axes = make_axes(figure, 2 * len(shown), 4, gridspec_kw=heights)
    # One scale: a claim that no single place carries is then pale, and not its noise made large.
    top = float(np.percentile(pd.concat(shown)["influence"].abs(), _PERCENTILE)) or 1.0
    for head, line, claim in zip(axes[::2], axes[1::2], shown, strict=True):
        image = _draw_claim(line, claim, top)
        for axis in head:
            axis.set_axis_off()
        title = shorten(_title(claim, names), int(width_mm / text_mm("n", is_title=True)))
        head[0].text(0, 0, title, transform=head[0].transAxes, weight="bold", in_layout=False)
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.5, aspect=30, pad=0.02)
    bar.ax.tick_params(labelsize=7, width=0.6, length=2)
    bar.outline.set_visible(False)
    left_out = f"; {len(shown)} of {len(claims)} claims" if len(claims) > len(shown) else ""
    unit = (
        f"{names.uv} covered here: looks more like its class ← → looks less like it (SDs within "
        f"classes{left_out})"
    )
    bar.set_label(fit_text(unit, width_mm))
    return figure


def _title(claim: pd.DataFrame, names: ModalityNames) -> str:
    """`Colias croceus: sex, dorsal, by separate, strongest place 0.6 SD`."""
    label, view, features, species = (str(claim[key].iloc[0]) for key in ("label", "view", *_KEYS[::3]))
    strongest = f"strongest place {number(claim['influence'].abs().max(), 1)} SD"
    where = ", ".join(filter(None, (label, view, f"by {names.label(features)}", strongest)))
    return f"{write_species(species)}: {where}"


def _draw_claim(line: NDArray[Any], claim: pd.DataFrame, top: float) -> Any:
    """Mean image and map of either class; returns a map, for the scale."""
    low, high = np.percentile(claim["uv"], (1, _PERCENTILE))
    box = [(int(claim[name].min()), int(claim[name].max()) + 1) for name in ("row", "column")]
    for (name, part), panels in zip(claim.groupby("class", sort=False), (line[:2], line[2:]), strict=True):
        panels[0].imshow(_picture(part, "uv", box), cmap="gray", vmin=low, vmax=high)
        image = panels[1].imshow(_picture(part, "influence", box), cmap=_MARKS, vmin=-top, vmax=top)
        who = say_class(str(name))
        titles = (f"{who} ({part['n'].max()} of {part['n_class'].max()})", f"{who}, covered")
        for panel, title in zip(panels, titles, strict=True):
            panel.set_title(title, fontsize=7, weight="normal")
            _outline(panel, _picture(part, "coverage", box))
            hide_frame(panel)
    return image


def _picture(part: pd.DataFrame, column: str, box: list[tuple[int, int]]) -> NDArray[np.float32]:
    """One column of the pixels of a class as an image of the box; NaN off the specimen."""
    (top, bottom), (left, right) = box
    image = np.full((bottom - top, right - left), np.nan, dtype=np.float32)
    image[part["row"] - top, part["column"] - left] = part[column]
    return image


def _outline(axes: Axes, coverage: NDArray[np.float32]) -> None:
    """The edge of what half of the specimens have."""
    axes.contour(np.where(np.isnan(coverage), 0.0, coverage), levels=[0.5], colors="#6B6B6B", linewidths=0.5)
