"""Captures in; index, rejects, registration QA, quality, colour and their figures out."""

from xmodal_pipeline.pipelines.ingest.pipeline import create_pipeline

__all__ = ["create_pipeline"]
