"""The pipeline `split`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.split import nodes
from xmodal_pipeline.pipelines.tags import OVERVIEW


def create_pipeline() -> Pipeline:
    """Index and files to partitions, and to captures prepared for training."""
    return Pipeline(
        [
            Node(
                nodes.assign_partitions,
                ["study", "specimen_index", "quality_report", "ingest_summary", "params:split"],
                "partitions",
                name="assign_partitions",
            ),
            Node(
                nodes.prepare,
                [
                    *("study", "specimen_index", "partitions", "registration_qa", "calibration"),
                    *("params:split", "params:quality"),
                ],
                "prepared",
                name="prepare_captures",
            ),
            Node(nodes.find_leaks, "prepared", "leaks", name="find_leaks", tags=OVERVIEW),
        ],
        namespace="split",
        prefix_datasets_with_namespace=False,
    )
