"""Do the two modalities order the specimens in the same way? Tables, figure and sentence."""

import itertools
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xmodal_pipeline.evaluation.schema import ALIGNMENT, ALPHA, CLASSIFICATION, GEOMETRY, HELD_FIXED, TOO_FEW
from xmodal_pipeline.evaluation.specimen_tables import SPECIES
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.cells import SeedSpread, list_reasons, rows_by, write_name
from xmodal_pipeline.reporting.embeddings import (
    ChosenVariant,
    labels_of,
    one_view,
    paired_projections,
    subsample,
    unit_vectors,
)
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.section import Chapter, Finding, PageTable, Section, table_of
from xmodal_pipeline.reporting.similarity.predictability import (
    explain_predictability,
    tabulate_predictability,
)
from xmodal_pipeline.reporting.similarity.umap import MINIMUM_ROWS
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    hide_frame,
    label_values,
    make_axes,
    make_figure,
    styled,
)
from xmodal_pipeline.reporting.words import (
    DEFAULT_NAMES,
    MISSING,
    ModalityNames,
    list_words,
    number,
    p_value,
    small,
    write_class,
)

_MOST_CLASSES: Final = 0.4
"""Classes per capture above which lines between them would hide the map."""
_SCOPES: Final = {
    "spearman_within": "within species",
    "spearman_among": "among species means",
    "spearman": "over all specimens",
}
_RIVALS: Final = ("untrained_encoder", "pca_cca")
"""Baselines that stand beside the alignment of a model."""


def similarity_section(
    study: Study,
    comparison: pd.DataFrame,
    known_seed_spread: pd.DataFrame,
    chosen: ChosenVariant,
    specimen_index: pd.DataFrame,
    reporting: ReportingParams,
    evaluation: EvaluationParams,
) -> Section:
    """Alignment, predictability and geometry, and the heat map of the chosen variant."""
    names, spread = ModalityNames.of(study), SeedSpread(known_seed_spread)
    return Section(
        "retrieval",
        findings=tuple(find_alignment(comparison, chosen.name, names)),
        methods={"alignment": describe_alignment(comparison, evaluation)},
        chapters=(
            Chapter(
                "similarity",
                "Similarity and alignment",
                "Do the two modalities order the specimens in the same way, and how much of one does the "
                "other predict?",
                figures=(picture_similarity(chosen, specimen_index, reporting, names),),
                tables=(
                    tabulate_measures(comparison, ALIGNMENT, names, spread),
                    tabulate_predictability(comparison, names, spread),
                    tabulate_measures(comparison, GEOMETRY, names, spread),
                ),
                reasons=(
                    *list_cautions(comparison, names),
                    *list_reasons(comparison, ALIGNMENT, names),
                    *list_reasons(comparison, GEOMETRY, names),
                    *explain_predictability(comparison, names),
                ),
                is_evaluated=True,
            ),
        ),
    )


def tabulate_measures(
    comparison: pd.DataFrame, task: str, names: ModalityNames, spread: SeedSpread
) -> PageTable:
    """Alignment or geometry: a row per measure, p-value and null, a column per variant and [baseline]."""
    rows = comparison[(comparison["task"] == task) & (comparison["metric"] != "caution")]
    is_few = rows["reason"].str.startswith(TOO_FEW) & (rows["metric"] != "strength")
    rows = rows[rows["value"].notna() | (rows["text"] != "") | is_few]
    columns = {
        write_name(str(name), str(part["kind"].iloc[0]), names, spread): _write_measures(part, names, spread)
        for name, part in rows.groupby("name", sort=False)
    }
    measures = dict.fromkeys(measure for cells in columns.values() for measure in cells)
    lines = [(one, *(cells.get(one, MISSING) for cells in columns.values())) for one in measures]
    return table_of(task.capitalize(), ("Measure", *columns), lines, 1, source="comparison_csv")


