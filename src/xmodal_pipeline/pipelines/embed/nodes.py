"""Nodes of `embed`. Torch is imported inside them, so that other stages start without it.

A checkpoint is therefore `Any` in their signatures: Kedro evaluates every annotation.
"""

from typing import Any

import pandas as pd

from xmodal_pipeline.params.train import AugmentationParams, TrainingParams
from xmodal_pipeline.specimens.stores import ArrayStore


def embed_variant(
    checkpoint: Any,
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    masks: ArrayStore,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Embeddings, projections, and projections across independent warps, of every capture."""
    from xmodal_pipeline.training import TrainingStores, embed

    stores = TrainingStores.from_tables(rgb_images, uv_images, masks, specimen_index, partitions)
    tables = embed(checkpoint, stores)
    return tables.embeddings, tables.projections, tables.opposite_views


def embed_unlearnt(
    checkpoint: Any,
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    masks: ArrayStore,
    training: TrainingParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Embeddings of every capture and its opposite views by encoders that learnt nothing here.

    A column `encoder` names them: drawn from the seed, and as pretrained where training starts from that.
    """
    from xmodal_pipeline.training import TrainingStores, embed

    stores = TrainingStores.from_tables(rgb_images, uv_images, masks, specimen_index, partitions)
    starts = {"untrained_encoder": False} | ({"pretrained_encoder": True} if training.pretrained else {})
    found = {
        name: embed(checkpoint.unlearnt(pretrained=pretrained), stores, features_of_views=True)
        for name, pretrained in starts.items()
    }
    embeddings = [tables.embeddings.assign(encoder=name) for name, tables in found.items()]
    views = [tables.opposite_views.assign(encoder=name) for name, tables in found.items()]
    return pd.concat(embeddings, ignore_index=True), pd.concat(views, ignore_index=True)


def warp_baselines(
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    masks: ArrayStore,
    augmentation: AugmentationParams,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Outlines, colours and pixels under the warps of `opposite_views`."""
    from xmodal_pipeline.training import TrainingStores, baseline_views

    stores = TrainingStores.from_tables(rgb_images, uv_images, masks, specimen_index, partitions)
    return baseline_views(stores, augmentation.geometry)
