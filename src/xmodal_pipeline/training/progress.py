"""What a person sees while a variant trains: one bar, and none of Lightning's own notes."""

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from tqdm import tqdm

from xmodal_pipeline.training.module import ContrastiveTraining

logger = logging.getLogger(__name__)

_FIRST_STEPS, _TIMED_STEPS = 3, 8
"""The first ones fill caches; by the pace of the next ones the whole is foretold."""


class StepBar(Callback):
    """A progress bar over all steps, with the losses of the last epoch; after a few, the minutes of all."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._steps = 0
        self._since = 0.0

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
        """Move on by one batch, and foretell the whole once its pace is known."""
        self._bar.update()
        self._steps += 1
        if self._steps == _FIRST_STEPS:
            self._since = time.monotonic()
        if self._steps == _FIRST_STEPS + _TIMED_STEPS and isinstance(pl_module, ContrastiveTraining):
            pace = (time.monotonic() - self._since) / _TIMED_STEPS
            left = pl_module.config.training.max_epochs - trainer.current_epoch
            if trainer.is_global_zero:
                logger.info(
                    "%s: %d epochs of %d batches left on %s, %s",
                    pl_module.config.name,
                    left,
                    pl_module.batches_per_epoch,
                    pl_module.device.type,
                    in_minutes(pace * left * pl_module.batches_per_epoch),
                )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the epoch's losses."""
        if isinstance(pl_module, ContrastiveTraining):
            self._bar.set_postfix({name: f"{value:.3f}" for name, value in pl_module.means.peek().items()})

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        self._bar.close()


def in_minutes(seconds: float) -> str:
    """A length of time as people say it."""
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {max(seconds, 1):.0f} s"


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
