"""Figures of the numbers: retrieval, classification, and what UV adds."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xmodal_pipeline.reporting.comparison_rows import (
    DIRECTIONS,
    SOURCES,
    classification_rows,
    retrieval_rows,
)
from xmodal_pipeline.reporting.names import DEFAULT_NAMES, ModalityNames, write_species, write_test
from xmodal_pipeline.reporting.style import (
    ALERT,
    DOUBLE_COLUMN_MM,
    GREY,
    MAX_HEIGHT_MM,
    MODALITY_COLOURS,
    MODALITY_MARKERS,
    PALETTE,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    category_styles,
    fit_text,
    make_axes,
    make_figure,
    make_mosaic,
    name_rows,
    shorten,
    styled,
)

_CURVES_MM: Final = 45.0
_ROW_MM: Final = 8.5
_LOWEST_ROW_MM: Final = 6.5
"""Height of a row with a point per source, and the least that keeps the points apart."""
VERDICTS: Final = {
    "uv_only": (PALETTE[0], "o"),
    "uv_adds": (PALETTE[2], "s"),
    "rgb_suffices": (PALETTE[1], "^"),
    "unresolved": (GREY, "D"),
    "too_few": ("#999999", "x"),
}
"""Colour and marker of each verdict of `uv_value`, strongest first."""


@styled
def draw_retrieval(
    comparison: pd.DataFrame,
    *,
    task: str = "retrieval",
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Recall@1 of every variant and baseline with its interval, and recall over k, both with chance drawn in.

    Args:
        comparison: the tidy table.
        task: whose rows are drawn, `retrieval` or `retrieval_opposite_views`.
        names: display names of the modalities.
        width_mm: the curves lie beside the points in double-column width, else below them.

    Returns:
        Points, and one panel of curves per direction.

    Raises:
        NothingToDrawError: if the table has no recall.
    """
    rows = retrieval_rows(comparison, task)
    rows = rows[rows["value"].notna()]
    if rows.empty:
        raise NothingToDrawError("no retrieval across the modalities was measured")
    first = rows[rows["k"] == rows["k"].min()]
    order = list(dict.fromkeys(first.sort_values("kind", ascending=False, kind="stable")["name"]))
    directions = [d for d in (*DIRECTIONS, "") if (rows["direction"] == d).any()]
    figure, (points, *curves) = _retrieval_axes(12 + 6.2 * len(order), directions, width_mm)
    styles = {d: (list(MODALITY_COLOURS.values())[i], "so^"[i]) for i, d in enumerate(directions)}
    for i, direction in enumerate(directions):
        part = first[first["direction"] == direction].set_index("name").reindex(order).reset_index()
        offset = (i - (len(directions) - 1) / 2) * 0.26
        _draw_points(points, part, offset, styles[direction], names.label(direction) or "both ways")
    name_rows(points, _with_n(first, order, names))
    points.set(xlabel=f"recall@{int(first['k'].iloc[0])}", title="Match found first")
    _draw_chance(points, first["chance"])
    for axis, direction in zip(curves, directions, strict=True):
        _draw_curves(axis, rows[rows["direction"] == direction], order)
        axis.set(
            title=names.label(direction) or "both ways", xlabel="k", ylabel="recall@k", ylim=(-0.02, 1.02)
        )
    curve_handles = [
        Line2D(
            [],
            [],
            color=c,
            marker=m,
            linestyle="-" if name in _variants(rows) else (0, (3, 1.5)),
            label=names.label(name),
        )
        for name, (c, m) in category_styles(order).items()
    ]
    add_legend(figure, [*points.get_legend_handles_labels()[0], *curve_handles], most=4)
    return figure


def _retrieval_axes(
    points_mm: float, directions: Sequence[str], width_mm: float
) -> tuple[Figure, list[Axes]]:
    """The figure, the panel of points, and one panel of curves per direction."""
    curves = [f"curves {direction}" for direction in directions]
    if width_mm > SINGLE_COLUMN_MM:
        figure = make_figure(width_mm, max(56, points_mm))
        ratios = [1.5] + [1.0] * len(curves)
        return figure, make_mosaic(figure, [["points", *curves]], width_ratios=ratios)
    figure = make_figure(width_mm, points_mm + _CURVES_MM)
    # Two layouts: row names as long as those of the points would narrow the curves.
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[points_mm, _CURVES_MM])[:, 0]
    return figure, [*make_mosaic(above, [["points"]]), *make_mosaic(below, [curves])]


def _variants(rows: pd.DataFrame) -> set[str]:
    return set(rows.loc[rows["kind"] == "variant", "name"])


