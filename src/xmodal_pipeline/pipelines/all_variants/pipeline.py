"""The pipeline `all_variants`."""

from kedro.pipeline import Pipeline

from xmodal_pipeline.params.variants import VARIANTS
from xmodal_pipeline.pipelines import embed, evaluate, train


def create_pipeline() -> Pipeline:
    """`train`, `embed` and `evaluate` of the six combinations and both baselines, side by side."""
    return sum((stage.create_pipeline(VARIANTS) for stage in (train, embed, evaluate)), Pipeline([]))
