"""What linear probes read from each modality: table and figure, and the section."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xmodal_pipeline.evaluation.schema import CLASSIFICATION, MODALITIES, SOURCES, SPECIES_ONLY
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.reporting.cells import SeedSpread, by_label_and_name, list_reasons, rows_by, write_value
from xmodal_pipeline.reporting.classification.beyond import judge_beyond
from xmodal_pipeline.reporting.classification.controls import (
    accuracy_rows,
    tabulate_claims,
    tabulate_controls,
    tabulate_improvements,
    tabulate_nearest,
    tabulate_test_only,
)
from xmodal_pipeline.reporting.classification.differences import (
    judge_labels,
    say_labels,
    tabulate_differences,
)
from xmodal_pipeline.reporting.embeddings import ChosenVariant
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.gains import find_gains, tabulate_gains
from xmodal_pipeline.reporting.points import draw_chance, draw_points, write_baseline, write_n
from xmodal_pipeline.reporting.section import Chapter, Finding, PageTable, Section, table_of
from xmodal_pipeline.reporting.style import (
    ALERT,
    DOTTED,
    DOUBLE_COLUMN_MM,
    MAX_HEIGHT_MM,
    MODALITY_COLOURS,
    MODALITY_MARKERS,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    draw_pages,
    legend_entry,
    make_axes,
    make_figure,
    name_rows,
    styled,
)
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, MISSING, ModalityNames, list_words, number

_MOST_LABELS: Final = 4
"""Panels on all pages: the labels that come first in the table."""
_SHUFFLED: Final = "shuffled_within_strata"
"""The accuracy of labels exchanged within species."""
_ROW_MM: Final = 8.5
_LOWEST_ROW_MM: Final = 6.5
"""Height of a row with a point per source, and the least that keeps the points apart."""


def classification_section(
    study: Study,
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    known_seed_spread: pd.DataFrame,
    chosen: ChosenVariant,
    evaluation: EvaluationParams,
) -> Section:
    """Accuracies of the chosen variant; in the appendix those of all, beside what they must be read against.

    Args:
        study: whose captures these are.
        comparison: the tidy table.
        differences: paired, of variants and baselines.
        known_seed_spread: of the pipeline `ablation`.
        chosen: the variant that speaks in the summary.
        evaluation: the protocol.
    """
    names, spread = ModalityNames.of(study), SeedSpread(known_seed_spread)
    verdicts = judge_labels(comparison, chosen.name, names)
    told = judge_beyond(comparison, chosen.name, evaluation.reference_permutations, names)
    return Section(
        "traits",
        "Which traits does each tell?",
        f"How well each trait is predicted from {names.rgb}, from {names.uv} and from both, by simple "
        "classifiers on features that were learnt without labels. A trait easier to read from one photograph "
        "may be in the other as well.",
        figures=(picture_classification(comparison, names),),
        tables=(tabulate_chosen(comparison, chosen.name, names, spread),),
        headline=say_labels(verdicts, told.by, chosen.name, names),
        findings=(
            *told.findings,
            *(one.finding for one in verdicts),
            *find_gains(differences, chosen.name, names),
            *explain_low(comparison, chosen.name, names),
        ),
        methods={"evaluation": describe_evaluation(evaluation), "choice": describe_choice(chosen, names)},
        tags=spread.tags,
        chapters=(
            Chapter(
                "classification",
                "Predicting traits",
                "Judge a difference by its own interval, never by one modality being significant and the "
                f"other not. Every p beside an accuracy is of {evaluation.reference_permutations} "
                "permutations: none can lie below "
                f"{1 / (evaluation.reference_permutations + 1):.3f}, and none is corrected.",
                tables=(
                    tabulate_accuracies(comparison, names, spread),
                    tabulate_claims(comparison, names, spread),
                    tabulate_gains(differences, names, is_retrieval=False),
                    tabulate_controls(comparison, names, spread),
                    tabulate_test_only(comparison, names, spread),
                    tabulate_nearest(comparison, names, spread),
                    tabulate_improvements(comparison, names, spread),
                    tabulate_differences(comparison, chosen.name, names, spread),
                ),
                reasons=tuple(list_reasons(comparison, CLASSIFICATION, names)),
                is_evaluated=True,
            ),
        ),
    )


def describe_choice(chosen: ChosenVariant, names: ModalityNames) -> str:
    """Which model the report speaks of, and how it was chosen; empty without one."""
    if not chosen.name:
        return ""
    return (
        f"The report speaks of the model {names.label(chosen.name)}, {chosen.how}. "
        f"What {names.uv} adds was asked of all specimens, since training saw no labels."
    )


def tabulate_chosen(
    comparison: pd.DataFrame, variant: str, names: ModalityNames, spread: SeedSpread
) -> PageTable:
    """One variant's accuracies: a row per label."""
    table = tabulate_accuracies(comparison[comparison["name"] == variant], names, spread)
    rows = [(label, *cells) for label, _, *cells in table.rows]
    return table_of(
        f"Balanced accuracy of the model {names.label(variant)} (95 % interval)",
        ("Trait", *table.header[2:]),
        rows,
        1,
        source="comparison_csv",
    )


