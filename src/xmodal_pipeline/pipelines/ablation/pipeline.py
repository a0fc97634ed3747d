"""The pipeline `ablation`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.ablation import nodes

_STORES = ["captures", "specimen_index", "partitions", "rgb_images", "uv_images", "masks"]


def create_pipeline() -> Pipeline:
    """Array stores to a table over the grid, the spread between seeds, and a figure."""
    return Pipeline(
        [
            Node(
                nodes.plan_cells,
                ["parameters", *_STORES, "channel_statistics"],
                "ablation_plan",
                name="plan_cells",
            ),
            Node(
                nodes.train_cells,
                ["ablation_plan", "ablation_state", "finished_cells", *_STORES, "params:evaluation"],
                ["ablation_checkpoints", "ablation_cells"],
                name="train_cells",
            ),
            Node(
                nodes.tabulate_cells,
                ["ablation_plan", "ablation_cells", "comparison"],
                ["ablation", "seed_spread"],
                name="tabulate_cells",
            ),
            Node(nodes.draw_ablation, ["ablation", "captures"], "ablation_figures", name="draw_ablation"),
        ]
    )