def _write_measures(rows: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> dict[str, str]:
    is_count = rows["metric"] == "n"
    row: Any
    cells = {"n": number(rows.loc[is_count, "value"].max() if is_count.any() else rows["n"].max(), 0)}
    if is_count.any():
        cells["n used"] = number(rows["n"].max(), 0)
    for row in rows[~is_count].itertuples(index=False):
        name = names.label(str(row.metric))
        if row.reason:
            cells[name] = TOO_FEW
            continue
        cells[name] = str(row.text) or spread.beside(number(row.value, 3), row, digits=3)
        if pd.notna(row.p):
            cells[f"{name} p value"] = small(row.p, 3)
        if row.chance > 0:
            cells[f"{name} null"] = number(row.chance, 3)
    return cells


def list_cautions(comparison: pd.DataFrame, names: ModalityNames) -> list[str]:
    """What a reader of the alignment must know."""
    is_caution = (comparison["task"] == ALIGNMENT) & (comparison["metric"] == "caution")
    shown = comparison.loc[is_caution & (comparison["kind"] == "variant"), "text"]
    return [names.rename(str(text)) for text in dict.fromkeys(shown) if text]


def find_alignment(comparison: pd.DataFrame, variant: str, names: ModalityNames) -> list[Finding]:
    """Whether the two modalities order specimens alike: within species where tested, else over all pairs.

    Modalities that merely know the species would always seem alike over all pairs, and those that know the
    sex within species: the study's label is held fixed. Where the study names none, the sentence says so.
    """
    rows = comparison[(comparison["task"] == ALIGNMENT) & (comparison["name"] == variant)]
    by_metric = rows_by(rows, "metric")
    headline = by_metric.get("headline")
    if headline is None:
        return []
    held = by_metric.get(HELD_FIXED)
    fixed = str(held.text).split(", ") if held is not None and held.text else []
    labels = [names.rename(label) for label in fixed if label != SPECIES]
    where = "within species" if SPECIES in fixed else "over all pairs"
    if labels:
        where += f", beyond what {' and '.join(labels)} gives"
    elif SPECIES in fixed:
        where += f", {_name_loose(comparison, names)} not held fixed"
    else:
        where += ", no label held fixed"
    metric = "spearman_within" if headline.text == "within" else "spearman"
    row = by_metric[metric]
    both = f"{names.rgb} and {names.uv}"
    if pd.isna(row.value) or pd.isna(row.p):
        if not str(row.reason).startswith(TOO_FEW):
            return []
        text = f"Whether {both} order specimens alike, {where}, was not tested: {row.reason}."
        return [Finding(text, is_claim=False)]
    null = f", {number(row.chance)} by {' and '.join(labels)} alone" if labels else ""
    numbers = (
        f"(Spearman {number(row.value)}{null}, permutation {p_value(row.p)}, n = {row.n:.0f}"
        f"{_write_rivals(comparison, metric, names)})"
    )
    if row.p <= ALPHA and row.value > max(row.chance, 0):
        strength = by_metric.get("strength")
        how = f"{strength.text}ly alike" if strength is not None and strength.text else "alike"
        text = f"{both} order specimens {how} by their similarity to one another, {where} {numbers}."
        return [Finding(text, is_claim=True)]
    text = f"No common order of specimens in {both} is claimed {where} {numbers}."
    return [Finding(text, is_claim=False)]


def _name_loose(comparison: pd.DataFrame, names: ModalityNames) -> str:
    """The labels that may make specimens of a species alike in both modalities: `sex and morph`."""
    known = comparison.loc[comparison["task"] == CLASSIFICATION, "label"].unique()
    return list_words([names.rename(str(one)) for one in known if one not in ("", SPECIES)]) or "other labels"


def _write_rivals(comparison: pd.DataFrame, metric: str, names: ModalityNames) -> str:
    """`; untrained encoder 0.67, PCA + CCA 0.74`: what the baselines reach; empty where none was measured."""
    is_rival = (comparison["task"] == ALIGNMENT) & (comparison["metric"] == metric)
    rivals = comparison[is_rival & comparison["name"].isin(_RIVALS) & comparison["value"].notna()]
    said = [f"{names.label(str(row.name))} {number(row.value)}" for row in rivals.itertuples(index=False)]
    return f"; {', '.join(said)}" if said else ""


def describe_alignment(comparison: pd.DataFrame, evaluation: EvaluationParams) -> str:
    """Which Mantel tests were made: those that left a p-value in any variant."""
    rows = comparison[(comparison["task"] == ALIGNMENT) & (comparison["kind"] == "variant")]
    found = set(rows.loc[rows["p"].notna(), "metric"])
    tested = [where for metric, where in _SCOPES.items() if metric in found]
    tested = [where for where in tested if where != _SCOPES["spearman"]] or tested
    if not tested:
        return ""
    return (
        "Alignment of the two similarity structures is a Spearman correlation of pairwise similarities with "
        f"Mantel tests (Mantel 1967; {evaluation.permutations} permutations) {' and '.join(tested)}."
    )


def picture_similarity(
    chosen: ChosenVariant, specimen_index: pd.DataFrame, params: ReportingParams, names: ModalityNames
) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_similarity`."""
    projections, where = one_view(chosen, specimen_index, names)

    def draw(width_mm: float) -> Figure:
        if not chosen.name:
            raise NothingToDrawError("no cross-modal variant was trained")
        return draw_similarity(
            projections,
            specimen_index,
            most=params.max_heatmap_rows,
            seed=params.seed,
            names=names,
            width_mm=width_mm,
        )

    return print_figure(
        "similarity",
        "Similarity",
        f"{where}Cosine similarity of held-out projections, ordered by species; lines part species, or "
        "genera where species are small.",
        draw,
    )


@styled
def draw_similarity(
    projections: pd.DataFrame,
    specimen_index: pd.DataFrame,
    *,
    most: int = 300,
    seed: int = 0,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Cosine similarity of held-out captures within each modality and across them, ordered by species.

    Args:
        projections: of one cross-modal variant.
        specimen_index: holds the species, by which captures are sorted; lines part them, or genera where
            species are too small.
        most: captures drawn; more are a seeded subsample.
        seed: of the subsample.
        names: display names of the modalities.
        width_mm: the maps lie beside one another in double-column width, else below.

    Returns:
        Three heat maps on one scale.

    Raises:
        NothingToDrawError: if one modality is missing or too few captures were held out.
    """
    rgb, uv = paired_projections(projections)
    if len(rgb) < MINIMUM_ROWS:
        raise NothingToDrawError(
            f"{len(rgb)} held-out captures in both modalities are too few for a heat map"
        )
    in_all = len(rgb)
    keys = subsample(rgb, most, seed)[["capture_id"]]
    values = (
        keys["capture_id"]
        .map(label_values(labels_of(specimen_index, SPECIES), most=10**6))
        .fillna("unlabelled")
    )
    keys = keys.assign(label=values.to_numpy()).sort_values("label", kind="stable")
    a, b = (unit_vectors(table.set_index("capture_id").loc[keys["capture_id"]]) for table in (rgb, uv))
    is_wide = width_mm > SINGLE_COLUMN_MM
    figure = make_figure(width_mm, 62 if is_wide else 12 + 3 * 54)
    if not is_wide:
        # Otherwise the maps, which keep their shape, do not move aside for the names.
        figure.set_layout_engine("compressed")
    axes = make_axes(figure, *((1, 3) if is_wide else (3, 1))).ravel()
    titles = (
        f"{names.rgb} with {names.rgb}",
        f"{names.uv} with {names.uv}",
        f"{names.rgb} (rows) with {names.uv}",
    )
    written = [write_class(SPECIES, value) for value in keys["label"]]
    for axis, (left, right), title in zip(axes, ((a, a), (b, b), (a, b)), titles, strict=True):
        image = axis.imshow(left @ right.T, vmin=-1, vmax=1, cmap="cividis", interpolation="nearest")
        axis.set_title(title)
        _mark_classes(axis, written, with_names=axis is axes[0] or not is_wide)
    bar = figure.colorbar(
        image, ax=list(axes), location="right" if is_wide else "bottom", shrink=0.7, pad=0.01, aspect=20
    )
    of_all = f" of {in_all}" if len(keys) < in_all else ""
    bar.set_label(f"cosine similarity, {len(keys)}{of_all} held-out captures")
    return figure


def _mark_classes(axes: Axes, values: list[str], *, with_names: bool) -> None:
    """Thin lines between classes, and names at the middle of those with room for one.

    Classes of hardly two captures would be all lines: those of one first word, the genus, stand together.
    """
    hide_frame(axes)
    for marked in (values, [value.split()[0] for value in values], values[:1] * len(values)):
        if len(set(marked)) <= max(len(marked) * _MOST_CLASSES, 1):
            break
    values = marked
    edges = [0, *(i for i in range(1, len(values)) if values[i] != values[i - 1]), len(values)]
    for edge in edges[1:-1]:
        axes.axhline(edge - 0.5, color="white", linewidth=0.5)
        axes.axvline(edge - 0.5, color="white", linewidth=0.5)
    if with_names and values[0] != values[-1]:
        wide = [
            (low + high - 1) / 2 for low, high in itertools.pairwise(edges) if high - low > len(values) / 24
        ]
        axes.set_yticks(wide, [values[round(middle)] for middle in wide], fontstyle="italic")
        axes.tick_params(length=0)
