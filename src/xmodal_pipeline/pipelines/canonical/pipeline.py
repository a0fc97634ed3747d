"""The pipeline `canonical`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.canonical import nodes


def create_pipeline() -> Pipeline:
    """Index and files to one registered TIFF per accepted capture. Not a stage of the default run."""
    return Pipeline(
        [
            Node(
                nodes.write_canonical_captures,
                ["study", "specimen_index", "registration_qa", "ingest_summary"],
                "canonical_captures",
                name="write_canonical_captures",
            )
        ],
        namespace="canonical",
        prefix_datasets_with_namespace=False,
    )
