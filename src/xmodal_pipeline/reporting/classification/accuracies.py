"""What linear probes read from each modality: table and figure, and the section."""

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xmodal_pipeline.evaluation.schema import CLASSIFICATION, SOURCES
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.reporting.cells import SeedSpread, by_label_and_name, list_reasons, rows_by, write_value
from xmodal_pipeline.reporting.classification.controls import (
    accuracy_rows,
    tabulate_claims,
    tabulate_controls,
    tabulate_improvements,
    tabulate_nearest,
    tabulate_test_only,
)
from xmodal_pipeline.reporting.classification.differences import find_differences, tabulate_differences
from xmodal_pipeline.reporting.embeddings import ChosenVariant
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.gains import find_gains, tabulate_gains
from xmodal_pipeline.reporting.points import draw_chance, draw_points, names_with_n
from xmodal_pipeline.reporting.section import PageTable, Section, table_of
from xmodal_pipeline.reporting.style import (
    ALERT,
    DOUBLE_COLUMN_MM,
    MAX_HEIGHT_MM,
    MODALITY_COLOURS,
    MODALITY_MARKERS,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    draw_pages,
    make_axes,
    make_figure,
    name_rows,
    styled,
)
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, MISSING, ModalityNames, number

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
    """Accuracies of every source beside what they must be read against.

    Args:
        study: whose captures these are.
        comparison: the tidy table.
        differences: paired, of variants and baselines.
        known_seed_spread: of the pipeline `ablation`.
        chosen: the variant that speaks in the summary.
        evaluation: the protocol.
    """
    names, spread = ModalityNames.of(study), SeedSpread(known_seed_spread)
    return Section(
        "classification",
        "Classification",
        "What linear probes read from each modality. Judge a difference by its own interval, never by one "
        "modality being significant and the other not.",
        figures=(picture_classification(comparison, names),),
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
        findings={
            "differences": find_differences(comparison, chosen.name, names),
            "gains": find_gains(differences, chosen.name, names),
        },
        methods={"evaluation": describe_evaluation(evaluation)},
        tags=spread.tags,
        is_evaluated=True,
    )


def describe_evaluation(evaluation: EvaluationParams) -> str:
    """How retrieval and labels were measured."""
    return (
        "Retrieval was measured on held-out specimens, with ties at their expectation and intervals of "
        "proportions at an effective number of queries (Wilson 1927; Korn & Graubard 1998). Labels were "
        f"predicted by logistic regression in {evaluation.folds} folds stratified by class and grouped by "
        f"specimen, with scaling and regularisation chosen inside each fold; their intervals are 95 % over "
        f"{evaluation.bootstraps} bootstraps (protocol: {evaluation.protocol})."
    )


def tabulate_accuracies(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """Every label, variant and [baseline]: balanced accuracy from each source with its spread, chance, n."""
    accuracy = accuracy_rows(comparison, CLASSIFICATION)
    known = set(accuracy.loc[accuracy["value"].notna(), "source"])
    sources = [source for source in (*SOURCES, "") if source in known]
    rows = []
    for title, part in by_label_and_name(accuracy, names, spread):
        by_source = rows_by(part, "source")
        missing = "too few" if part["value"].isna().all() else MISSING
        accuracies = [write_value(by_source[s], spread) if s in by_source else missing for s in sources]
        chance, n = number(part["chance"].max()), number(part["n"].max(), 0)
        rows.append((*title, *accuracies, chance, n))
    header = ("Label", "Name", *(names.label(s) or "itself" for s in sources), "Chance", "n")
    return table_of("Balanced accuracy with 95 % intervals; baselines in brackets", header, rows, 2)


def picture_classification(comparison: pd.DataFrame, names: ModalityNames) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_classification`."""
    return print_figure(
        "classification",
        "What each modality predicts",
        "Balanced accuracy of linear probes, specimens never on both sides of a fold, with 95 % "
        "intervals and n; baselines in brackets, chance dotted.",
        lambda width_mm: draw_pages(
            lambda page: draw_classification(comparison, page=page, names=names, width_mm=width_mm)
        ),
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
        comparison: the tidy table; accuracies of linear probes are used.
        most_labels: panels on all pages; the labels that come first in the table.
        page: from 0; a page holds as many panels as its height.
        names: display names of the modalities.
        width_mm: two panels to a row in double-column width, else one.

    Returns:
        A panel per label of the page. A cell without a number says `too few`.

    Raises:
        NothingToDrawError: if no label was predicted, or none is left for the page.
    """
    rows = accuracy_rows(comparison, CLASSIFICATION)
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
        draw_points(axes, part, offset, style, source or "baseline")
    name_rows(axes, names_with_n(rows, present, names))
    draw_chance(axes, rows["chance"])
    for y, name in enumerate(present):
        if rows.loc[rows["name"] == name, "value"].isna().all():
            axes.annotate("too few", (0.02, y), xycoords=("axes fraction", "data"), color=ALERT, va="center")
    axes.margins(x=0.08)
