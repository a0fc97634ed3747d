"""Nodes of `embed`. Torch is imported inside them, so that other stages start without it.

A checkpoint is therefore `Any` in their signatures: Kedro evaluates every annotation.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from xmodal_pipeline.params.train import AugmentationParams
from xmodal_pipeline.specimens.prepared import Prepared


def embed_variant(checkpoint: Any, prepared: Prepared) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Embeddings, projections, and projections across independent warps, of every capture."""
    from xmodal_pipeline.training import embed

    tables = embed(checkpoint, prepared)
    return tables.embeddings, tables.projections, tables.opposite_views


def embed_unlearnt(
    checkpoint: Any, prepared: Prepared, weights: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Embeddings of every capture and its opposite views by encoders that learnt nothing here.

    A column `encoder` names them: drawn from the seed, and as pretrained where training started from that.
    """
    from xmodal_pipeline.training import embed

    starts = {"untrained_encoder": checkpoint.unlearnt()}
    made = checkpoint.config.training
    if made.is_pretrained:
        # A checkpoint keeps the hash of the file of weights, not where it lies.
        file = Path(weights) if made.weights and weights else None
        starts["pretrained_encoder"] = checkpoint.unlearnt(pretrained=made.pretrained, weights=file)
    found = {name: embed(start, prepared, features_of_views=True) for name, start in starts.items()}
    embeddings = [tables.embeddings.assign(encoder=name) for name, tables in found.items()]
    views = [tables.opposite_views.assign(encoder=name) for name, tables in found.items()]
    return pd.concat(embeddings, ignore_index=True), pd.concat(views, ignore_index=True)


def warp_baselines(
    prepared: Prepared, augmentation: AugmentationParams
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Outlines, colours and pixels under the warps of `opposite_views`."""
    from xmodal_pipeline.training import baseline_views

    return baseline_views(prepared, augmentation.geometry)
