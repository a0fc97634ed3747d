"""The pipeline `train`."""

import warnings
from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.params.variants import DEFAULT_VARIANTS
from xmodal_pipeline.pipelines.tags import FIGURES, OVERVIEW, TABLES, TRAINING, Check
from xmodal_pipeline.pipelines.train import nodes
from xmodal_pipeline.pipelines.train.diagrams import preview_model
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant, per_variant


@datasets_named_by_variant()
def create_pipeline(variants: Sequence[str] = DEFAULT_VARIANTS) -> Pipeline:
    """Prepared captures to one checkpoint, history and list of diagnostics per variant."""
    views = Node(
        nodes.draw_training_views,
        ["study", "prepared", "params:training", "params:augmentation"],
        "augmented_views",
        name="draw_training_views",
        tags=FIGURES,
    )
    trained = [
        per_variant([_train(variant)], own=["training_state"], variants=[variant]) for variant in variants
    ]
    own = Pipeline(
        [*trained, views],
        namespace="train",
        prefix_datasets_with_namespace=False,
    )
    return own + stack_results(variants)


def _train(variant: str) -> Node:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The 'preview_fn' feature is experimental")
        return Node(
            nodes.train_variant,
            [
                *("prepared", "params:training", "params:loss", "params:augmentation", "params:variant"),
                "training_state",
            ],
            ["checkpoint", "history", "diagnostics"],
            name="train_variant",
            tags=[TRAINING, Check.TRAINING],
            preview_fn=preview_model(variant),
        )


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
