"""What the balance diagnostics and the augmentation cost of a training step, in CPU time.

    OMP_NUM_THREADS=1 python benchmarks/step.py --batch 32 --pairs 30

Trains `separate` with Lightning as `fit` does. Steps alternate between with and without the diagnostics
(gradient norms, their cosine, the spread of the projections), which pairs every step with its neighbour: on a
busy machine a step varies by far more than what is measured. The median over pairs has a 95 % interval by
their order.
"""

import argparse
import sys
import time
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from scipy.stats import binom
from torch import Tensor
from torch.utils.data import DataLoader

from xmodal_pipeline.augmentation import Batch
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams, TrainParams
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training import BandStatistics, FitConfig
from xmodal_pipeline.training.balance import GradientBalance
from xmodal_pipeline.training.batches import PreparedBatches
from xmodal_pipeline.training.module import ContrastiveTraining, Views
from xmodal_pipeline.training.progress import quiet_lightning

ALLOWED = 0.03
WARM_UP = 4
"""Steps left out: memory is still being allocated."""


class Silent(GradientBalance):
    """Reads nothing."""

    def watch(self, features: Any, *, scale: float) -> None:
        """Leave the features alone."""

    def read_features(self) -> None:
        """Nothing arrived."""

    def read_encoders(self) -> None:
        """Leave the gradients alone."""


class Timed(ContrastiveTraining):
    """Every other step without the diagnostics; keeps the CPU time of each step and of its views."""

    def __init__(self, config: FitConfig, *, batches_per_epoch: int) -> None:
        """Keep both kinds of balance."""
        super().__init__(config, batches_per_epoch=batches_per_epoch)
        self.kinds = {True: self.balance, False: Silent(self.model.encoders)}
        self.is_watched = True
        self.seconds: dict[bool, list[float]] = {True: [], False: []}
        self.view_seconds: list[float] = []

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Views:
        """Time the views."""
        begun = time.process_time()
        views = super().on_after_batch_transfer(batch, dataloader_idx)
        self.view_seconds.append(time.process_time() - begun)
        return views

    def _spread(self, projections: dict[str, Tensor]) -> dict[str, Tensor]:
        return super()._spread(projections) if self.is_watched else {}


class Stopwatch(Callback):
    """Times steps, and turns the diagnostics on and off. The order within a pair alternates too."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Choose the kind of step."""
        if not isinstance(pl_module, Timed):
            raise TypeError(f"Stopwatch: module must be Timed, got {type(pl_module).__name__}")
        pl_module.is_watched = batch_idx % 4 in (0, 3)
        pl_module.balance = pl_module.kinds[pl_module.is_watched]
        self._begun = time.process_time()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the time."""
        pl_module.seconds[pl_module.is_watched].append(time.process_time() - self._begun)


RGB_BANDS, UV_BANDS = ("red", "green", "blue"), ("long", "short")


def make_config(backbone: str, side: int, batch: int) -> FitConfig:
    return FitConfig(
        name="separate",
        variant=TrainParams().variants["separate"],
        training=TrainingParams(backbone=backbone, batch_size=batch, max_epochs=1),
        loss=LossParams(),
        augmentation=AugmentationParams(),
        photometry="uncalibrated",
        rgb_bands=RGB_BANDS,
        uv_bands=UV_BANDS,
        image_size=side,
        statistics={
            "rgb": BandStatistics(mean=(0.5,) * 3, sd=(0.3,) * 3),
            "uv": BandStatistics(mean=(0.5,) * 2, sd=(0.3,) * 2),
        },
    )


def make_prepared(captures: int, side: int) -> Prepared:
    rng = np.random.default_rng(0)
    names = tuple(f"s{i}" for i in range(captures))
    rgb, uv = (rng.random((captures, bands, side, side), np.float32).astype(np.float16) for bands in (3, 2))
    masks = np.ones((captures, 2, side, side), np.uint8)
    partitions = ("train",) * captures
    return Prepared(rgb, uv, masks, names, names, partitions, {}, RGB_BANDS, UV_BANDS, is_calibrated=False)


def median_interval(values: np.ndarray) -> tuple[float, float, float]:
    """The median and its distribution-free 95 % interval."""
    ordered = np.sort(values)
    k = int(binom.ppf(0.025, len(ordered), 0.5))
    return (
        float(np.median(ordered)),
        float(ordered[max(k - 1, 0)]),
        float(ordered[min(len(ordered) - k, len(ordered) - 1)]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--pairs", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = make_config(options.backbone, options.side, options.batch)
    prepared = make_prepared(4 * options.batch, options.side)
    steps = WARM_UP + 2 * options.pairs
    rng = np.random.default_rng(1)
    rows = [rng.choice(len(prepared), options.batch, replace=False) for _ in range(steps)]
    module = Timed(config, batches_per_epoch=steps)
    loader = DataLoader(PreparedBatches(prepared), sampler=rows, batch_size=None)
    with quiet_lightning():
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=1,
            gradient_clip_val=config.training.gradient_clip,
            callbacks=[Stopwatch()],
            logger=False,
            use_distributed_sampler=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, loader)
    with_it, without = (np.array(module.seconds[kind])[WARM_UP // 2 :] for kind in (True, False))
    middle, low, high = median_interval(with_it / without - 1)
    views = float(np.median(module.view_seconds[WARM_UP:]))
    step = float(np.median(without))
    print(f"{options.backbone}, {options.side} px, batch {options.batch}, {options.pairs} pairs, CPU time")
    print(
        f"step without diagnostics {step:.3f} s; two views of each capture {views:.3f} s more, "
        f"{views / (views + step):.1%} of both"
    )
    print(f"diagnostics: {middle:+.2%} of the step, 95 % interval [{low:+.2%}, {high:+.2%}]")
    sys.exit(0 if middle <= ALLOWED else 1)


if __name__ == "__main__":
    main()
