"""Figures, explorer and the one-file report; the only place that knows matplotlib and plotly."""

from xmodal_pipeline.reporting.content import ReportFigure, ReportTables
from xmodal_pipeline.reporting.explorer import Explorer, make_explorer
from xmodal_pipeline.reporting.figures import draw_ingest_figures, draw_model_figures, map_captures
from xmodal_pipeline.reporting.html import ReportContent, build_explorer, build_report
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.style import NothingToDrawError, figure_bytes

__all__ = [
    "Explorer",
    "ModalityNames",
    "NothingToDrawError",
    "ReportContent",
    "ReportFigure",
    "ReportTables",
    "build_explorer",
    "build_report",
    "draw_ingest_figures",
    "draw_model_figures",
    "figure_bytes",
    "make_explorer",
    "map_captures",
]
