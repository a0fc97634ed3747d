"""Every variant, those beyond the default too."""

from xmodal_pipeline.pipelines.all_variants.pipeline import create_pipeline

__all__ = ["create_pipeline"]
