"""Which UV pixels move a capture along a direction of its features: occlusion, window by window."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from xmodal_pipeline.augmentation import Batch, ViewMaker
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training.batches import read_batch
from xmodal_pipeline.training.checkpoint import Checkpoint

WINDOWS = 8
"""Windows across the image side by side; others overlap them by half."""
_AT_ONCE = 256
"""Windows per pass: bounds the memory."""


def map_uv_influence(
    checkpoint: Checkpoint, prepared: Prepared, rows: NDArray[np.intp], direction: NDArray[np.floating]
) -> NDArray[np.float32]:
    """How far the UV of each place moves captures along a direction of the exported UV features.

    Args:
        checkpoint: a trained variant that sees UV.
        prepared: captures of its bands and size.
        rows: (n,) of the captures.
        direction: (dim,) of the features, such as `uv_direction` gives.

    Returns:
        (n, side, side): what is lost along the direction if UV there becomes the mean of the training
        captures, as the mean over the windows that hold the pixel; negative where the place pulls the other
        way, 0 outside the specimen.
    """
    config = checkpoint.config
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = checkpoint.model().to(device)
    views = ViewMaker(config.augmentation, config.photometry, config.channel_statistics(), config.image_size)
    along = torch.as_tensor(direction, dtype=torch.float32, device=device)
    maps = []
    with torch.inference_mode():
        for row in tqdm(rows, desc=f"where UV matters to {config.name}", unit="capture", disable=None):
            batch = Batch(*(field.to(device) for field in read_batch(prepared, np.array([row]))))
            view = views.evaluation_view(batch)

            def score(uv: Tensor, rgb: Tensor = view.rgb) -> Tensor:
                found: Tensor = model(rgb.expand(len(uv), -1, -1, -1), uv).features["uv"]
                return found @ along

            maps.append(occlude(score, view.uv[0], view.mask[0, 1] > 0).cpu().numpy())
    return np.stack(maps)


def occlude(score: Callable[[Tensor], Tensor], image: Tensor, mask: Tensor) -> Tensor:
    """What each place of an image adds to its score, (height, width).

    Args:
        score: (windows, bands, height, width) to (windows,).
        image: (bands, height, width), standardised: 0 is the mean.
        mask: (height, width) bool, True on the specimen; windows beside it are not tried.
    """
    height, width = mask.shape
    size = max(height // WINDOWS, 1)
    step = max(size // 2, 1)
    boxes = [
        (slice(top, top + size), slice(left, left + size))
        for top in range(0, height - size + 1, step)
        for left in range(0, width - size + 1, step)
        if mask[top : top + size, left : left + size].any()
    ]
    covered = image.repeat(len(boxes), 1, 1, 1)
    for k, (down, right) in enumerate(boxes):
        covered[k, :, down, right] = 0.0
    lost = score(image[None]) - torch.cat([score(part) for part in torch.split(covered, _AT_ONCE)])
    total, count = torch.zeros_like(mask, dtype=torch.float32), torch.zeros_like(mask, dtype=torch.float32)
    for value, box in zip(lost, boxes, strict=True):
        total[box] += value
        count[box] += 1.0
    return torch.where(mask, total / count.clamp(min=1.0), 0.0)
