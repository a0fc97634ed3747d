"""The pipeline `compare`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.params.variants import DEFAULT_VARIANTS
from xmodal_pipeline.pipelines.compare import nodes
from xmodal_pipeline.pipelines.tags import FIGURES, TABLES


def create_pipeline() -> Pipeline:
    """What specimens contribute to all models' numbers, to paired differences and their figure."""
    return Pipeline(
        [
            Node(
                nodes.measure_runs,
                [
                    *("params:compare", "specimen_index", "partitions", "prepared", "params:evaluation"),
                ],
                "other_contributions",
                name="measure_runs",
                tags=TABLES,
            ),
            Node(
                nodes.compare_models,
                {
                    "other_contributions": "other_contributions",
                    "specimen_index": "specimen_index",
                    "evaluation": "params:evaluation",
                }
                | {name: f"contributions_{name}" for name in (*DEFAULT_VARIANTS, "baselines")},
                "compared",
                name="compare_models",
                tags=TABLES,
            ),
            Node(
                nodes.draw_compared,
                ["compared", "study"],
                "compared_figures",
                name="draw_compared",
                tags=FIGURES,
            ),
        ],
        namespace="compare",
        prefix_datasets_with_namespace=False,
    )
