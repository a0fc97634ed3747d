"""All figures of the report in reading order, with their captions; what cannot be drawn keeps its reason."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.specimen_tables import first_captures, known_views
from xmodal_pipeline.imaging.pictures import picture_views
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
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.printing import print_figure
from xmodal_pipeline.reporting.selection import choose_variant
from xmodal_pipeline.reporting.style import NothingToDrawError, draw_pages
from xmodal_pipeline.reporting.training_figures import draw_training_curves, draw_views
from xmodal_pipeline.reporting.umap import umap_spaces
from xmodal_pipeline.specimens.discovery import FILE_COLUMNS
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.specimens.thumbnails import Thumbnails

_MOST_OTHER_CLASSES: Final = 12
"""A label with more classes (a date, a drawer) is not one to balance, unless it is the study's own."""


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


class IngestFigures(NamedTuple):
    """Figures of what went in: they need no training."""

    contact_sheet: ReportFigure
    registration: ReportFigure
    bands: ReportFigure
    class_balance: ReportFigure


def draw_ingest_figures(tables: ReportTables, thumbnails: Thumbnails | None = None) -> IngestFigures:
    """Draw what ingest found.

    Args:
        tables: of the study; what ingest made.
        thumbnails: of `thumbnail_captures`; without them no sheet.
    """
    index, names, gate = tables.specimen_index, tables.names, tables.parameters.registration
    label = tables.label
    others = [
        name
        for name in index.columns
        if name not in FILE_COLUMNS and 1 < index[name].nunique() <= _MOST_OTHER_CLASSES
    ]
    return IngestFigures(
        print_figure(
            ("contact_sheet", "data", "Contact sheet"),
            f"Captures as {names.rgb}, {names.uv} and their overlay ({names.rgb} green, {names.uv} magenta; "
            "grey where they agree, coloured fringes where they do not lie on one another). "
            "Blue: outline of the mask. Brightness is stretched for display. "
            f"{_which_captures(index, thumbnails)}",
            lambda width_mm: _draw_sheet(thumbnails, tables, width_mm),
            is_photographic=True,
        ),
        print_figure(
            ("registration", "data", "Registration"),
            f"Shift: of {names.uv} relative to {names.rgb} per capture, as found, before correction. "
            "Gate (dashed): a capture passes above the margin and left of the residual shift. "
            "Both of its axes are stretched towards 0.",
            lambda width_mm: draw_registration(
                tables.registration_qa,
                min_margin=gate.min_margin,
                min_corrected_margin=gate.min_corrected_margin,
                max_residual_px=gate.max_residual_px,
                names=names,
                width_mm=width_mm,
            ),
        ),
        print_figure(
            ("bands", "data", "Bands"),
            "Pixel values of each band inside the masks, over all captures. A band that stands at 0, or "
            "apart from its neighbours, deserves a look; saturated pixels are named, with the last bar in "
            "vermillion; grey bars hold what lies below 0 or above 1.",
            lambda width_mm: draw_band_histograms(
                tables.band_histograms,
                captures=len(index),
                units=tables.colour_units,
                names=names,
                width_mm=width_mm,
            ),
        ),
        print_figure(
            ("class_balance", "data", "Specimens per class"),
            "Specimens per class of each label; a specimen with several captures counts once in a class.",
            lambda width_mm: draw_class_balance(index, label=label, others=others, width_mm=width_mm),
            is_narrow=True,
        ),
    )


def _which_captures(index: pd.DataFrame, thumbnails: Thumbnails | None) -> str:
    if thumbnails is None or len(thumbnails) == len(index):
        return "Flagged captures come first, with their codes."
    flagged = set(index.loc[index["flags"] != "", "capture_id"])
    shown = flagged & set(thumbnails.capture_ids)
    return (
        f"{len(thumbnails)} of {len(index)} captures: {len(shown)} of the {len(flagged)} flagged ones, with "
        "their codes, then others spread evenly over the study."
    )


def _draw_sheet(thumbnails: Thumbnails | None, tables: ReportTables, width_mm: float) -> list[Figure]:
    if thumbnails is None or not len(thumbnails):
        raise NothingToDrawError("no thumbnails were made")
    ids = list(thumbnails.capture_ids)
    flags = tables.specimen_index.set_index("capture_id")["flags"].reindex(ids).fillna("").tolist()
    pictures, in_all = thumbnails.pictures, len(tables.specimen_index)
    return draw_pages(
        lambda page: draw_contact_sheet(
            pictures,
            ids,
            flags,
            page=page,
            captures_in_all=in_all,
            names=tables.names,
            width_mm=width_mm,
        )
    )


def draw_augmented_views(
    capture_ids: Sequence[str],
    rgb: NDArray[np.float32],
    uv: NDArray[np.float32],
    masks: NDArray[np.bool_],
    *,
    settings: str,
    is_linear: bool,
    names: ModalityNames,
) -> ReportFigure:
    """Picture captures beside their augmented views.

    Args:
        capture_ids: one per capture.
        rgb: (captures, 1 + views, 3, side, side), unit scale; the first is the capture itself.
        uv: the same in UV.
        masks: (captures, 1 + views, 2, side, side): RGB's, then UV's.
        settings: a sentence on the parameters in force.
        is_linear: whether the bands are proportional to light.
        names: display names of the modalities.
    """
    pictures = [
        np.array([picture_views(*one, is_linear=is_linear) for one in zip(images, inside, strict=True)])
        for images, inside in ((rgb, masks[:, :, 0]), (uv.mean(axis=2, keepdims=True), masks[:, :, 1]))
    ]
    return print_figure(
        ("views", "training", "Augmented views"),
        "Training captures beside augmented views of them: one warp for both modalities, photometry of their "
        f"own. {settings} The background, which the models see as 0, is grey here.",
        lambda width_mm: draw_views(
            pictures[0], pictures[1], list(capture_ids), names=names, width_mm=width_mm
        ),
        is_photographic=True,
    )


