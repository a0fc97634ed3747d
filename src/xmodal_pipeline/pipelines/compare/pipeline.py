"""The pipeline `compare`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.compare import nodes
from xmodal_pipeline.pipelines.variants import per_variant
from xmodal_pipeline.variants import DEFAULT_VARIANTS


def create_pipeline() -> Pipeline:
    """Tables of all models to paired differences and their figure."""
    own = ["embeddings", "projections", "opposite_views"]
    gather = Node(nodes.gather_tables, own, "tables", name="gather_tables")
    compare = Pipeline(
        [
            Node(
                nodes.read_runs,
                ["params:compare", "specimen_index", "partitions", "rgb_images", "uv_images", "masks"],
                "other_runs",
                name="read_runs",
            ),
            Node(
                nodes.compare_models,
                {
                    "other_runs": "other_runs",
                    "specimen_index": "specimen_index",
                    "evaluation": "params:evaluation",
                }
                | {name: f"tables_{name}" for name in DEFAULT_VARIANTS},
                "compared",
                name="compare_models",
            ),
            Node(nodes.draw_compared, ["compared", "captures"], "compared_figures", name="draw_compared"),
        ]
    )
    return per_variant([gather], own=own, suffixed=["tables"]) + compare
