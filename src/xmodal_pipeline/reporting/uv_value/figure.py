"""The figure of what UV adds."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    MAX_HEIGHT_MM,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    fit_text,
    make_axes,
    make_figure,
    name_rows,
    shorten,
    styled,
)
from xmodal_pipeline.reporting.uv_value.rows import VERDICTS, rank_uv_value, write_error, write_test
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames, write_species

_UNITS: Final = {
    "reflectance": "",
    "relative": "Colour is relative to one white, not calibrated reflectance",
    "uncalibrated": "Uncalibrated: colour is in camera units",
}


def picture_uv_value(uv_value: pd.DataFrame, names: ModalityNames) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_uv_value`."""
    return print_figure(
        "uv_value",
        f"What {names.uv} adds to {names.rgb}",
        f"Class difference in {names.uv} beyond what {names.rgb} predicts, per species, with 95 % "
        "intervals; 0 means nothing is added. Verdicts are corrected for false discoveries.",
        lambda width_mm: draw_uv_value(uv_value, names=names, width_mm=width_mm),
    )


def picture_uv_value_of_colour(study: Study, uv_value_colour: pd.DataFrame) -> ReportFigure:
    """The figure of a study that trained nothing, under the units that colour was measured in."""
    names = ModalityNames.of(study)
    # Alone, the set is what is looked at, whatever the study's primary set is.
    alone = uv_value_colour.assign(family="primary")
    return print_figure(
        "uv_value_colour",
        f"What {names.uv} adds to {names.rgb}, by mean colour",
        f"Class difference in the mean of {names.uv} bands beyond what {names.rgb} bands predict, per "
        "species, with 95 % intervals; 0 means nothing is added. Nothing was trained.",
        lambda width_mm: draw_uv_value(
            alone, names=names, width_mm=width_mm, heading=_UNITS[study.colour_units]
        ),
    )


@styled
def draw_uv_value(
    uv_value: pd.DataFrame,
    *,
    most: int = 36,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
    heading: str = "",
) -> Figure:
    """What UV adds to RGB per species and label, ranked by the lower limit, with interval, n, q and verdict.

    Args:
        uv_value: the table `uv_value`, with its primary set of features.
        most: rows drawn, those with the highest lower limit, as far as the page holds them; the title says
            how many there are.
        names: display names of the modalities.
        width_mm: numbers stand at the right of a row in double-column width, else below its name; colour,
            shape and legend alone then tell the verdict.
        heading: above the figure.

    Returns:
        A row per species and label that has numbers, the strongest at the top.

    Raises:
        NothingToDrawError: if no row has a number.
    """
    ranked = rank_uv_value(uv_value)
    few = ranked["uv_adds"].isna().sum()
    ranked = ranked.dropna(subset="uv_adds").reset_index(drop=True)
    if ranked.empty:
        raise NothingToDrawError(
            "no label with two classes had enough specimens of either class in any species"
        )
    is_wide = width_mm > SINGLE_COLUMN_MM
    height_mm, legend_mm, edges_mm = (5.2, 12, 20) if is_wide else (7.2, 20, 30)
    shown = ranked.head(min(most, int((MAX_HEIGHT_MM - edges_mm - legend_mm) / height_mm)))
    # Title, axis and legend leave no room to fewer rows.
    figure = make_figure(width_mm, edges_mm + height_mm * max(len(shown), 4))
    axes = make_axes(figure)[0, 0]
    for verdict, style in VERDICTS.items():
        rows = shown[shown["verdict"] == verdict]
        if len(rows):
            _draw_ranked(
                axes, rows, style, f"{names.label(verdict)} ({(ranked['verdict'] == verdict).sum()})"
            )
    drawn: list[Any] = list(shown.itertuples())
    texts = [f"{write_species(str(row.species))}, {write_test(row)}" for row in drawn]
    notes = [_note(row, names, with_verdict=is_wide) for row in drawn]
    if is_wide:
        name_rows(axes, texts, notes)
    else:
        name_rows(axes, [f"{shorten(text, 38)}\n{note}" for text, note in zip(texts, notes, strict=True)])
    axes.axvline(0, color="black", linewidth=0.8)
    about = f"what {names.uv} adds given {names.rgb} (squared standardised difference, 95 % interval)"
    left_out = [
        f"{len(shown)} of {len(ranked)} rows" if len(ranked) > len(shown) else "",
        f"too few specimens in {few} more" if few else "",
    ]
    more = "; ".join(filter(None, left_out))
    title = f"Ranked by lower limit ({more})" if more else "Ranked by lower limit"
    axes.set(
        xlabel=fit_text(about, (0.57 if is_wide else 0.38) * width_mm),
        title=fit_text(title, (0.5 if is_wide else 0.42) * width_mm, is_title=True),
    )
    add_legend(figure, axes.get_legend_handles_labels()[0])
    if heading:
        figure.suptitle(heading, fontsize=7)
    return figure


def _draw_ranked(axes: Axes, rows: pd.DataFrame, style: tuple[str, str], label: str) -> None:
    colour, marker = style
    value, low, high = (rows[column].to_numpy(dtype=float) for column in ("uv_adds", "low", "high"))
    errors = np.stack([value - low, high - value])
    axes.errorbar(
        value,
        rows.index.to_numpy(),
        xerr=errors,
        color=colour,
        marker=marker,
        linestyle="",
        elinewidth=1,
        label=label,
    )


def _note(row: Any, names: ModalityNames, *, with_verdict: bool) -> str:
    """The numbers of a row: n per class, q (p where there is no q), verdict."""
    n = f"n = {row.n_1:.0f} + {row.n_2:.0f}"
    error = write_error(row)
    verdict = names.label(str(row.verdict)) if with_verdict else ""
    noise = f"noise ≤ {100 * row.noise_tip:.2g} %" if pd.notna(row.noise_tip) else ""
    return ", ".join(part for part in (n, error, noise, verdict) if part)
