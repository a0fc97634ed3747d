"""The pipeline `embed`."""

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.embed import nodes
from xmodal_pipeline.pipelines.variants import per_variant
from xmodal_pipeline.variants import DEFAULT_VARIANTS


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
    unlearnt_tables = ["unlearnt_embeddings", "unlearnt_views"]
    unlearnt = Node(
        nodes.embed_unlearnt,
        ["checkpoint", "prepared", "params:training"],
        unlearnt_tables,
        name="embed_unlearnt",
    )
    return (
        per_variant([embed], own=["checkpoint"], variants=variants)
        # Two encoders and nothing between them: what the pixels give before anything is learnt.
        + per_variant([unlearnt], own=["checkpoint"], public=unlearnt_tables, variants=["separate"])
        + Pipeline([baselines])
    )
