"""Can one modality find the other among held-out specimens? Table, figure and sentence."""

from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure

from xmodal_pipeline.evaluation.corrections import holm
from xmodal_pipeline.evaluation.schema import (
    ALPHA,
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
from xmodal_pipeline.reporting.gains import decide, find_rivals, judge_recall, tabulate_gains
from xmodal_pipeline.reporting.points import draw_chance, draw_points, write_baseline, write_n
from xmodal_pipeline.reporting.section import Chapter, Finding, PageTable, Section, table_of
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
    interval,
    list_words,
    number,
    p_value,
    percent,
)

_ABOUT: Final = {
    RETRIEVAL: "",
    OPPOSITE_VIEWS: " (warped)",
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
    plain, warped = picture_retrieval(comparison, names)
    return Section(
        "retrieval",
        "Can one photograph find the other?",
        "A model gets one photograph of a held-out specimen and ranks the photographs of the other kind. "
        "This measures identity of the photograph, not biology: outline, pose and species help. Warps of "
        "each photograph by itself make outline and pose give less away.",
        figures=(plain, gallery_figure),
        headline=say_retrieval(comparison, differences, chosen.name, names),
        findings=tuple(find_retrieval(comparison, differences, chosen.name, names, spread)),
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
    rows = rows[(rows["k"] == 1) & rows["value"].notna()]
    by_species = rows[rows["name"] == SPECIES_ONLY].set_index(["task", "direction"])["value"].to_dict()
    rows = rows[rows["name"] == variant]
    findings = []
    for row in rows.assign(p_adjusted=holm(rows["p"])).itertuples(index=False):
        where = (str(row.task), str(row.direction))
        text, is_above = _say_recall(row, by_species.get(where), names, spread)
        findings.append(
            judge_recall(text, differences, variant, where, names)
            if is_above
            else Finding(text, is_claim=False)
        )
    return findings


def say_retrieval(
    comparison: pd.DataFrame, differences: pd.DataFrame, variant: str, names: ModalityNames
) -> str:
    """The headline: recall@1 of a variant in both directions, against chance and baselines."""
    rows = recall_rows(comparison, RETRIEVAL)
    rows = rows[(rows["k"] == 1) & rows["value"].notna()]
    by_species = rows.loc[rows["name"] == SPECIES_ONLY, "value"]
    rows = rows[rows["name"] == variant]
    if rows.empty:
        return ""
    drawn: list[Any] = list(rows.itertuples())
    numbers = [
        f"{percent(row.value)} (from {names.label(str(row.direction).split('_to_')[0])})" for row in drawn
    ]
    n = "" if rows["n"].isna().any() else f" {rows['n'].max():.0f}"
    text = (
        f"From one photograph of a held-out specimen, the model {names.label(variant)} finds the other first "
        f"in {list_words(numbers)} of{n} searches"
    )
    is_above = (holm(rows["p"]) <= ALPHA) & (rows["value"] > rows["chance"])
    chance = percent(rows["chance"].mean())
    if not is_above.all():
        return f"{text}, which is not shown to be above chance ({chance}) in both directions."
    text += f"; chance is {chance}"
    if len(by_species):
        text += f", knowing only the species {percent(by_species.mean())}"
    rivals = [find_rivals(differences, variant, (RETRIEVAL, str(row.direction))) for row in drawn]
    decided = [decide(one) for one in rivals if len(one)]
    if not decided:
        return f"{text}."
    if all(is_above_all for _, is_above_all in decided):
        return f"{text}, and every baseline finds fewer."
    better: dict[str, list[str]] = {}
    for row, is_above_all in decided:
        if not is_above_all:
            better.setdefault(names.label(str(row["b"])), []).append(percent(row["value_b"]))
    named = list_words([f"{name} ({list_words(shares)})" for name, shares in better.items()])
    lower = [row for row, is_above_all in decided if not is_above_all and row["difference"] < 0]
    if len(lower) < len(decided):
        return f"{text}, but this is not shown to exceed what a baseline finds without learning: {named}."
    is_settled = all(row["high"] < 0 and row["p_adjusted"] <= ALPHA for row in lower)
    open_end = "" if is_settled else "; the corrected test does not settle it"
    verb = "finds" if len(better) == 1 else "find"
    return f"{text}, but {named}, without training a model, {verb} more{open_end}."


def _say_recall(
    row: Any, by_species: float | None, names: ModalityNames, spread: SeedSpread
) -> tuple[str, bool]:
    """A recall beside chance and what knowing only the species reaches, and whether it is above chance."""
    about, model = _ABOUT[str(row.task)], f"the model {names.label(str(row.name))}"
    given, sought = (names.label(modality) for modality in str(row.direction).split("_to_"))
    n = f" of {row.n:.0f} held-out queries" if pd.notna(row.n) else " of held-out queries"
    seeds = spread.find(row)
    over = "" if seeds is None else f", SD over {seeds[1]} seeds {percent(seeds[0])}"
    numbers = f"{percent(row.value)}{n}{interval(row.low, row.high, percent)}{over}"
    text = f"From the {given} photograph{about}, {model} finds the {sought} one first in {numbers}"
    species = "" if by_species is None else f"; species alone {percent(by_species)}"
    if not (row.p_adjusted <= ALPHA and row.value > row.chance):
        return f"{text}; this is not shown to be above chance ({percent(row.chance)}{species}).", False
    beside = f"{percent(row.chance)}; corrected {p_value(row.p_adjusted)}{species}"
    return f"{text}, above chance ({beside})", True


def picture_retrieval(comparison: pd.DataFrame, names: ModalityNames) -> tuple[ReportFigure, ReportFigure]:
    """The figures of plain retrieval and of retrieval across warps as files; see `draw_retrieval`."""
    return (
        print_figure(
            "retrieval",
            "Retrieval across the modalities",
            "Share of held-out queries whose match is among the first k, with 95 % intervals; baselines in "
            "brackets, chance dotted, species alone dashed.",
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
            offset = (i - (len(directions) - 1) / 2) * 0.26
            style = (MODALITY_COLOURS[asked], MODALITY_MARKERS[asked])
            draw_points(axis, mine, offset, style, names.label(direction))
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
        handles.append(legend_entry("species only", GREY, line=DASHED))
    add_legend(figure, handles, title=f"query → match, {write_n(rows['n'])}")
    return figure
