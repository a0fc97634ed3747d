"""The pipeline `apply`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines import ingest
from xmodal_pipeline.pipelines.apply import nodes
from xmodal_pipeline.pipelines.tags import Check


def create_pipeline() -> Pipeline:
    """Ingest a study, and run its captures through a checkpoint of another."""
    return ingest.create_pipeline() + Pipeline(
        [
            Node(
                nodes.take_checkpoint,
                ["params:apply", "captures"],
                "applied_checkpoint",
                name="take_checkpoint",
                tags=Check.CHECKPOINT,
            ),
            Node(
                nodes.prepare_for_checkpoint,
                [
                    "applied_checkpoint",
                    "captures",
                    "specimen_index",
                    "registration_qa",
                    "calibration",
                    "ingest_summary",
                    "params:split",
                    "params:quality",
                ],
                ["applied_rgb_images", "applied_uv_images", "applied_masks"],
                name="prepare_for_checkpoint",
            ),
            Node(
                nodes.embed_captures,
                [
                    "applied_checkpoint",
                    "specimen_index",
                    "applied_rgb_images",
                    "applied_uv_images",
                    "applied_masks",
                ],
                ["applied_embeddings", "applied_projections"],
                name="embed_captures",
            ),
        ],
        namespace="apply",
        prefix_datasets_with_namespace=False,
    )
