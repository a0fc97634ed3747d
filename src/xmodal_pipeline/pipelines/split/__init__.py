"""Partitions, array stores and channel statistics."""

from xmodal_pipeline.pipelines.split.pipeline import create_pipeline

__all__ = ["create_pipeline"]
