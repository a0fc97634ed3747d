"""What a run knows beyond its weights: history, chosen epoch, when to stop, and how it is saved."""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from xmodal_pipeline.saving import replace_file
from xmodal_pipeline.training.module import ContrastiveTraining
from xmodal_pipeline.training.validation import RetrievalScore, is_as_good

logger = logging.getLogger(__name__)


class WholeFiles(TorchCheckpointIO):
    """Writes a state whole or not at all, and reads nothing but tensors and plain values."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write beside the target, then put it in place."""
        with replace_file(Path(path)) as partial, partial.open("wb") as file:
            torch.save(checkpoint, file)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a state on the CPU."""
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state


def model_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    """The model's weights in a saved state, without the loss's."""
    prefix = "model."
    own = (name for name in state["state_dict"] if name.startswith(prefix))
    return {name.removeprefix(prefix): state["state_dict"][name] for name in own}


def read_state(path: Path) -> dict[str, Any]:
    """A saved state, its tensors memory-mapped."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return state


class RunState(Callback):
    """Keeps the history and the chosen weights, stops early, and saves the run at the end of epochs."""

    def __init__(
        self, path: Path, identity: dict[str, Any], *, validation_specimens: int, save_every_s: float
    ) -> None:
        """Prepare an empty run.

        Args:
            path: the file that holds the state.
            identity: configuration and fingerprint of the captures; saved with the state.
            validation_specimens: whose retrieval chooses the epoch and may stop the run; 0: the last is kept.
            save_every_s: least time between two saves; the last epoch is always saved.
        """
        self.path, self.identity = path, identity
        self.rows: list[dict[str, float]] = []
        self.finished = False
        self.chosen_weights: dict[str, Tensor] = {}
        self.chosen_epoch = -1
        """Number of the epoch that `chosen_weights` are of; −1: none was chosen, the last is kept."""
        self._validation_specimens, self._save_every_s = validation_specimens, save_every_s
        self._best: tuple[float, ...] = (-1.0, -1.0)
        self._epochs_without_gain = 0
        self._saved_at = self._epoch_started = time.monotonic()
        self._saved_epochs = 0

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs of this."""
        return {
            "identity": self.identity,
            "rows": self.rows,
            "finished": self.finished,
            "best": list(self._best),
            "chosen_weights": self.chosen_weights,
            "chosen_epoch": self.chosen_epoch,
            "epochs_without_gain": self._epochs_without_gain,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up an earlier run."""
        self.rows = list(state_dict["rows"])
        self.finished = bool(state_dict["finished"])
        self.chosen_weights = dict(state_dict["chosen_weights"])
        self.chosen_epoch = int(state_dict["chosen_epoch"])
        self._best = tuple(state_dict["best"])
        self._epochs_without_gain = int(state_dict["epochs_without_gain"])
        self._saved_epochs = len(self.rows)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._saved_at = self._epoch_started = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add a row, judge it, save."""
        if not isinstance(pl_module, ContrastiveTraining):
            raise TypeError(f"RunState: module must be ContrastiveTraining, got {type(pl_module).__name__}")
        row = self._row(trainer, pl_module)
        self.rows.append(row)
        if self._validation_specimens and pl_module.validation_score is not None:
            self._judge(pl_module.validation_score, pl_module, trainer)
        self.finished = trainer.should_stop or len(self.rows) >= pl_module.config.training.max_epochs
        for log in trainer.loggers:
            log.log_metrics(
                {name: value for name, value in row.items() if np.isfinite(value)}, len(self.rows) - 1
            )
        if trainer.is_global_zero:
            with replace_file(self.path.with_name("history.csv")) as partial:
                history_table(self.rows, self.chosen_epoch).to_csv(partial, index=False)
        now = time.monotonic()
        # Processes save together or not at all, and their clocks differ.
        if trainer.strategy.broadcast(self.finished or now - self._saved_at >= self._save_every_s):
            trainer.save_checkpoint(self.path)
            self._saved_at, self._saved_epochs = now, len(self.rows)
        self._epoch_started = time.monotonic()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say after Ctrl-C where the run stands, and how it goes on."""
        if not isinstance(exception, KeyboardInterrupt) or not isinstance(pl_module, ContrastiveTraining):
            return
        config = pl_module.config
        logger.warning(
            "%s: interrupted in epoch %d of %d; %d are saved in %s: the same command goes on from there",
            config.name,
            len(self.rows) + 1,
            config.training.max_epochs,
            self._saved_epochs,
            self.path.parent,
        )

    def _row(self, trainer: Trainer, module: ContrastiveTraining) -> dict[str, float]:
        row = {
            "epoch": float(len(self.rows)),
            "step": float(trainer.global_step),
            "lr": module.config.training.lr * module.schedule()(trainer.global_step - 1),
            **module.take_epoch(),
        }
        score = module.validation_score
        row["validation_recall_at_1"] = np.nan if score is None else score.recall_at_1
        row["validation_match_above_other"] = np.nan if score is None else score.match_above_other
        row["seconds"] = time.monotonic() - self._epoch_started
        return row

    def _judge(self, score: RetrievalScore, module: ContrastiveTraining, trainer: Trainer) -> None:
        self._epochs_without_gain = 0 if score > self._best else self._epochs_without_gain + 1
        self._best = max(self._best, tuple(score))
        if is_as_good(score.recall_at_1, self._best[0], self._validation_specimens):
            self.chosen_epoch = len(self.rows) - 1
            self.chosen_weights = {
                name: tensor.detach().cpu().clone() for name, tensor in module.model.state_dict().items()
            }
        patience = module.config.training.patience
        if patience is not None and self._epochs_without_gain >= patience:
            logger.info(
                "%s: no better validation retrieval for %d epochs; training stops",
                module.config.name,
                patience,
            )
            trainer.should_stop = True


def history_table(rows: list[dict[str, float]], chosen_epoch: int = -1) -> pd.DataFrame:
    """One row per epoch with every number that training took; `is_kept` marks the checkpoint's epoch."""
    table = pd.DataFrame(rows)
    return table.astype({"epoch": int, "step": int}).assign(is_kept=table.index == table.index[chosen_epoch])
