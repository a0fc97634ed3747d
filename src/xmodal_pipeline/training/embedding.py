"""Features and projections of all captures, through a trained variant."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from xmodal_pipeline.augmentation import Batch, ViewMaker, warp_masks
from xmodal_pipeline.params.train import GeometryParams
from xmodal_pipeline.training.batches import consecutive
from xmodal_pipeline.training.checkpoint import Checkpoint
from xmodal_pipeline.training.module import RGB_VIEW_SEED, UV_VIEW_SEED
from xmodal_pipeline.training.stores import TrainingStores

Collected = defaultdict[str, list[NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class EmbeddingTables:
    """`capture_id`, `specimen_id`, `partition`, `modality`, `x1` … `xD`, one table per kind of vector."""

    embeddings: pd.DataFrame
    """Features: what is exported and probed."""
    projections: pd.DataFrame
    """Projections of the plain captures: where the modalities share a space."""
    opposite_views: pd.DataFrame
    """Projections where RGB and UV are warped independently, so that no outline tells the pairs."""


def embed(checkpoint: Checkpoint, stores: TrainingStores, *, batch_size: int = 128) -> EmbeddingTables:
    """Run all captures through a variant, on the GPU where there is one.

    Args:
        checkpoint: the trained variant, with its band layout, image size and channel statistics.
        stores: the captures, of the same layout and size.
        batch_size: captures per pass; changes speed and memory only.

    Raises:
        ValueError: if bands or image size of the captures are not those of the checkpoint.
    """
    config = checkpoint.config
    _check_shapes(checkpoint, stores)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = checkpoint.model().to(device)
    views = ViewMaker(config.augmentation, config.photometry, config.channel_statistics(), config.image_size)
    features, projections, opposite = Collected(list), Collected(list), Collected(list)
    with (
        torch.inference_mode(),
        tqdm(total=len(stores), desc=f"embed {config.name}", unit="capture", disable=None) as bar,
    ):
        for rows in consecutive(np.arange(len(stores)), batch_size):
            batch = Batch(*(field.to(device) for field in stores.batch(rows))).as_float()
            plain = views.evaluation_view(batch)
            output = model(plain.rgb, plain.uv)
            _collect(features, output.features)
            _collect(projections, output.projections)
            warped = views.warped_view(batch, RGB_VIEW_SEED).rgb, views.warped_view(batch, UV_VIEW_SEED).uv
            _collect(opposite, model(*warped).projections)
            bar.update(len(rows))
    return EmbeddingTables(*(_table(stores, vectors) for vectors in (features, projections, opposite)))


def silhouette_views(stores: TrainingStores, geometry: GeometryParams, *, side: int = 16) -> pd.DataFrame:
    """The outlines in the opposite views, as vectors: what retrieval could know without any pixel.

    Args:
        stores: the captures.
        geometry: the warps of the variant compared with.
        side: side of the reduced masks, in pixels.

    Returns:
        `capture_id`, `specimen_id`, `partition`, `modality`, `x1` … `x(side²)`.
    """
    vectors = Collected(list)
    for rows in consecutive(np.arange(len(stores)), 512):
        batch = stores.batch(rows)
        for channel, (name, seed) in enumerate((("rgb", RGB_VIEW_SEED), ("uv", UV_VIEW_SEED))):
            warped = warp_masks(batch.mask[:, channel : channel + 1], batch.rows, geometry, seed=seed)
            _collect(vectors, {name: functional.adaptive_avg_pool2d(warped, side).flatten(1)})
    return _table(stores, vectors)


def _check_shapes(checkpoint: Checkpoint, stores: TrainingStores) -> None:
    config = checkpoint.config
    for name, store, bands in (("rgb", stores.rgb, config.rgb_bands), ("uv", stores.uv, config.uv_bands)):
        expected = (len(bands), config.image_size, config.image_size)
        if store.shape[1:] != expected:
            raise ValueError(
                f"embed: {name} images must have bands, height and width {expected}, got {store.shape[1:]}; "
                "prepare them with the band layout and image size of the checkpoint"
            )


def _collect(into: Collected, vectors: dict[str, Tensor]) -> None:
    for modality, rows in vectors.items():
        into[modality].append(rows.float().cpu().numpy())


def _table(stores: TrainingStores, vectors: Collected) -> pd.DataFrame:
    parts = []
    for modality in (name for name in ("rgb", "uv", "joint") if name in vectors):
        values = np.concatenate(vectors[modality])
        about = pd.DataFrame(
            {
                "capture_id": stores.capture_ids,
                "specimen_id": stores.specimen_ids,
                "partition": stores.partitions,
                "modality": modality,
            }
        )
        columns = [f"x{i}" for i in range(1, values.shape[1] + 1)]
        parts.append(pd.concat([about, pd.DataFrame(values, columns=columns)], axis=1))
    return pd.concat(parts, ignore_index=True)
