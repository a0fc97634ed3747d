"""The pipeline `ablation`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.params.train import TrainParams
from xmodal_pipeline.pipelines.ablation import nodes
from xmodal_pipeline.pipelines.tags import FIGURES, TABLES, TRAINING, Check


def create_pipeline() -> Pipeline:
    """Array stores to a table over the grid, the spread and the median between seeds, and a figure."""
    return Pipeline(
        [
            Node(
                nodes.plan_cells,
                {group: f"params:{group}" for group in ("ablation", "evaluation", *TrainParams.model_fields)}
                | {"study": "study", "prepared": "prepared"},
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
                tags=[TRAINING, Check.CELLS],
            ),
            Node(
                nodes.tabulate_cells,
                ["ablation_plan", "ablation_cells", "comparison", "uv_value", "params:evaluation"],
                ["ablation", "seed_spread", "uv_value_seeds"],
                name="tabulate_cells",
                tags=TABLES,
            ),
            Node(
                nodes.draw_ablation,
                ["ablation", "study"],
                "ablation_figures",
                name="draw_ablation",
                tags=FIGURES,
            ),
        ],
        namespace="ablation",
        prefix_datasets_with_namespace=False,
    )