def _draw_curves(axes: Axes, rows: pd.DataFrame, order: Sequence[str]) -> None:
    for name, (colour, marker) in category_styles(order).items():
        line = rows[rows["name"] == name].sort_values("k")
        if line.empty:
            continue
        is_variant = (line["kind"] == "variant").all()
        axes.plot(
            line["k"],
            line["value"],
            color=colour,
            marker=marker,
            markersize=3,
            label=name,
            linestyle="-" if is_variant else (0, (3, 1.5)),
        )
        if is_variant and line[["low", "high"]].notna().all(axis=None):
            axes.fill_between(line["k"], line["low"], line["high"], color=colour, alpha=0.12, linewidth=0)
    chance = rows.dropna(subset=["chance"]).groupby("k")["chance"].mean()
    axes.plot(chance.index, chance, color="black", linestyle=(0, (1, 1.5)), linewidth=0.9, label="chance")
    axes.set_xticks(sorted(rows["k"].unique()))


def _draw_points(axes: Axes, rows: pd.DataFrame, offset: float, style: tuple[str, str], label: str) -> None:
    """One row of points with intervals: `rows` are in the order of the y axis; missing values leave a gap."""
    colour, marker = style
    y = np.arange(len(rows)) + offset
    value, low, high = (
        pd.to_numeric(rows[column]).to_numpy(dtype=float) for column in ("value", "low", "high")
    )
    errors = np.maximum(np.stack([value - low, high - value]), 0)
    axes.errorbar(value, y, xerr=errors, color=colour, marker=marker, linestyle="", elinewidth=1, label=label)


def _with_n(rows: pd.DataFrame, order: Sequence[str], names: ModalityNames) -> list[str]:
    """Row names with their n; baselines in brackets."""
    texts = []
    for name in order:
        here = rows[rows["name"] == name]
        n = pd.to_numeric(here["n"]).max()
        text = names.label(name) if (here["kind"] == "variant").all() else f"[{names.label(name)}]"
        texts.append(f"{text}, n = {n:.0f}" if pd.notna(n) else text)
    return texts


def _draw_chance(axes: Axes, chance: pd.Series) -> None:
    known = pd.to_numeric(chance).dropna()
    if len(known):
        axes.axvline(
            float(known.mean()), color="black", linestyle=(0, (1, 1.5)), linewidth=0.9, label="chance"
        )