def explain_low(comparison: pd.DataFrame, variant: str, names: ModalityNames) -> list[Finding]:
    """Why accuracies of a variant, or of knowing the species, lie below chance; nothing where none do."""
    mine = comparison[comparison["name"] == variant]
    accuracy = accuracy_rows(comparison, CLASSIFICATION)
    low = accuracy[(accuracy["value"] < accuracy["chance"]) & accuracy["name"].isin([variant, SPECIES_ONLY])]
    if low.empty:
        return []
    cells = [
        f"{names.rename(str(row.label))} from "
        f"{names.label(SPECIES_ONLY if row.name == SPECIES_ONLY else str(row.source))} {number(row.value)}"
        for row in low.itertuples(index=False)
    ]
    own = low.loc[low["name"] == variant, "label"]
    shuffled = mine[(mine["metric"] == _SHUFFLED) & mine["label"].isin(own)].dropna(subset="value")
    given = [f"{number(row.value)} for {names.rename(str(row.label))}" for row in shuffled.itertuples()]
    beside = f" Labels shuffled within species give {list_words(given)}." if given else ""
    return [
        Finding(
            f"Below chance ({', '.join(cells)}) is no better than guessing: among the other specimens of "
            f"its species a specimen's own class is the rarer, so a guess leans to the other.{beside}",
            is_claim=False,
        )
    ]


def describe_evaluation(evaluation: EvaluationParams) -> str:
    """How retrieval and labels were measured, and models compared."""
    return (
        "Retrieval was measured on held-out specimens, with ties at their expectation and intervals of "
        "proportions at an effective number of queries (Wilson 1927; Korn & Graubard 1998). Labels were "
        f"predicted by logistic regression in {evaluation.folds} folds stratified by class and grouped by "
        "specimen, with scaling and regularisation chosen inside each fold; their intervals are 95 % over "
        f"{evaluation.bootstraps} bootstraps (protocol: {evaluation.protocol}). Models and baselines (PCA + "
        "CCA fitted on training specimens) were compared on the same specimens by flipping the signs of each "
        "one's differences, corrected by the step-down maximum (Westfall & Young 1993)."
    )


