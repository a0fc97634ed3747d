"""Can one modality find the other among held-out specimens? Table, figure and sentence."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from xmodal_pipeline.evaluation.schema import (
    CHANCE,
    DIRECTIONS,
    OPPOSITE_VIEWS,
    RETRIEVAL,
    SPECIES_ONLY,
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
from xmodal_pipeline.reporting.gains import tabulate_gains
from xmodal_pipeline.reporting.points import draw_chance, draw_points, write_baseline, write_n
from xmodal_pipeline.reporting.retrieval.sentences import (
    find_retrieval,
    recall_rows,
    say_retrieval,
    tabulate_searches,
)
from xmodal_pipeline.reporting.section import Chapter, PageTable, Section, table_of
from xmodal_pipeline.reporting.style import (
    DASHED,
    DOTTED,
    DOUBLE_COLUMN_MM,
    GREY,
    MODALITY_COLOURS,
    MODALITY_MARKERS,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    legend_entry,
    make_axes,
    make_figure,
    name_rows,
    styled,
)
from xmodal_pipeline.reporting.words import (
    DEFAULT_NAMES,
    ModalityNames,
    number,
)

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
    plain, warped = picture_retrieval(comparison, names)
    return Section(
        "retrieval",
        "Can one photograph find the other?",
        "A model gets one photograph of a held-out specimen and ranks the photographs of the other kind. "
        "This measures identity of the photograph, not biology: outline, pose and species help; outline and "
        "pose less where photographs are warped.",
        figures=(plain, gallery_figure),
        tables=(tabulate_searches(comparison, differences, chosen, names, spread),),
        headline=say_retrieval(comparison, differences, chosen, names),
        findings=tuple(find_retrieval(comparison, differences, chosen.name, names)),
        tags=spread.tags,
        chapters=(
            Chapter(
                "retrieval",
                "Retrieval",
                figures=(warped,),
                tables=(
                    tabulate_recall(comparison, names, spread),
                    tabulate_gains(differences, names, is_retrieval=True),
                    tabulate_galleries(comparison, names, spread),
                ),
                reasons=tuple(list_reasons(comparison, RETRIEVAL, names)),
                is_evaluated=True,
            ),
        ),
    )


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
    return table_of(
        "Recall with 95 % intervals; baselines in brackets", columns, rows, 2, source="comparison_csv"
    )


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
        "warped independently, so that outline and pose give less away. Pairwise: how often "
        "the match ranks above a random other specimen, whatever the size of the gallery (0.5 by chance).",
        is_folded=True,
        source="comparison_csv",
    )


def picture_retrieval(comparison: pd.DataFrame, names: ModalityNames) -> tuple[ReportFigure, ReportFigure]:
    """The figures of plain retrieval and of retrieval across warps as files; see `draw_retrieval`."""
    return (
        print_figure(
            "retrieval",
            "Retrieval across the modalities",
            "Share of held-out queries whose match is among the first k, with 95 % intervals; baselines in "
            "brackets, chance dotted, known species dashed.",
            lambda width_mm: draw_retrieval(comparison, names=names, width_mm=width_mm),
        ),
        print_figure(
            "retrieval_warped",
            "Retrieval across independent warps",
            f"The same where the {names.rgb} and the {names.uv} photograph are cropped, turned and mirrored "
            "each for itself, so that outline and pose give less away. A baseline that fails here and "
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
    """Recall of every variant and baseline with its interval and chance, a panel per k.

    Args:
        comparison: the tidy table.
        task: whose rows are drawn, that of retrieval or of retrieval across independent warps.
        names: display names of the modalities.
        width_mm: three panels in double-column width, else the first two.

    Returns:
        Panels that share their rows and their axis; a point per direction, in the colour of the query.

    Raises:
        NothingToDrawError: if the table has no recall.
    """
    rows = recall_rows(comparison, task)
    rows = rows[rows["value"].notna()]
    if rows.empty:
        raise NothingToDrawError("no retrieval across the modalities was measured")
    ks = sorted(rows["k"].unique())[: 3 if width_mm > SINGLE_COLUMN_MM else 2]
    order = list(dict.fromkeys(rows.sort_values("kind", ascending=False, kind="stable")["name"]))
    figure = make_figure(width_mm, 22 + 6.2 * len(order))
    axes = make_axes(figure, 1, len(ks), sharex=True)[0]
    directions = [d for d in DIRECTIONS if (rows["direction"] == d).any()]
    styles = {d: d.split("_to_")[0] for d in directions}
    for axis, k in zip(axes, ks, strict=True):
        part = rows[rows["k"] == k]
        for i, (direction, asked) in enumerate(styles.items()):
            mine = part[part["direction"] == direction].set_index("name").reindex(order).reset_index()
            y = np.arange(len(order)) + (i - (len(directions) - 1) / 2) * 0.26
            style = (MODALITY_COLOURS[asked], MODALITY_MARKERS[asked])
            draw_points(axis, mine, y, style, names.label(direction))
        texts = [write_baseline(name, rows, names) for name in order]
        name_rows(axis, texts if axis is axes[0] else [""] * len(order))
        draw_chance(axis, part["chance"])
        by_species = part.loc[part["name"] == SPECIES_ONLY, "value"]
        if len(by_species):
            axis.axvline(float(by_species.mean()), color=GREY, linestyle=DASHED, linewidth=0.9)
        axis.set(title="match first" if k == 1 else f"among the first {k}", xlabel=f"recall@{k}")
    axes[0].set_xlim(-0.03, 1.05)
    handles = [
        legend_entry(names.label(d), MODALITY_COLOURS[asked], MODALITY_MARKERS[asked])
        for d, asked in styles.items()
    ]
    handles.append(legend_entry("chance", line=DOTTED))
    if (rows["name"] == SPECIES_ONLY).any():
        handles.append(legend_entry(names.label(SPECIES_ONLY), GREY, line=DASHED))
    add_legend(figure, handles, title=f"query → match, {write_n(rows['n'])}")
    return figure
