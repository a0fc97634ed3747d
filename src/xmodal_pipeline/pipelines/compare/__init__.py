"""Paired differences between the variants of a study, and models of other runs."""

from xmodal_pipeline.pipelines.compare.pipeline import create_pipeline

__all__ = ["create_pipeline"]
