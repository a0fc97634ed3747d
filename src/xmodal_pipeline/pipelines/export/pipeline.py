"""The pipeline `export`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.export import nodes
from xmodal_pipeline.pipelines.tags import TABLES
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant, per_variant


@datasets_named_by_variant()
def create_pipeline() -> Pipeline:
    """Embeddings to one CSV per variant. Not a stage of the default run: of many captures it is gigabytes."""
    export = Node(
        nodes.export_embeddings,
        ["embeddings", "specimen_index", "params:reporting"],
        "embeddings_csv",
        name="export_embeddings",
        tags=TABLES,
    )
    return Pipeline(
        [per_variant([export], own=["embeddings"])],
        namespace="export",
        prefix_datasets_with_namespace=False,
    )
