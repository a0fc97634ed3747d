"""What augmentation makes of a few captures, in unit scale."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xmodal_pipeline.augmentation import Batch, ViewMaker
from xmodal_pipeline.augmentation.views import ChannelStatistics
from xmodal_pipeline.params.train import AugmentationParams
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training.batches import read_batch
from xmodal_pipeline.training.config import photometry_in_force


class ViewSamples(NamedTuple):
    """A few training captures and views of them; the first view is the capture itself."""

    capture_ids: tuple[str, ...]
    rgb: NDArray[np.float32]
    """(captures, 1 + views, 3, side, side), unit scale."""
    uv: NDArray[np.float32]
    masks: NDArray[np.bool_]
    """(captures, 1 + views, 2, side, side): RGB's, then UV's."""


def sample_views(
    prepared: Prepared,
    augmentation: AugmentationParams,
    *,
    captures: int,
    views: int,
    seed: int,
) -> ViewSamples:
    """The views that training takes of some captures in its first epochs, standardisation undone.

    Args:
        prepared: all captures.
        augmentation: ranges of the draws.
        captures: training captures, spread evenly over all.
        views: of each; two come from each epoch.
        seed: of the run.
    """
    train = prepared.rows_of("train")
    rows = train[np.linspace(0, len(train) - 1, min(captures, len(train))).astype(int)]
    photometry = photometry_in_force(augmentation, is_calibrated=prepared.is_calibrated)
    maker = ViewMaker(augmentation, photometry, prepared.statistics, prepared.image_size)
    batch = read_batch(prepared, rows)
    epochs = [maker.training_views(batch, seed=seed, epoch=epoch) for epoch in range(-(-views // 2))]
    batches = [maker.evaluation_view(batch), *[view for pair in epochs for view in pair][:views]]
    rgb, uv = (_in_units(batches, name, prepared.statistics) for name in ("rgb", "uv"))
    masks = torch.stack([one.mask for one in batches], dim=1).numpy() > 0
    return ViewSamples(tuple(prepared.capture_ids[row] for row in rows.tolist()), rgb, uv, masks)


def _in_units(batches: list[Batch], name: str, statistics: ChannelStatistics) -> NDArray[np.float32]:
    """(captures, views, bands, side, side): standardised values as they were before."""
    mean, sd = (torch.tensor(list(statistics[name][part]))[:, None, None] for part in ("mean", "sd"))
    values = torch.stack([getattr(batch, name) for batch in batches], dim=1) * sd + mean
    return values.numpy().astype(np.float32)
