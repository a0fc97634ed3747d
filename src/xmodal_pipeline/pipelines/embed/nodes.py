"""Nodes of `embed`. Torch is imported inside them, so that other stages start without it.

A checkpoint is therefore `Any` in their signatures: Kedro evaluates every annotation.
"""

from typing import Any

import pandas as pd

from xmodal_pipeline.params.train import AugmentationParams
from xmodal_pipeline.specimens.prepared import Prepared


def embed_variant(checkpoint: Any, prepared: Prepared) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Embeddings, projections, and projections across independent warps, of every capture."""
    from xmodal_pipeline.training import embed

    tables = embed(checkpoint, prepared)
    return tables.embeddings, tables.projections, tables.opposite_views


def embed_unlearnt(checkpoint: Any, prepared: Prepared) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Embeddings of every capture and its opposite views by encoders that learnt nothing here.

    A column `encoder` names them: drawn from the seed, and as pretrained where training started from that.
    """
    from xmodal_pipeline.training import embed

    is_pretrained = checkpoint.config.training.pretrained
    starts = {"untrained_encoder": False} | ({"pretrained_encoder": True} if is_pretrained else {})
    found = {
        name: embed(checkpoint.unlearnt(pretrained=pretrained), prepared, features_of_views=True)
        for name, pretrained in starts.items()
    }
    embeddings = [tables.embeddings.assign(encoder=name) for name, tables in found.items()]
    views = [tables.opposite_views.assign(encoder=name) for name, tables in found.items()]
    return pd.concat(embeddings, ignore_index=True), pd.concat(views, ignore_index=True)


def warp_baselines(
    prepared: Prepared, augmentation: AugmentationParams
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Outlines, colours and pixels under the warps of `opposite_views`."""
    from xmodal_pipeline.training import baseline_views

    return baseline_views(prepared, augmentation.geometry)
