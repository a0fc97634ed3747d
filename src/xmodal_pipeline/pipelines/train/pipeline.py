"""The pipeline `train`."""

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.train import nodes
from xmodal_pipeline.pipelines.variants import per_variant
from xmodal_pipeline.variants import DEFAULT_VARIANTS


def create_pipeline(variants: Sequence[str] = DEFAULT_VARIANTS) -> Pipeline:
    """Prepared captures to one checkpoint, history and list of diagnostics per variant."""
    train = Node(
        nodes.train_variant,
        [
            *("prepared", "params:training", "params:loss", "params:augmentation", "params:variant"),
            "training_state",
        ],
        ["checkpoint", "history", "diagnostics"],
        name="train_variant",
        tags="train",
    )
    views = Node(
        nodes.draw_training_views,
        ["study", "prepared", "params:training", "params:augmentation"],
        "augmented_views",
        name="draw_training_views",
    )
    return per_variant([train], own=["training_state"], variants=variants) + Pipeline([views])
