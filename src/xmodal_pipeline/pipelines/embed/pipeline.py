"""The pipeline `embed`."""

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.params.variants import DEFAULT_VARIANTS
from xmodal_pipeline.pipelines.embed import nodes
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant, per_variant


@datasets_named_by_variant()
def create_pipeline(variants: Sequence[str] = DEFAULT_VARIANTS) -> Pipeline:
    """Checkpoints to embeddings and projections of every capture; baselines under the same warps."""
    embed = Node(
        nodes.embed_variant,
        ["checkpoint", "prepared"],
        ["embeddings", "projections", "opposite_views"],
        name="embed_variant",
    )
    baselines = Node(
        nodes.warp_baselines,
        ["prepared", "params:augmentation"],
        ["silhouette_views", "colour_views", "pixel_views"],
        name="warp_baselines",
    )
    # Two encoders and nothing between them: what the pixels give before anything is learnt.
    unlearnt = Node(
        nodes.embed_unlearnt,
        ["separate.checkpoint", "prepared", "params:training.weights"],
        ["unlearnt_embeddings", "unlearnt_views"],
        name="embed_unlearnt",
    )
    return Pipeline(
        [
            per_variant([embed], own=["checkpoint"], variants=variants, is_in_overview=True),
            unlearnt,
            baselines,
        ],
        namespace="embed",
        prefix_datasets_with_namespace=False,
    )
