"""Can one modality find the other among held-out specimens? Table, figure and sentence."""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xmodal_pipeline.evaluation.corrections import holm
from xmodal_pipeline.evaluation.schema import (
    ALPHA,
    CHANCE,
    DIRECTIONS,
    OPPOSITE_VIEWS,
    RETRIEVAL,
    WITHIN_SPECIES,
)
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.cells import (
    SeedSpread,
    list_reasons,
    rows_by,
    write_known,
    write_name,
)
from xmodal_pipeline.reporting.embeddings import ChosenVariant
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.gains import judge_recall, tabulate_gains
from xmodal_pipeline.reporting.points import draw_chance, draw_points, names_with_n
from xmodal_pipeline.reporting.section import Finding, PageTable, Section, table_of
from xmodal_pipeline.reporting.style import (
    DASHED,
    DOTTED,
    DOUBLE_COLUMN_MM,
    MODALITY_COLOURS,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    category_styles,
    legend_entry,
    make_figure,
    make_mosaic,
    name_rows,
    styled,
)
from xmodal_pipeline.reporting.words import (
    DEFAULT_NAMES,
    ModalityNames,
    interval,
    number,
    p_value,
    percent,
)

_CURVES_MM: Final = 45.0
_ABOUT: Final = {
    RETRIEVAL: "",
    OPPOSITE_VIEWS: " warped so that neither outline nor pose gives the match away",
}
"""Tasks with a sentence, and what it says is special about them."""
_GALLERIES: Final = {RETRIEVAL: "all", WITHIN_SPECIES: "species", OPPOSITE_VIEWS: "warped"}


def retrieval_section(
    study: Study,
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    known_seed_spread: pd.DataFrame,
    chosen: ChosenVariant,
    gallery_figure: ReportFigure,
) -> Section:
    """Recall in both directions and galleries, against chance and baselines.

    Args:
        study: whose captures these are.
        comparison: the tidy table.
        differences: paired, of variants and baselines.
        known_seed_spread: of the pipeline `ablation`.
        chosen: the variant that speaks in the summary.
        gallery_figure: queries with their matches.
    """
    names, spread = ModalityNames.of(study), SeedSpread(known_seed_spread)
    return Section(
        "retrieval",
        "Retrieval",
        "Can one modality find the other among held-out specimens? This measures identity of the photograph: "
        "outline, pose and species help, so read it beside the baselines.",
        figures=(*picture_retrieval(comparison, names), gallery_figure),
        tables=(
            tabulate_recall(comparison, names, spread),
            tabulate_gains(differences, names, is_retrieval=True),
            tabulate_galleries(comparison, names, spread),
        ),
        reasons=tuple(list_reasons(comparison, RETRIEVAL, names)),
        findings={"retrieval": find_retrieval(comparison, differences, chosen.name, names, spread)},
        tags=spread.tags,
        is_evaluated=True,
    )


def recall_rows(comparison: pd.DataFrame, task: str) -> pd.DataFrame:
    """The recall rows of a task; chance is a column of every row, and a line of its own in the figure."""
    is_recall = (comparison["task"] == task) & comparison["k"].notna() & (comparison["name"] != CHANCE)
    return comparison[is_recall].astype({"k": int})


