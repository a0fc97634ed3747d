"""What augmentation makes of a few captures, in the units of the stores."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xmodal_pipeline.augmentation import Batch, PhotometryPreset, ViewMaker
from xmodal_pipeline.augmentation.views import ChannelStatistics
from xmodal_pipeline.params.train import AugmentationParams
from xmodal_pipeline.training.stores import TrainingStores


class ViewSamples(NamedTuple):
    """A few training captures and views of them; the first view is the capture itself."""

    capture_ids: tuple[str, ...]
    rgb: NDArray[np.float32]
    """(captures, 1 + views, 3, side, side), unit scale."""
    uv: NDArray[np.float32]
    masks: NDArray[np.bool_]
    """(captures, 1 + views, 2, side, side): RGB's, then UV's."""


def sample_views(
    stores: TrainingStores,
    augmentation: AugmentationParams,
    photometry: PhotometryPreset,
    statistics: ChannelStatistics,
    *,
    captures: int,
    views: int,
    seed: int,
) -> ViewSamples:
    """The views that training takes of some captures in its first epochs, standardisation undone.

    Args:
        stores: of the study.
        augmentation: ranges of the draws.
        photometry: preset in force.
        statistics: mean and standard deviation of every band.
        captures: training captures, spread evenly over the stores.
        views: of each; two come from each epoch.
        seed: of the run.
    """
    train = stores.rows_of("train")
    rows = train[np.linspace(0, len(train) - 1, min(captures, len(train))).astype(int)]
    maker = ViewMaker(augmentation, photometry, statistics, stores.rgb.shape[-1])
    batch = stores.batch(rows)
    epochs = [maker.training_views(batch, seed=seed, epoch=epoch) for epoch in range(-(-views // 2))]
    batches = [maker.evaluation_view(batch), *[view for pair in epochs for view in pair][:views]]
    rgb, uv = (_in_units(batches, name, statistics) for name in ("rgb", "uv"))
    masks = torch.stack([one.mask for one in batches], dim=1).numpy() > 0
    return ViewSamples(tuple(stores.capture_ids[row] for row in rows.tolist()), rgb, uv, masks)


def _in_units(batches: list[Batch], name: str, statistics: ChannelStatistics) -> NDArray[np.float32]:
    """(captures, views, bands, side, side): standardised values as they were before."""
    mean, sd = (torch.tensor(list(statistics[name][part]))[:, None, None] for part in ("mean", "sd"))
    values = torch.stack([getattr(batch, name) for batch in batches], dim=1) * sd + mean
    return values.numpy().astype(np.float32)
