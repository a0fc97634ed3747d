"""The pipeline `train`."""

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.params.variants import DEFAULT_VARIANTS
from xmodal_pipeline.pipelines.tags import FIGURES, OVERVIEW, TABLES, TRAINING, Check
from xmodal_pipeline.pipelines.train import nodes
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant, per_variant


@datasets_named_by_variant()
def create_pipeline(variants: Sequence[str] = DEFAULT_VARIANTS) -> Pipeline:
    """Prepared captures to one checkpoint, history and list of diagnostics per variant."""
    train = Node(
        nodes.train_variant,
        [
            *("prepared", "params:training", "params:loss", "params:augmentation", "params:variant"),
            "training_state",
        ],
        ["checkpoint", "history", "diagnostics"],
        name="train_variant",
        tags=[TRAINING, Check.TRAINING],
    )
    views = Node(
        nodes.draw_training_views,
        ["study", "prepared", "params:training", "params:augmentation"],
        "augmented_views",
        name="draw_training_views",
        tags=FIGURES,
    )
    own = Pipeline(
        [per_variant([train], own=["training_state"], variants=variants), views],
        namespace="train",
        prefix_datasets_with_namespace=False,
    )
    return own + stack_results(variants)


@datasets_named_by_variant()
def stack_results(variants: Sequence[str]) -> Pipeline:
    """One table of histories and one of diagnostics. `report` stacks anew: a variant may train alone."""
    return Pipeline(
        [
            Node(
                nodes.stack_histories,
                {name: f"{name}.history" for name in variants},
                "histories",
                name="stack_histories",
                tags=[TABLES, OVERVIEW],
            ),
            Node(
                nodes.stack_diagnostics,
                {"leaks": "leaks"} | {name: f"{name}.diagnostics" for name in variants},
                "diagnostics",
                name="stack_diagnostics",
                tags=TABLES,
            ),
        ],
        namespace="train",
        prefix_datasets_with_namespace=False,
    )