def draw_model_figures(
    tables: ReportTables,
    coordinates: pd.DataFrame,
    *,
    images: Prepared | None = None,
    views: ReportFigure | None = None,
    reason: str = "",
) -> list[ReportFigure]:
    """Figures of training and evaluation.

    Args:
        tables: of the study.
        coordinates: of `map_captures`.
        images: the captures, for the gallery.
        views: of `draw_augmented_views`, made in training.
        reason: why `coordinates` are empty, if they are.

    Returns:
        Training curves, views, retrieval (plain, and across warps), gallery, classification, uv_value, UMAP,
        similarity.
    """
    names, params = tables.names, tables.parameters.reporting
    return [
        _training(tables),
        *([views] if views is not None else []),
        *_numbers(tables),
        *_maps(tables, coordinates, images, reason, names, params),
    ]


def _training(tables: ReportTables) -> ReportFigure:
    return print_figure(
        ("training", "training", "Training curves"),
        "One colour per variant. Balance: gradient norms at the two encoders, and the cosine between "
        "the gradients of the modalities (below 0 they pull in opposite directions). A spread near 0 is "
        "a collapse; the gap is the distance between the modalities' mean projections.",
        lambda width_mm: draw_training_curves(tables.histories, names=tables.names, width_mm=width_mm),
    )


def _numbers(tables: ReportTables) -> list[ReportFigure]:
    names = tables.names
    return [
        print_figure(
            ("retrieval", "retrieval", "Retrieval across the modalities"),
            "Share of held-out queries whose match is among the first k, with 95 % intervals; baselines in "
            "brackets and dashed, chance dotted. Retrieval measures identity of the photograph, not biology.",
            lambda width_mm: draw_retrieval(tables.comparison, names=names, width_mm=width_mm),
        ),
        print_figure(
            ("retrieval_warped", "retrieval", "Retrieval across independent warps"),
            f"The same where the {names.rgb} and the {names.uv} photograph are cropped, turned and mirrored "
            "each for itself: neither outline nor pose gives the match away. A baseline that fails here and "
            "not above has found its matches by them.",
            lambda width_mm: draw_retrieval(
                tables.comparison, task="retrieval_opposite_views", names=names, width_mm=width_mm
            ),
        ),
        print_figure(
            ("classification", "classification", "What each modality predicts"),
            "Balanced accuracy of linear probes, specimens never on both sides of a fold, with 95 % "
            "intervals and n; baselines in brackets, chance dotted.",
            lambda width_mm: draw_pages(
                lambda page: draw_classification(tables.comparison, page=page, names=names, width_mm=width_mm)
            ),
        ),
        print_figure(
            ("uv_value", "uv_value", f"What {names.uv} adds to {names.rgb}"),
            f"Class difference in {names.uv} beyond what {names.rgb} predicts, per species, with 95 % "
            "intervals; 0 means nothing linear is added. Verdicts are corrected for false discoveries.",
            lambda width_mm: draw_uv_value(tables.uv_value, names=names, width_mm=width_mm),
        ),
    ]


def _maps(
    tables: ReportTables,
    coordinates: pd.DataFrame,
    images: Prepared | None,
    reason: str,
    names: Any,
    params: Any,
) -> list[ReportFigure]:
    variant = choose_variant(tables)
    projections = tables.projections.get(variant or "", pd.DataFrame())
    view = ""
    if len(projections):
        projections = first_captures(projections, tables.specimen_index)
        view = known_views(tables.specimen_index)[projections["capture_id"].iloc[0]]
    which = f"Variant {names.label(variant)}. " if variant else ""
    where = f"{which}View {view}. " if view else which
    missing = reason or "no cross-modal variant was trained"
    return [
        print_figure(
            ("gallery", "retrieval", "Gallery"),
            f"{where}Queries in both directions, their true match (framed blue) and the five captures ranked "
            "first. Rows are drawn by lot among successes and failures, not chosen for their looks.",
            lambda width_mm: draw_gallery(
                _rows(projections, missing),
                _given(images, "no images were handed over"),
                size=params.gallery_size,
                seed=params.seed,
                is_linear=tables.is_linear,
                names=names,
                width_mm=width_mm,
            ),
            is_photographic=True,
        ),
        print_figure(
            ("umap", "umap", "UMAP"),
            f"{which}Each modality's features, and both modalities' projections in one fit. Training "
            "captures (pale) make the map; validation and test captures are placed on it without moving it, "
            "each for itself; placing pushes them towards the rims. Distances between clusters, "
            "their sizes and their shapes are not evidence; trustworthiness (1 is best) says how well near "
            "neighbours are kept, first among training captures, then of placed ones among those.",
            lambda width_mm: draw_umap(
                _rows(coordinates, missing),
                tables.specimen_index,
                label=tables.label,
                names=names,
                width_mm=width_mm,
            ),
        ),
        print_figure(
            ("similarity", "similarity", "Similarity"),
            f"{where}Cosine similarity of held-out projections, ordered and parted by species.",
            lambda width_mm: draw_similarity(
                _rows(projections, missing),
                tables.specimen_index,
                most=params.max_heatmap_rows,
                seed=params.seed,
                names=names,
                width_mm=width_mm,
            ),
        ),
    ]


def _rows(table: pd.DataFrame, reason: str) -> pd.DataFrame:
    if table.empty:
        raise NothingToDrawError(reason)
    return table


def _given(value: Any, reason: str) -> Any:
    if value is None:
        raise NothingToDrawError(reason)
    return value
