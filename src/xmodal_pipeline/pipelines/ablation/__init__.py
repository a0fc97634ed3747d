"""A grid of overrides and seeds: one training per cell, one table, one figure."""

from xmodal_pipeline.pipelines.ablation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
