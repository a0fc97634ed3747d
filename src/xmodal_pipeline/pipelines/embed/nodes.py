"""Nodes of `embed`. Torch is imported inside them, so that other stages start without it.

A checkpoint is therefore `Any` in their signatures: Kedro evaluates every annotation.
"""

from typing import Any

import pandas as pd

from xmodal_pipeline.params.train import AugmentationParams
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
) -> pd.DataFrame:
    """Embeddings of every capture by the same encoders before any training here."""
    from xmodal_pipeline.training import TrainingStores, embed

    stores = TrainingStores.from_tables(rgb_images, uv_images, masks, specimen_index, partitions)
    return embed(checkpoint.unlearnt(), stores).embeddings


def warp_silhouettes(
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    masks: ArrayStore,
    augmentation: AugmentationParams,
) -> pd.DataFrame:
    """The outlines alone, under the warps of `opposite_views`."""
    from xmodal_pipeline.training import TrainingStores, silhouette_views

    stores = TrainingStores.from_tables(rgb_images, uv_images, masks, specimen_index, partitions)
    return silhouette_views(stores, augmentation.geometry)
