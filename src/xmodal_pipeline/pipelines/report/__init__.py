"""Figures and one self-contained HTML file."""

from xmodal_pipeline.pipelines.report.pipeline import create_pipeline

__all__ = ["create_pipeline"]
