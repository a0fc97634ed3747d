"""The pipeline `train`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.train import nodes
from xmodal_pipeline.pipelines.variants import per_variant


def create_pipeline() -> Pipeline:
    """Array stores to one checkpoint, history and list of diagnostics per variant."""
    train = Node(
        nodes.train_variant,
        [
            "captures",
            "specimen_index",
            "partitions",
            "rgb_images",
            "uv_images",
            "masks",
            "channel_statistics",
            "params:training",
            "params:loss",
            "params:augmentation",
            "params:variant",
            "training_state",
        ],
        ["checkpoint", "history", "diagnostics"],
        name="train_variant",
        tags="train",
    )
    return per_variant([train], own=["training_state"])
