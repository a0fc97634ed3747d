"""The pipeline `evaluate`."""

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.evaluate import nodes
from xmodal_pipeline.pipelines.tags import TABLES, Check, feature_set
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant, per_variant
from xmodal_pipeline.variants import BASELINES, DEFAULT_VARIANTS


@datasets_named_by_variant()
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
    measured = Pipeline(
        [
            per_variant([evaluate, means], own=own, suffixed=["metrics"], variants=variants),
            per_variant([uv_value], own=["embeddings"], suffixed=["uv_value"], variants=cross_modal),
            *_shared(variants, cross_modal),
        ],
        namespace="evaluate",
        prefix_datasets_with_namespace=False,
    )
    return measured + gather_models(variants) + make_baselines() + uv_value_of_colour()


def uv_value_of_colour() -> Pipeline:
    """What UV adds by colour alone; the pipeline `colour` runs it without the rest."""
    measure = Node(
        nodes.measure_uv_value_of_colour,
        ["colour_table", "specimen_index", "study", "params:evaluation"],
        "uv_value_colour",
        name="measure_uv_value_of_colour",
    )
    return Pipeline([measure], namespace="evaluate", prefix_datasets_with_namespace=False)


def make_baselines() -> Pipeline:
    """The baselines as tables; the pipeline `compare` runs it without the rest."""
    make = Node(
        nodes.make_baselines,
        [
            *("prepared", "specimen_index", "partitions", "silhouette_views"),
            *("colour_views", "pixel_views", "unlearnt_embeddings", "unlearnt_views", "receptor_table"),
        ],
        "baseline_tables",
        name="make_baselines",
    )
    return Pipeline([make], namespace="evaluate", prefix_datasets_with_namespace=False)


def gather_models(variants: Sequence[str]) -> Pipeline:
    """The tables of each variant as one object, `tables_<variant>`."""
    own = ["embeddings", "projections", "opposite_views"]
    gather = Node(nodes.gather_model, own, "tables", name="gather_model")
    gathered = per_variant([gather], own=own, suffixed=["tables"], variants=variants)
    return Pipeline(gathered, namespace="evaluate", prefix_datasets_with_namespace=False)


def _shared(variants: Sequence[str], cross_modal: Sequence[str]) -> list[Node]:
    features = ("colour", *cross_modal)
    return [
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
        Node(
            nodes.stack_uv_value,
            {"evaluation": "params:evaluation"} | {name: f"uv_value_{name}" for name in features},
            "uv_value",
            name="stack_uv_value",
            tags=[TABLES, Check.FEATURES, *(feature_set(name) for name in features)],
        ),
        Node(nodes.export_species, ["uv_value", "species_tips"], "species_table", name="export_species"),
    ]
