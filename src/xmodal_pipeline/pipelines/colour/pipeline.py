"""The pipeline `colour`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.colour import nodes
from xmodal_pipeline.pipelines.evaluate.nodes import measure_uv_value_of_colour
from xmodal_pipeline.pipelines.tags import FIGURES, TABLES


def create_pipeline() -> Pipeline:
    """Colour table and labels to what UV adds, its figure, and a table to read: nothing is trained."""
    return Pipeline(
        [
            Node(
                measure_uv_value_of_colour,
                ["colour_table", "specimen_index", "study", "params:evaluation"],
                "uv_value_colour",
                name="measure_uv_value_of_colour",
            ),
            Node(
                nodes.summarise_uv_value,
                ["uv_value_colour", "confounding", "study"],
                "colour_summary",
                name="summarise_uv_value_of_colour",
                tags=TABLES,
            ),
            Node(
                nodes.draw_uv_value,
                ["uv_value_colour", "study"],
                "colour_figure",
                name="draw_uv_value_of_colour",
                tags=FIGURES,
            ),
        ],
        namespace="colour",
        prefix_datasets_with_namespace=False,
    )
