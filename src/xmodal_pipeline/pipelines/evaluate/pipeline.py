"""The pipeline `evaluate`."""

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.params.variants import BASELINES, DEFAULT_VARIANTS
from xmodal_pipeline.pipelines.evaluate import nodes
from xmodal_pipeline.pipelines.exporting import export_tables
from xmodal_pipeline.pipelines.tags import OVERVIEW, TABLES, Check, feature_set
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant, per_variant

_BASELINE_INPUTS = (
    *("prepared", "specimen_index", "study", "receptor_table"),
    *("unlearnt_embeddings", "unlearnt_views"),
)
_VIEWS = {"silhouette": "silhouette", "band_means": "colour", "pca_cca": "pixel"}
"""Baselines that have opposite views, and what these are called in the catalog."""


@datasets_named_by_variant()
def create_pipeline(variants: Sequence[str] = DEFAULT_VARIANTS) -> Pipeline:
    """Embeddings and labels to metrics per variant, the comparison, and what UV adds."""
    evaluate = Node(
        nodes.evaluate_variant,
        ["embeddings", "projections", "opposite_views", "specimen_index", "study", "params:evaluation"],
        ["metrics", "numbers", "contributions"],
        name="evaluate_variant",
    )
    means = Node(
        nodes.export_species_means,
        ["embeddings", "specimen_index", "species_tips"],
        "species_means",
        name="export_species_means",
        tags=TABLES,
    )
    where = Node(
        nodes.map_uv_claims,
        ["checkpoint", "prepared", "embeddings", "specimen_index", "uv_value"],
        "uv_maps",
        name="map_uv_claims",
    )
    own = ["embeddings", "projections", "opposite_views"]
    cross_modal = [name for name in variants if name not in BASELINES]
    return Pipeline(
        [
            per_variant(
                [evaluate, means],
                own=own,
                suffixed=["metrics", "numbers", "contributions"],
                variants=variants,
            ),
            per_variant([where], own=["checkpoint", "embeddings"], variants=cross_modal, is_in_overview=True),
            *_shared(variants, cross_modal),
        ],
        namespace="evaluate",
        prefix_datasets_with_namespace=False,
    )


def _shared(variants: Sequence[str], cross_modal: Sequence[str]) -> list[Node]:
    features = ("colour", *cross_modal)
    return [
        Node(
            nodes.evaluate_baselines,
            {name: name for name in _BASELINE_INPUTS}
            | {"evaluation": "params:evaluation"}
            | {name: f"{kind}_views" for name, kind in _VIEWS.items()},
            ["metrics_baselines", "numbers_baselines", "contributions_baselines"],
            name="evaluate_baselines",
        ),
        Node(
            nodes.compare_variants,
            {name: f"numbers_{name}" for name in (*variants, "baselines")},
            "comparison",
            name="compare_variants",
            tags=[TABLES, OVERVIEW],
        ),
        Node(
            nodes.compare_with_baselines,
            {"specimen_index": "specimen_index", "evaluation": "params:evaluation"}
            | {name: f"contributions_{name}" for name in (*variants, "baselines")},
            "differences",
            name="compare_with_baselines",
            tags=TABLES,
        ),
        Node(
            nodes.measure_uv_value,
            {name: name for name in ("colour_table", "specimen_index", "study")}
            | {"evaluation": "params:evaluation"}
            | {name: f"{name}.embeddings" for name in cross_modal},
            "uv_value",
            name="measure_uv_value",
            tags=[TABLES, Check.FEATURES, *(feature_set(name) for name in features)],
        ),
        Node(
            nodes.export_species,
            ["uv_value", "species_tips"],
            "species_table",
            name="export_species",
            tags=TABLES,
        ),
        Node(
            export_tables,
            ["comparison", "uv_value"],
            ["comparison_csv", "uv_value_csv"],
            name="export_tables",
            tags=TABLES,
        ),
    ]
