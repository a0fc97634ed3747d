"""Accepted captures as canonical TIFF files; run on request."""

from xmodal_pipeline.pipelines.canonical.pipeline import create_pipeline

__all__ = ["create_pipeline"]
