"""The pipeline `evaluate`."""

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.evaluate import nodes
from xmodal_pipeline.pipelines.variants import per_variant
from xmodal_pipeline.variants import BASELINES, DEFAULT_VARIANTS


def create_pipeline(variants: Sequence[str] = DEFAULT_VARIANTS) -> Pipeline:
    """Embeddings and labels to metrics per variant, the comparison, and what UV adds."""
    evaluate = Node(
        nodes.evaluate_variant,
        ["embeddings", "projections", "opposite_views", "specimen_index", "study", "params:evaluation"],
        "metrics",
        name="evaluate_variant",
    )
    uv_value = Node(
        nodes.measure_uv_value,
        ["embeddings", "specimen_index", "study", "params:evaluation"],
        "uv_value",
        name="measure_uv_value",
    )
    means = Node(
        nodes.export_species_means,
        ["embeddings", "specimen_index", "species_tips"],
        "species_means",
        name="export_species_means",
    )
    own = ["embeddings", "projections", "opposite_views"]
    cross_modal = [name for name in variants if name not in BASELINES]
    return (
        per_variant([evaluate, means], own=own, suffixed=["metrics"], variants=variants)
        + per_variant([uv_value], own=["embeddings"], suffixed=["uv_value"], variants=cross_modal)
        + gather_models(variants)
        + _shared(variants, cross_modal)
    )


def uv_value_of_colour() -> Node:
    """What UV adds by colour alone; the pipeline `colour` runs it without the rest."""
    return Node(
        nodes.measure_uv_value_of_colour,
        ["colour_table", "specimen_index", "study", "params:evaluation"],
        "uv_value_colour",
        name="measure_uv_value_of_colour",
    )


def make_baselines() -> Node:
    """The baselines as tables; the pipeline `compare` runs it without the rest."""
    return Node(
        nodes.make_baselines,
        [
            *("prepared", "specimen_index", "partitions", "silhouette_views"),
            *("colour_views", "pixel_views", "unlearnt_embeddings", "unlearnt_views", "receptor_table"),
        ],
        "baseline_tables",
        name="make_baselines",
    )


def gather_models(variants: Sequence[str]) -> Pipeline:
    """The tables of each variant as one object, `tables_<variant>`."""
    own = ["embeddings", "projections", "opposite_views"]
    gather = Node(nodes.gather_model, own, "tables", name="gather_model")
    return per_variant([gather], own=own, suffixed=["tables"], variants=variants)


def _shared(variants: Sequence[str], cross_modal: Sequence[str]) -> Pipeline:
    return Pipeline(
        [
            make_baselines(),
            Node(
                nodes.evaluate_baselines,
                ["baseline_tables", "specimen_index", "study", "params:evaluation"],
                "metrics_baselines",
                name="evaluate_baselines",
            ),
            Node(
                nodes.compare_with_baselines,
                {
                    "baseline_tables": "baseline_tables",
                    "specimen_index": "specimen_index",
                    "evaluation": "params:evaluation",
                }
                | {name: f"tables_{name}" for name in variants},
                "differences",
                name="compare_with_baselines",
            ),
            Node(
                nodes.compare_variants,
                {name: f"metrics_{name}" for name in (*variants, "baselines")},
                "comparison",
                name="compare_variants",
            ),
            uv_value_of_colour(),
            Node(
                nodes.stack_uv_value,
                {"evaluation": "params:evaluation"}
                | {name: f"uv_value_{name}" for name in ("colour", *cross_modal)},
                "uv_value",
                name="stack_uv_value",
            ),
            Node(nodes.export_species, ["uv_value", "species_tips"], "species_table", name="export_species"),
        ]
    )
