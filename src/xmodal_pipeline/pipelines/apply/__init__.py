"""New captures through an existing checkpoint."""

from xmodal_pipeline.pipelines.apply.pipeline import create_pipeline

__all__ = ["create_pipeline"]
