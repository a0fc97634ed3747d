"""Figures, and the report with its appendix: two self-contained HTML files."""

from xmodal_pipeline.pipelines.report.pipeline import create_pipeline

__all__ = ["create_pipeline"]
