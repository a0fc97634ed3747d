"""Features and projections of all captures, through a trained variant."""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from xmodal_pipeline.augmentation import Batch, ViewMaker, warp_batch
from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.params.train import COARSE_PX, GeometryParams
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training.batches import consecutive, read_batch
from xmodal_pipeline.training.checkpoint import Checkpoint
from xmodal_pipeline.training.module import RGB_VIEW_SEED, UV_VIEW_SEED

Collected = defaultdict[str, list[NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class EmbeddingTables:
    """`capture_id`, `specimen_id`, `partition`, `modality`, `x1` … `xD`, one table per kind of vector."""

    embeddings: pd.DataFrame
    """Features: what is exported and probed."""
    projections: pd.DataFrame
    """Projections of the plain captures: where the modalities share a space."""
    opposite_views: pd.DataFrame
    """Of captures whose RGB and UV are warped independently, so that no outline tells the pairs."""


def embed(
    checkpoint: Checkpoint, prepared: Prepared, *, batch_size: int = 128, features_of_views: bool = False
) -> EmbeddingTables:
    """Run all captures through a variant, on the GPU where there is one.

    Args:
        checkpoint: the trained variant, with its band layout, image size and channel statistics.
        prepared: the captures, of the same layout and size.
        batch_size: captures per pass; changes speed and memory only.
        features_of_views: `opposite_views` are features instead of projections: of a model whose heads have
            not learnt.

    Raises:
        RunStoppedError: if bands or image size of the captures are not those of the checkpoint.
    """
    config = checkpoint.config
    _check_shapes(checkpoint, prepared)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = checkpoint.model().to(device)
    views = ViewMaker(config.augmentation, config.photometry, config.channel_statistics(), config.image_size)
    features, projections, opposite = Collected(list), Collected(list), Collected(list)
    with (
        torch.inference_mode(),
        tqdm(total=len(prepared), desc=f"embed {config.name}", unit="capture", disable=None) as bar,
    ):
        for rows in consecutive(np.arange(len(prepared)), batch_size):
            batch = Batch(*(field.to(device) for field in read_batch(prepared, rows))).as_float()
            plain = views.evaluation_view(batch)
            output = model(plain.rgb, plain.uv)
            _collect(features, output.features)
            _collect(projections, output.projections)
            warped = views.warped_view(batch, RGB_VIEW_SEED).rgb, views.warped_view(batch, UV_VIEW_SEED).uv
            of_views = model(*warped)
            _collect(opposite, of_views.features if features_of_views else of_views.projections)
            bar.update(len(rows))
    return EmbeddingTables(*(_table(prepared, vectors) for vectors in (features, projections, opposite)))


class BaselineViews(NamedTuple):
    """The opposite views without any encoder, each a table like `EmbeddingTables.opposite_views`."""

    silhouettes: pd.DataFrame
    """Masks alone, averaged to `side` × `side`: what retrieval could know without any pixel."""
    colours: pd.DataFrame
    """Mean and SD of every band over the foreground."""
    pixels: pd.DataFrame
    """Bands, standardised and 0 off the specimen, averaged to `side` × `side`."""


def baseline_views(prepared: Prepared, geometry: GeometryParams, *, side: int = COARSE_PX) -> BaselineViews:
    """Outlines, colours and pixels of the opposite views, as vectors.

    Args:
        prepared: the captures.
        geometry: the warps of the variants compared with.
        side: side of the reduced masks and bands, in pixels.
    """
    silhouettes, colours, pixels = Collected(list), Collected(list), Collected(list)
    for rows in consecutive(np.arange(len(prepared)), 512):
        batch = read_batch(prepared, rows).as_float()
        for channel, (name, seed) in enumerate((("rgb", RGB_VIEW_SEED), ("uv", UV_VIEW_SEED))):
            warped = warp_batch(batch, geometry, seed=seed)
            image, mask = (warped.rgb, warped.uv)[channel], warped.mask[:, channel : channel + 1]
            _collect(silhouettes, {name: functional.adaptive_avg_pool2d(mask, side).flatten(1)})
            _collect(colours, {name: _colour_statistics(image, mask)})
            mean, sd = (torch.tensor(prepared.statistics[name][m])[:, None, None] for m in ("mean", "sd"))
            _collect(
                pixels,
                {name: functional.adaptive_avg_pool2d((image - mean) / sd * mask, side).flatten(1)},
            )
    return BaselineViews(*(_table(prepared, vectors) for vectors in (silhouettes, colours, pixels)))


def _colour_statistics(image: Tensor, mask: Tensor) -> Tensor:
    """(captures, 2 · bands): means, then SDs over the mask; 0 where a warp left nothing of it."""
    area = mask.sum((2, 3)).clamp(min=1)
    mean = (image * mask).sum((2, 3)) / area
    variance = ((image - mean[:, :, None, None]) ** 2 * mask).sum((2, 3)) / area
    return torch.cat([mean, variance.sqrt()], dim=1)


def _check_shapes(checkpoint: Checkpoint, prepared: Prepared) -> None:
    config = checkpoint.config
    for name, images, bands in (
        ("rgb", prepared.rgb, config.rgb_bands),
        ("uv", prepared.uv, config.uv_bands),
    ):
        expected = (len(bands), config.image_size, config.image_size)
        if images.shape[1:] != expected:
            raise RunStoppedError(
                f"embed: {name} images must have the checkpoint's bands, height and width {expected}, got "
                f"{images.shape[1:]}; run 'split' with its bands and "
                f"split.image_size {config.image_size}, or train again"
            )


def _collect(into: Collected, vectors: dict[str, Tensor]) -> None:
    for modality, rows in vectors.items():
        into[modality].append(rows.float().cpu().numpy())


def _table(prepared: Prepared, vectors: Collected) -> pd.DataFrame:
    parts = []
    for modality in (name for name in ("rgb", "uv", "joint") if name in vectors):
        values = np.concatenate(vectors[modality])
        about = pd.DataFrame(
            {
                "capture_id": prepared.capture_ids,
                "specimen_id": prepared.specimen_ids,
                "partition": prepared.partitions,
                "modality": modality,
            }
        )
        columns = [f"x{i}" for i in range(1, values.shape[1] + 1)]
        parts.append(pd.concat([about, pd.DataFrame(values, columns=columns)], axis=1))
    return pd.concat(parts, ignore_index=True)
