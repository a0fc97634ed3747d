"""The pipeline `split`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.split import nodes


def create_pipeline() -> Pipeline:
    """Index and files to partitions, array stores and channel statistics."""
    return Pipeline(
        [
            Node(
                nodes.assign_partitions,
                ["specimen_index", "ingest_summary", "params:split"],
                "partitions",
                name="assign_partitions",
            ),
            Node(
                nodes.prepare_stores,
                [
                    "captures",
                    "specimen_index",
                    "registration_qa",
                    "calibration",
                    "ingest_summary",
                    "params:split",
                    "params:quality",
                ],
                ["rgb_images", "uv_images", "masks"],
                name="prepare_stores",
            ),
            Node(
                nodes.find_leaks,
                ["rgb_images", "uv_images", "specimen_index", "partitions"],
                "leaks",
                name="find_leaks",
            ),
            Node(
                nodes.measure_channels,
                ["rgb_images", "uv_images", "masks", "specimen_index", "partitions"],
                "channel_statistics",
                name="measure_channels",
            ),
        ],
        namespace="split",
        prefix_datasets_with_namespace=False,
    )
