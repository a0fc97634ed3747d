"""What UV adds by colour alone: a table and a figure without training."""

from xmodal_pipeline.pipelines.colour.pipeline import create_pipeline

__all__ = ["create_pipeline"]
