"""What a person sees while a variant trains: one bar, and none of Lightning's own notes."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from tqdm import tqdm

from xmodal_pipeline.training.module import ContrastiveTraining


class StepBar(Callback):
    """A progress bar over all steps, with the losses of the last epoch."""

    def __init__(self) -> None:
        self._bar: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar, at the step where a resumed run stands."""
        if isinstance(pl_module, ContrastiveTraining):
            done = trainer.current_epoch * pl_module.batches_per_epoch
            total = pl_module.config.training.max_epochs * pl_module.batches_per_epoch
            # None: no bar where the output is not a terminal.
            disable = None if trainer.is_global_zero else True
            self._bar = tqdm(
                total=total, initial=done, desc=pl_module.config.name, unit="batch", disable=disable
            )

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Move on by one batch."""
        self._bar.update()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the epoch's losses."""
        if isinstance(pl_module, ContrastiveTraining):
            self._bar.set_postfix({name: f"{value:.3f}" for name, value in pl_module.means.peek().items()})

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        self._bar.close()


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's notes about the machine and its advertisements out of the log."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Batches are slices of memory-mapped arrays: worker processes would only copy them once more.
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            # Too few validation specimens to choose an epoch by is said in words of our own.
            warnings.filterwarnings("ignore", message=".*have no `val_dataloader`.*")
            # Lightning 2.6 flattens its loaders with a torch type that newer versions of torch deprecate.
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