@styled
def draw_classification(
    comparison: pd.DataFrame,
    *,
    most_labels: int = 4,
    page: int = 0,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Balanced accuracy per label, source, variant and baseline, with intervals, n and chance.

    Args:
        comparison: the tidy table; rows of the task `classification` are used.
        most_labels: panels on all pages; the labels that come first in the table.
        page: from 0; a page holds as many panels as its height.
        names: display names of the modalities.
        width_mm: two panels to a row in double-column width, else one.

    Returns:
        A panel per label of the page. A cell without a number says `too few`.

    Raises:
        NothingToDrawError: if no label was predicted, or none is left for the page.
    """
    rows = classification_rows(comparison)
    labels = list(dict.fromkeys(rows["label"].dropna()))[:most_labels]
    if not labels:
        raise NothingToDrawError(
            "no label could be predicted: the study has none, or too few specimens per class"
        )
    order = list(dict.fromkeys(rows.sort_values("kind", ascending=False, kind="stable")["name"]))
    columns = min(len(labels), 2 if width_mm > SINGLE_COLUMN_MM else 1)
    most_lines = max(int((MAX_HEIGHT_MM - 16) / (14 + _LOWEST_ROW_MM * len(order))), 1)
    labels = labels[page * columns * most_lines : (page + 1) * columns * most_lines]
    if not labels:
        raise NothingToDrawError(f"no label on page {page + 1} of the classification")
    lines = -(-len(labels) // columns)
    figure = make_figure(width_mm, 4 + lines * (14 + _ROW_MM * len(order)))
    axes = make_axes(figure, lines, columns)
    for axis in axes.flat[len(labels) :]:
        axis.set_axis_off()
    for axis, label in zip(axes.flat, labels, strict=False):
        _draw_label(axis, rows[rows["label"] == label], order, names)
        axis.set(title=names.rename(str(label)), xlabel="balanced accuracy")
    handles = [
        Line2D(
            [],
            [],
            color=MODALITY_COLOURS[s],
            marker=MODALITY_MARKERS[s],
            linestyle="",
            label=f"from {names.label(s)}",
        )
        for s in SOURCES
        if (rows["source"] == s).any()
    ]
    if rows.loc[rows["source"] == "", "value"].notna().any():
        handles.append(Line2D([], [], color="black", marker="|", linestyle="", label="baseline"))
    handles.append(Line2D([], [], color="black", linestyle=(0, (1, 1.5)), label="chance"))
    add_legend(figure, handles, most=6)
    return figure


def _draw_label(axes: Axes, rows: pd.DataFrame, order: Sequence[str], names: ModalityNames) -> None:
    present = [name for name in order if (rows["name"] == name).any()]
    for i, source in enumerate((*SOURCES, "")):
        part = (
            rows[rows["source"] == source]
            .drop_duplicates("name")
            .set_index("name")
            .reindex(present)
            .reset_index()
        )
        offset = (i - (len(SOURCES) - 1) / 2) * 0.17 if source else 0.0
        style = (MODALITY_COLOURS[source], MODALITY_MARKERS[source]) if source else ("black", "|")
        _draw_points(axes, part, offset, style, source or "baseline")
    name_rows(axes, _with_n(rows, present, names))
    _draw_chance(axes, rows["chance"])
    for y, name in enumerate(present):
        if rows.loc[rows["name"] == name, "value"].isna().all():
            axes.annotate("too few", (0.02, y), xycoords=("axes fraction", "data"), color=ALERT, va="center")
    axes.margins(x=0.08)


@styled
def draw_uv_value(
    uv_value: pd.DataFrame,
    *,
    most: int = 36,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """What UV adds to RGB per species and label, ranked by the lower limit, with interval, n, q and verdict.

    Args:
        uv_value: the table of DESIGN §5a, of one set of features.
        most: rows drawn, those with the highest lower limit, as far as the page holds them; the title says
            how many there are.
        names: display names of the modalities.
        width_mm: numbers stand at the right of a row in double-column width, else below its name; colour,
            shape and legend alone then tell the verdict.

    Returns:
        A row per species and label, the strongest at the top.

    Raises:
        NothingToDrawError: if no row has a number.
    """
    ranked = rank_uv_value(uv_value)
    if ranked.empty or ranked["uv_adds"].isna().all():
        raise NothingToDrawError(
            "no label with two classes had enough specimens of either class in any species"
        )
    is_wide = width_mm > SINGLE_COLUMN_MM
    height_mm, legend_mm = (5.2, 12) if is_wide else (7.2, 20)
    shown = ranked.head(min(most, int((MAX_HEIGHT_MM - 20 - legend_mm) / height_mm)))
    figure = make_figure(width_mm, 20 + height_mm * len(shown))
    axes = make_axes(figure)[0, 0]
    for verdict, style in VERDICTS.items():
        rows = shown[shown["verdict"] == verdict]
        if rows["uv_adds"].notna().any():
            _draw_ranked(
                axes, rows, style, f"{names.label(verdict)} ({(ranked['verdict'] == verdict).sum()})"
            )
    drawn: list[Any] = list(shown.itertuples())
    texts = [f"{write_species(str(row.species))}, {write_test(row)}" for row in drawn]
    notes = [_note(row, names, with_verdict=is_wide or pd.isna(row.uv_adds)) for row in drawn]
    if is_wide:
        name_rows(axes, texts, notes)
    else:
        name_rows(axes, [f"{shorten(text, 38)}\n{note}" for text, note in zip(texts, notes, strict=True)])
    axes.axvline(0, color="black", linewidth=0.8)
    about = f"what {names.uv} adds given {names.rgb} (squared standardised difference, 95 % interval)"
    more = f" ({len(shown)} of {len(ranked)} rows)" if len(ranked) > len(shown) else ""
    axes.set(
        xlabel=fit_text(about, (0.57 if is_wide else 0.38) * width_mm),
        title=fit_text(f"Ranked by lower limit{more}", 0.5 * width_mm, is_title=True),
    )
    add_legend(figure, axes.get_legend_handles_labels()[0])
    return figure


def rank_uv_value(uv_value: pd.DataFrame) -> pd.DataFrame:
    """The primary rows of `uv_value`: species by lower limit, highest first, then too few, then pooled rows.

    Where the table names no primary family, its first set of features is taken.
    """
    if uv_value.empty:
        return uv_value
    if "family" in uv_value:
        rows = uv_value[uv_value["family"] == "primary"]
    else:
        rows = uv_value[uv_value["features"] == uv_value["features"].iloc[0]]
    scope = rows["scope"] if "scope" in rows else pd.Series("species", index=rows.index)
    ranked = rows.assign(is_pooled=scope != "species").sort_values(
        ["is_pooled", "low", "uv_adds"], ascending=[True, False, False], na_position="last", kind="stable"
    )
    return ranked.reset_index(drop=True)


def _draw_ranked(axes: Axes, rows: pd.DataFrame, style: tuple[str, str], label: str) -> None:
    colour, marker = style
    value, low, high = (rows[column].to_numpy(dtype=float) for column in ("uv_adds", "low", "high"))
    # The estimate is unbiased and may lie below 0, where the interval cannot follow it.
    errors = np.maximum(np.stack([value - low, high - value]), 0)
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
    error = f"q = {row.q:.3f}" if pd.notna(row.q) else f"p = {row.p:.3f}" if pd.notna(row.p) else ""
    verdict = names.label(str(row.verdict)) if with_verdict else ""
    return ", ".join(part for part in (n, error, verdict) if part)
