"""The pipeline `compare`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.compare import nodes
from xmodal_pipeline.pipelines.evaluate.pipeline import gather_models, make_baselines
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant
from xmodal_pipeline.variants import DEFAULT_VARIANTS


@datasets_named_by_variant()
def create_pipeline() -> Pipeline:
    """Tables of all models to paired differences and their figure."""
    compare = Pipeline(
        [
            Node(
                nodes.read_runs,
                ["params:compare", "specimen_index", "partitions", "prepared"],
                "other_runs",
                name="read_runs",
            ),
            Node(
                nodes.compare_models,
                {
                    "other_runs": "other_runs",
                    "baseline_tables": "baseline_tables",
                    "specimen_index": "specimen_index",
                    "evaluation": "params:evaluation",
                }
                | {name: f"tables_{name}" for name in DEFAULT_VARIANTS},
                "compared",
                name="compare_models",
            ),
            Node(nodes.draw_compared, ["compared", "study"], "compared_figures", name="draw_compared"),
        ],
        namespace="compare",
        prefix_datasets_with_namespace=False,
    )
    return make_baselines() + gather_models(DEFAULT_VARIANTS) + compare