def tabulate_accuracies(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """Every label, variant and [baseline]: balanced accuracy from each source with its spread, chance, n."""
    accuracy = _unmark_blind(accuracy_rows(comparison, CLASSIFICATION))
    known = set(accuracy.loc[accuracy["value"].notna(), "source"])
    sources = [source for source in (*SOURCES, "") if source in known]
    rows = []
    for title, part in by_label_and_name(accuracy, names, spread):
        by_source = rows_by(part, "source")
        missing = "too few" if part["value"].isna().all() else MISSING
        accuracies = [_write_accuracy(by_source[s], spread) if s in by_source else missing for s in sources]
        chance, n = number(part["chance"].max()), number(part["n"].max(), 0)
        rows.append((*title, *accuracies, chance, n))
    header = ("Label", "Name", *(names.label(s) or "neither" for s in sources), "Chance", "n")
    return table_of(
        "Balanced accuracy with 95 % intervals; baselines in brackets",
        header,
        rows,
        2,
        source="comparison_csv",
    )


def _write_accuracy(row: Any, spread: SeedSpread) -> str:
    """As `write_value`; where no specimen was missed a bootstrap has no interval, and n is said instead."""
    if row.low == row.value == 1:
        return spread.beside(f"{number(row.value)} (all {row.n:.0f} right)", row)
    return write_value(row, spread)


def picture_classification(comparison: pd.DataFrame, names: ModalityNames) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_classification`."""
    return print_figure(
        "classification",
        "What each modality predicts",
        "Balanced accuracy with 95 % intervals, one panel per trait; baselines in brackets, chance dotted. "
        "No specimen stands on both sides of a fold.",
        lambda width_mm: draw_pages(
            lambda page: draw_classification(comparison, page=page, names=names, width_mm=width_mm)
        ),
    )


@styled
def draw_classification(
    comparison: pd.DataFrame,
    *,
    page: int = 0,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Balanced accuracy per label, source, variant and baseline, with intervals, n and chance.

    Args:
        comparison: the tidy table; accuracies of linear probes are used.
        page: from 0; a page holds as many rows of panels as its height.
        names: display names of the modalities.
        width_mm: four panels to a row in double-column width, else two.

    Returns:
        A panel per label of the page, all on one axis and with the same rows. A cell without a number says
        `too few`.

    Raises:
        NothingToDrawError: if no label was predicted, or none is left for the page.
    """
    rows = _unmark_blind(accuracy_rows(comparison, CLASSIFICATION))
    labels = list(dict.fromkeys(rows["label"].dropna()))[:_MOST_LABELS]
    if not labels:
        raise NothingToDrawError(
            "no label could be predicted: the study has none, or too few specimens per class"
        )
    order = list(dict.fromkeys(rows.sort_values("kind", ascending=False, kind="stable")["name"]))
    columns = min(len(labels), _MOST_LABELS if width_mm > SINGLE_COLUMN_MM else 2)
    most_lines = max(int((MAX_HEIGHT_MM - 16) / (14 + _LOWEST_ROW_MM * len(order))), 1)
    labels = labels[page * columns * most_lines : (page + 1) * columns * most_lines]
    if not labels:
        raise NothingToDrawError(f"no label on page {page + 1} of the classification")
    lines = -(-len(labels) // columns)
    figure = make_figure(width_mm, 4 + lines * (18 + _ROW_MM * len(order)))
    axes = make_axes(figure, lines, columns, sharex=True)
    for axis in axes.flat[len(labels) :]:
        axis.set_axis_off()
    for axis, label in zip(axes.flat, labels, strict=False):
        part = rows[rows["label"] == label]
        _draw_label(axis, part, order)
        is_first = axis in axes[:, 0]
        name_rows(
            axis, [write_baseline(name, rows, names) for name in order] if is_first else [""] * len(order)
        )
        axis.set(title=f"{names.rename(str(label))}\n{write_n(part['n'])}", xlabel="balanced accuracy")
        axis.tick_params(labelbottom=True)
    axes[0, 0].set_xlim(-0.03, 1.05)
    handles = [
        legend_entry(f"from {names.label(s)}", MODALITY_COLOURS[s], MODALITY_MARKERS[s])
        for s in SOURCES
        if (rows["source"] == s).any()
    ]
    if rows.loc[rows["source"] == "", "value"].notna().any():
        handles.append(legend_entry("from neither", marker="|"))
    handles.append(legend_entry("chance", line=DOTTED))
    add_legend(figure, handles, most=6)
    return figure


def _draw_label(axes: Axes, rows: pd.DataFrame, order: list[str]) -> None:
    """A row per name, its points about the middle of the row; what is missing altogether says `too few`."""
    drawn = rows.dropna(subset="value").drop_duplicates(["name", "source"])
    present = {name: [s for s in (*SOURCES, "") if s in own] for name, own in _sources(drawn).items()}
    for source in (*SOURCES, ""):
        part = drawn[drawn["source"] == source].set_index("name").reindex(order).reset_index()
        offsets = [
            (own.index(source) - (len(own) - 1) / 2) * 0.17 if source in own else 0.0
            for own in (present.get(name, []) for name in order)
        ]
        style = (MODALITY_COLOURS[source], MODALITY_MARKERS[source]) if source else ("black", "|")
        draw_points(axes, part, np.arange(len(order)) + offsets, style, source or "baseline")
    draw_chance(axes, rows["chance"])
    for y, name in enumerate(order):
        if name in set(rows["name"]) and name not in present:
            axes.annotate("too few", (0.02, y), xycoords=("axes fraction", "data"), color=ALERT, va="center")


def _sources(rows: pd.DataFrame) -> dict[str, set[str]]:
    return {str(name): set(part) for name, part in rows.groupby("name")["source"]}


def _unmark_blind(rows: pd.DataFrame) -> pd.DataFrame:
    """Baselines that see neither modality (the species, the outline) without a source, as they are drawn."""
    of_modalities = {name for name, own in _sources(rows).items() if own & set(MODALITIES)}
    is_blind = (rows["kind"] == "baseline") & ~rows["name"].isin(of_modalities)
    return rows.assign(source=rows["source"].mask(is_blind, ""))
