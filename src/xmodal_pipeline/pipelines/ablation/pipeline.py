"""The pipeline `ablation`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.ablation import nodes


def create_pipeline() -> Pipeline:
    """Array stores to a table over the grid, the spread between seeds, and a figure."""
    return Pipeline(
        [
            Node(
                nodes.plan_cells,
                ["parameters", "study", "prepared"],
                "ablation_plan",
                name="plan_cells",
            ),
            Node(
                nodes.train_cells,
                [
                    *("ablation_plan", "ablation_state", "finished_cells", "study", "specimen_index"),
                    *("prepared", "params:evaluation"),
                ],
                ["ablation_checkpoints", "ablation_cells"],
                name="train_cells",
            ),
            Node(
                nodes.tabulate_cells,
                ["ablation_plan", "ablation_cells", "comparison"],
                ["ablation", "seed_spread"],
                name="tabulate_cells",
            ),
            Node(nodes.draw_ablation, ["ablation", "study"], "ablation_figures", name="draw_ablation"),
        ]
    )