def tabulate_recall(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """Every variant and [baseline]: recall at each k with its interval and spread, chance, n."""
    recall = recall_rows(comparison, RETRIEVAL)
    ks = sorted(recall["k"].unique())
    rows = []
    for (name, direction), part in recall.groupby(["name", "direction"], sort=False):
        by_k = rows_by(part, "k")
        shares = [write_known(by_k.get(k), spread) for k in ks]
        chance = number(part["chance"].iloc[0], 3)
        title = write_name(str(name), str(part["kind"].iloc[0]), names, spread)
        rows.append((title, names.label(str(direction)), *shares, chance, number(part["n"].max(), 0)))
    columns = ("Name", "Direction", *(f"recall@{k}" for k in ks), f"Chance @{ks[0] if ks else 1}", "n")
    return table_of("Recall with 95 % intervals; baselines in brackets", columns, rows, 2)


def tabulate_galleries(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """A row per name, direction and gallery: every measure but recall beyond the first, with its chance."""
    rows = []
    mine = comparison[comparison["task"].isin(_GALLERIES) & comparison["direction"].isin(DIRECTIONS)]
    mine = mine[(mine["name"] != CHANCE) & (mine["k"].isna() | (mine["k"] == 1))]
    metrics = list(dict.fromkeys(mine["metric"]))
    for (name, direction, task), part in mine.groupby(["name", "direction", "task"], sort=False):
        by_metric = rows_by(part, "metric")
        measures = [write_known(by_metric.get(metric), spread) for metric in metrics]
        chance = number(getattr(by_metric.get("recall@1"), "chance", None), 3)
        n = number(part["n"].max(), 0)
        title = write_name(str(name), str(part["kind"].iloc[0]), names, spread)
        rows.append((title, names.label(str(direction)), _GALLERIES[str(task)], *measures, chance, n))
    header = ("Name", "Direction", "Gallery", *map(names.label, metrics), "Chance @1", "n")
    return table_of(
        "Other galleries and measures, with 95 % intervals; baselines in brackets",
        header,
        rows,
        3,
        note="Species: only specimens of the query's species compete. Warped: query and gallery are "
        "warped independently, so that outline and pose do not give the match away. Pairwise: how often "
        "the match ranks above a random other specimen, whatever the size of the gallery (0.5 by chance).",
        is_folded=True,
    )


def find_retrieval(
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    variant: str,
    names: ModalityNames,
    spread: SeedSpread,
) -> list[Finding]:
    """Recall@1 of a variant in both directions and galleries, against chance and baselines.

    Above chance means by the p-value, corrected for all directions and galleries (Holm 1979). Above the
    baselines, that each paired difference is: its interval and its corrected p-value. What does not exceed
    them is no claim of learning.
    """
    rows = pd.concat([recall_rows(comparison, task) for task in _ABOUT])
    rows = rows[(rows["k"] == 1) & rows["value"].notna() & (rows["name"] == variant)]
    findings = []
    for row in rows.assign(p_adjusted=holm(rows["p"])).itertuples(index=False):
        text, is_above = _say_recall(row, _ABOUT[str(row.task)], names, spread)
        where = (str(row.task), str(row.direction))
        findings.append(
            judge_recall(text, differences, variant, where, names)
            if is_above
            else Finding(text, is_claim=False)
        )
    return findings


def _say_recall(row: Any, about: str, names: ModalityNames, spread: SeedSpread) -> tuple[str, bool]:
    """A recall beside chance, and whether it is above it."""
    given, sought = (names.label(modality) for modality in str(row.direction).split("_to_"))
    n = f" of {row.n:.0f} held-out queries" if pd.notna(row.n) else " of held-out queries"
    seeds = spread.find(row)
    over = "" if seeds is None else f", SD over {seeds[1]} seeds {percent(seeds[0])}"
    numbers = f"{percent(row.value)}{n}{interval(row.low, row.high, percent)}{over}"
    name = names.label(str(row.name))
    text = f"From the {given} photograph{about}, {name} finds the {sought} one first in {numbers}"
    if not (row.p_adjusted <= ALPHA and row.value > row.chance):
        return f"{text}; this is not shown to be above chance ({percent(row.chance)}).", False
    return f"{text}, above chance ({percent(row.chance)}; corrected {p_value(row.p_adjusted)})", True


def picture_retrieval(comparison: pd.DataFrame, names: ModalityNames) -> tuple[ReportFigure, ReportFigure]:
    """The figures of plain retrieval and of retrieval across warps as files; see `draw_retrieval`."""
    return (
        print_figure(
            "retrieval",
            "Retrieval across the modalities",
            "Share of held-out queries whose match is among the first k, with 95 % intervals; baselines in "
            "brackets and dashed, chance dotted. Retrieval measures identity of the photograph, not biology.",
            lambda width_mm: draw_retrieval(comparison, names=names, width_mm=width_mm),
        ),
        print_figure(
            "retrieval_warped",
            "Retrieval across independent warps",
            f"The same where the {names.rgb} and the {names.uv} photograph are cropped, turned and mirrored "
            "each for itself: neither outline nor pose gives the match away. A baseline that fails here and "
            "not above has found its matches by them.",
            lambda width_mm: draw_retrieval(comparison, task=OPPOSITE_VIEWS, names=names, width_mm=width_mm),
        ),
    )


@styled
def draw_retrieval(
    comparison: pd.DataFrame,
    *,
    task: str = RETRIEVAL,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Recall@1 of every variant and baseline with its interval, and recall over k, both with chance drawn in.

    Args:
        comparison: the tidy table.
        task: whose rows are drawn, that of retrieval or of retrieval across independent warps.
        names: display names of the modalities.
        width_mm: the curves lie beside the points in double-column width, else below them.

    Returns:
        Points, and one panel of curves per direction.

    Raises:
        NothingToDrawError: if the table has no recall.
    """
    rows = recall_rows(comparison, task)
    rows = rows[rows["value"].notna()]
    if rows.empty:
        raise NothingToDrawError("no retrieval across the modalities was measured")
    first = rows[rows["k"] == rows["k"].min()]
    order = list(dict.fromkeys(first.sort_values("kind", ascending=False, kind="stable")["name"]))
    directions = [d for d in DIRECTIONS if (rows["direction"] == d).any()]
    figure, (points, *curves) = _retrieval_axes(12 + 6.2 * len(order), directions, width_mm)
    styles = {d: (list(MODALITY_COLOURS.values())[i], "so"[i]) for i, d in enumerate(directions)}
    for i, direction in enumerate(directions):
        part = first[first["direction"] == direction].set_index("name").reindex(order).reset_index()
        offset = (i - (len(directions) - 1) / 2) * 0.26
        draw_points(points, part, offset, styles[direction], names.label(direction))
    name_rows(points, names_with_n(first, order, names))
    points.set(xlabel=f"recall@{int(first['k'].iloc[0])}", title="Match found first")
    draw_chance(points, first["chance"])
    for axis, direction in zip(curves, directions, strict=True):
        _draw_curves(axis, rows[rows["direction"] == direction], order)
        axis.set(title=names.label(direction), xlabel="k", ylabel="recall@k", ylim=(-0.02, 1.02))
    variants = set(rows.loc[rows["kind"] == "variant", "name"])
    curve_handles = [
        legend_entry(names.label(name), colour, marker, "-" if name in variants else DASHED)
        for name, (colour, marker) in category_styles(order).items()
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
            linestyle="-" if is_variant else DASHED,
        )
        if is_variant and line[["low", "high"]].notna().all(axis=None):
            axes.fill_between(line["k"], line["low"], line["high"], color=colour, alpha=0.12, linewidth=0)
    chance = rows.dropna(subset=["chance"]).groupby("k")["chance"].mean()
    axes.plot(chance.index, chance, color="black", linestyle=DOTTED, linewidth=0.9, label="chance")
    axes.set_xticks(sorted(rows["k"].unique()))
