"""Nodes of `report`."""

from typing import Any, NamedTuple

import pandas as pd

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.root import validate_parameters
from xmodal_pipeline.reporting.content import ReportFigure, ReportTables
from xmodal_pipeline.reporting.explorer import make_explorer
from xmodal_pipeline.reporting.figures import draw_model_figures, map_captures
from xmodal_pipeline.reporting.html import ReportContent, build_report
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.specimens.leaks import ADVICE, LEAKAGE, describe_leaks
from xmodal_pipeline.specimens.prepared import Prepared


class VariantResults(NamedTuple):
    """What training and embedding left of one variant."""

    history: pd.DataFrame
    diagnostics: list[dict[str, Any]]
    embeddings: pd.DataFrame
    projections: pd.DataFrame


class Drawn(NamedTuple):
    """Every figure, and the coordinates that the explorer shows too."""

    figures: list[ReportFigure]
    coordinates: pd.DataFrame
    reason: str
    """Why there are no coordinates, where there are none."""


def gather_variant(
    history: pd.DataFrame,
    diagnostics: list[dict[str, Any]],
    embeddings: pd.DataFrame,
    projections: pd.DataFrame,
) -> VariantResults:
    """Put one variant's tables together."""
    return VariantResults(history, diagnostics, embeddings, projections)


def gather_tables(  # noqa: PLR0913 - one argument per table of the study
    parameters: dict[str, Any],
    study: Study,
    metrics_baselines: dict[str, Any],
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    uv_value: pd.DataFrame,
    known_seed_spread: pd.DataFrame,
    specimen_index: pd.DataFrame,
    rejected_captures: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    quality_report: pd.DataFrame,
    class_balance: pd.DataFrame,
    confounding: pd.DataFrame,
    species_tips: pd.DataFrame,
    modality_information: pd.DataFrame,
    partitions: pd.DataFrame,
    leaks: pd.DataFrame,
    **per_variant: Any,
) -> ReportTables:
    """Put the tables of all stages together; the specimens' settings are those that ingest used."""
    known = validate_parameters(parameters)
    results: dict[str, VariantResults] = _by_variant(per_variant, "results_")
    leaked = {"code": LEAKAGE, "variant": "all", "advice": ADVICE}
    found = [leaked | {"finding": describe_leaks(leaks)}] if len(leaks) else []
    found += [
        {"code": d["code"], "variant": name, "finding": d["message"], "advice": d["advice"]}
        for name, one in results.items()
        for d in one.diagnostics
    ]
    return ReportTables(
        parameters=known.model_copy(update={"specimens": study.settings}),
        specimen_index=specimen_index,
        rejected_captures=rejected_captures,
        registration_qa=registration_qa,
        calibration=calibration,
        quality_report=quality_report,
        class_balance=class_balance,
        confounding=confounding,
        species_tips=species_tips,
        modality_information=modality_information,
        partitions=partitions,
        histories={name: one.history for name, one in results.items()},
        embeddings={name: one.embeddings for name, one in results.items()},
        projections={name: one.projections for name, one in results.items()},
        metrics=_by_variant(per_variant, "metrics_"),
        baselines={name: found for name, found in metrics_baselines.items() if name != "protocol"},
        comparison=comparison,
        differences=differences,
        uv_value=uv_value,
        seed_spread=known_seed_spread,
        diagnostics=pd.DataFrame(found, columns=["code", "variant", "finding", "advice"]),
        seeds=(known.training.seed,),
    )


def _by_variant(inputs: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in inputs.items() if name.startswith(prefix)}


def draw_figures(
    report_tables: ReportTables,
    prepared: Prepared,
    contact_sheet: ReportFigure,
    registration: ReportFigure,
    bands: ReportFigure,
    class_balance: ReportFigure,
    augmented_views: ReportFigure,
) -> tuple[Drawn, dict[str, bytes]]:
    """Draw what earlier stages did not; all figures for print (PDF) and for slides (PNG)."""
    coordinates, reason = map_captures(report_tables)
    drawn = draw_model_figures(
        report_tables, coordinates, images=prepared, views=augmented_views, reason=reason
    )
    figures = [contact_sheet, registration, bands, class_balance, *drawn]
    files = {
        name: content
        for one in figures
        for name, content in one.files.items()
        if name.endswith((".png", ".pdf"))
    }
    return Drawn(figures, coordinates, reason), files


def write_report(report_tables: ReportTables, drawn: Drawn, prepared: Prepared) -> str:
    """The report as one HTML file."""
    explorer, reason = None, drawn.reason
    try:
        explorer = make_explorer(
            drawn.coordinates,
            report_tables.specimen_index,
            prepared,
            is_linear=report_tables.is_linear,
            names=report_tables.names,
        )
    except NothingToDrawError as error:
        reason = reason or str(error)
    return build_report(
        ReportContent(tables=report_tables, figures=drawn.figures, explorer=explorer, explorer_reason=reason)
    )
