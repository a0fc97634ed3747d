"""All figures of the report in reading order, with their captions; what cannot be drawn keeps its reason."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xmodal_pipeline.reporting.content import ReportFigure, ReportTables
from xmodal_pipeline.reporting.embedding_figures import draw_similarity, draw_umap
from xmodal_pipeline.reporting.evaluation_figures import draw_classification, draw_retrieval, draw_uv_value
from xmodal_pipeline.reporting.gallery import draw_gallery
from xmodal_pipeline.reporting.ingest_figures import (
    draw_band_histograms,
    draw_class_balance,
    draw_contact_sheet,
    draw_registration,
)
from xmodal_pipeline.reporting.selection import choose_variant
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.training_figures import draw_training_curves, draw_views
from xmodal_pipeline.reporting.umap import umap_spaces
from xmodal_pipeline.specimens.stores import ArrayStore


def map_captures(tables: ReportTables) -> tuple[pd.DataFrame, str]:
    """UMAP coordinates of the chosen variant, or an empty table and the reason."""
    variant = choose_variant(tables)
    if variant is None:
        return pd.DataFrame(), "no cross-modal variant was trained"
    projections = tables.projections[variant]
    embeddings = tables.embeddings.get(variant, projections)
    try:
        return umap_spaces(embeddings, projections, tables.parameters.reporting), ""
    except NothingToDrawError as reason:
        return pd.DataFrame(), str(reason)


def draw_ingest_figures(tables: ReportTables, thumbnails: ArrayStore | None = None) -> list[ReportFigure]:
    """Figures of what went in: they need no training.

    Args:
        tables: of the study; what ingest made.
        thumbnails: (captures, 3, size, size, 3) of `make_thumbnail`; without them no sheet.

    Returns:
        Contact sheet (first page), registration, bands, class balance.
    """
    index, names, gate = tables.specimen_index, tables.names, tables.parameters.registration
    label = tables.label
    return [
        _figure(
            ("contact_sheet", "data", "Contact sheet"),
            f"Captures as {names.rgb}, {names.uv} and their overlay ({names.rgb} green, {names.uv} magenta; "
            "grey where they agree, coloured fringes where they do not lie on one another). "
            "Blue: outline of the mask. Flagged captures come first. Brightness is stretched for display.",
            lambda: _draw_sheet(thumbnails, tables),
            is_photographic=True,
        ),
        _figure(
            ("registration", "data", "Registration"),
            f"Left: shift of {names.uv} relative to {names.rgb} per capture, as found, before correction. "
            "Right: the gate (dashed): a capture passes above the margin and left of the residual shift.",
            lambda: draw_registration(
                tables.registration_qa,
                min_margin=gate.min_margin,
                max_residual_px=gate.max_residual_px,
                names=names,
            ),
        ),
        _figure(
            ("bands", "data", "Bands"),
            "Mean of each band inside the mask, over captures. A band that stands at 0, or apart from its "
            "neighbours, deserves a look.",
            lambda: draw_band_histograms(tables.quality_report, units=tables.colour_units, names=names),
        ),
        _figure(
            ("class_balance", "data", "Specimens per class"),
            f"Specimens per {label}; a specimen with several captures counts once.",
            lambda: draw_class_balance(index, label=label),
            is_narrow=True,
        ),
    ]


def _draw_sheet(thumbnails: ArrayStore | None, tables: ReportTables) -> Figure:
    if thumbnails is None:
        raise NothingToDrawError("no thumbnails were made")
    ids = list(thumbnails.capture_ids)
    flags = tables.specimen_index.set_index("capture_id")["flags"].reindex(ids).fillna("")
    return draw_contact_sheet(thumbnails[:], ids, flags.tolist(), names=tables.names)


def draw_model_figures(
    tables: ReportTables,
    coordinates: pd.DataFrame,
    *,
    images: tuple[ArrayStore, ArrayStore] | None = None,
    views: tuple[NDArray[np.uint8], NDArray[np.uint8], Sequence[str]] | None = None,
    reason: str = "",
) -> list[ReportFigure]:
    """Figures of training and evaluation.

    Args:
        tables: of the study.
        coordinates: of `map_captures`.
        images: the stores of RGB and UV images, for the gallery.
        views: pictures and captions for `draw_views`.
        reason: why `coordinates` are empty, if they are.

    Returns:
        Training curves, views, retrieval, gallery, classification, uv_value, UMAP, similarity.
    """
    names, params = tables.names, tables.parameters.reporting
    return [
        *_training(tables, views),
        *_numbers(tables),
        *_maps(tables, coordinates, images, reason, names, params),
    ]


def _training(tables: ReportTables, views: Any) -> list[ReportFigure]:
    names = tables.names
    return [
        _figure(
            ("training", "training", "Training curves"),
            "One colour per variant. Balance: gradient norms at the two encoders, and the cosine between "
            "the gradients of the modalities (below 0 they pull in opposite directions). A spread near 0 is "
            "a collapse; the gap is the distance between the modalities' mean projections.",
            lambda: draw_training_curves(tables.histories, names=names),
        ),
        _figure(
            ("views", "training", "Augmented views"),
            "Captures beside two augmented views: one warp for both modalities, photometry of their own.",
            lambda: draw_views(*_given(views, "no augmented views were handed over"), names=names),
            is_photographic=True,
        ),
    ]


def _numbers(tables: ReportTables) -> list[ReportFigure]:
    names = tables.names
    return [
        _figure(
            ("retrieval", "retrieval", "Retrieval across the modalities"),
            "Share of held-out queries whose match is among the first k, with 95 % intervals; baselines in "
            "brackets and dashed, chance dotted. Retrieval measures identity of the photograph, not biology.",
            lambda: draw_retrieval(tables.comparison, names=names),
        ),
        _figure(
            ("classification", "classification", "What each modality predicts"),
            "Balanced accuracy of linear probes, specimens never on both sides of a fold, with 95 % "
            "intervals and n; baselines in brackets, chance dotted.",
            lambda: draw_classification(tables.comparison, names=names),
        ),
        _figure(
            ("uv_value", "uv_value", f"What {names.uv} adds to {names.rgb}"),
            f"Class difference in {names.uv} beyond what {names.rgb} predicts, per species, with 95 % "
            "intervals; 0 means nothing linear is added. Verdicts are corrected for false discoveries.",
            lambda: draw_uv_value(tables.uv_value, names=names),
        ),
    ]


def _maps(
    tables: ReportTables,
    coordinates: pd.DataFrame,
    images: tuple[ArrayStore, ArrayStore] | None,
    reason: str,
    names: Any,
    params: Any,
) -> list[ReportFigure]:
    variant = choose_variant(tables)
    projections = tables.projections.get(variant or "", pd.DataFrame())
    which = f"Variant {names.label(variant)}. " if variant else ""
    missing = reason or "no cross-modal variant was trained"
    return [
        _figure(
            ("gallery", "retrieval", "Gallery"),
            f"{which}Queries, their true match (framed blue) and the five captures ranked first. Rows are "
            "drawn by lot among successes and failures, not chosen for their looks.",
            lambda: draw_gallery(
                _rows(projections, missing),
                *_given(images, "no images were handed over"),
                size=params.gallery_size,
                seed=params.seed,
                is_linear=tables.is_linear,
                names=names,
            ),
            is_photographic=True,
        ),
        _figure(
            ("umap", "umap", "UMAP"),
            f"{which}Each modality's features, and both modalities' projections in one fit. Distances "
            "between clusters, their sizes and their shapes are not evidence; trustworthiness (1 is best) "
            "says how well near neighbours are kept.",
            lambda: draw_umap(
                _rows(coordinates, missing), tables.specimen_index, label=tables.label, names=names
            ),
        ),
        _figure(
            ("similarity", "similarity", "Similarity"),
            f"{which}Cosine similarity of held-out projections, ordered and parted by {tables.label}.",
            lambda: draw_similarity(
                _rows(projections, missing),
                tables.specimen_index,
                label=tables.label,
                most=params.max_heatmap_rows,
                seed=params.seed,
                names=names,
            ),
        ),
    ]


def _figure(
    identity: tuple[str, str, str],
    caption: str,
    draw: Callable[[], Figure],
    *,
    is_photographic: bool = False,
    is_narrow: bool = False,
) -> ReportFigure:
    """Draw, or keep the reason why there is nothing to draw."""
    name, section, title = identity
    figure, reason = None, ""
    try:
        figure = draw()
    except NothingToDrawError as error:
        reason = str(error)
    return ReportFigure(name, section, title, caption, figure, reason, is_photographic, is_narrow)


def _rows(table: pd.DataFrame, reason: str) -> pd.DataFrame:
    if table.empty:
        raise NothingToDrawError(reason)
    return table


def _given(value: Any, reason: str) -> Any:
    if value is None:
        raise NothingToDrawError(reason)
    return value
