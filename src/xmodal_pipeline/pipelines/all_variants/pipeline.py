"""The pipeline `all_variants`."""

from kedro.pipeline import Pipeline

from xmodal_pipeline.pipelines import embed, evaluate, train
from xmodal_pipeline.variants import VARIANTS


def create_pipeline() -> Pipeline:
    """`train`, `embed` and `evaluate` of the six combinations and both baselines, side by side."""
    return sum((stage.create_pipeline(VARIANTS) for stage in (train, embed, evaluate)), Pipeline([]))
