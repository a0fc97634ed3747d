"""Embeddings of every capture, per variant."""

from xmodal_pipeline.pipelines.embed.pipeline import create_pipeline

__all__ = ["create_pipeline"]
