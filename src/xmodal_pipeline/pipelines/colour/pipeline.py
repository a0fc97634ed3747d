"""The pipeline `colour`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.colour import nodes
from xmodal_pipeline.pipelines.evaluate.pipeline import uv_value_of_colour


def create_pipeline() -> Pipeline:
    """Colour table and labels to what UV adds, its figure, and a table to read: nothing is trained."""
    return Pipeline(
        [
            uv_value_of_colour(),  # the node of `evaluate`, with its output
            Node(
                nodes.summarise_uv_value,
                ["uv_value_colour", "confounding", "study"],
                "colour_summary",
                name="summarise_uv_value_of_colour",
            ),
            Node(
                nodes.draw_uv_value,
                ["uv_value_colour", "study"],
                "colour_figure",
                name="draw_uv_value_of_colour",
            ),
        ]
    )
