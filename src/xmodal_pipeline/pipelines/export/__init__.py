"""Embeddings for other programs; run on request."""

from xmodal_pipeline.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
