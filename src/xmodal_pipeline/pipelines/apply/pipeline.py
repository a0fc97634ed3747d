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
                ["params:apply", "study", "ingest_summary"],
                "applied_checkpoint",
                name="take_checkpoint",
                tags=Check.CHECKPOINT,
            ),
            Node(
                nodes.prepare_for_checkpoint,
                [
                    *("applied_checkpoint", "study", "specimen_index", "registration_qa", "calibration"),
                    *("params:split", "params:quality"),
                ],
                "applied_prepared",
                name="prepare_for_checkpoint",
            ),
            Node(
                nodes.embed_captures,
                ["applied_checkpoint", "applied_prepared"],
                ["applied_embeddings", "applied_projections"],
                name="embed_captures",
            ),
        ],
        namespace="apply",
        prefix_datasets_with_namespace=False,
    )
