"""Train one variant, or take up where an interrupted training stopped."""

import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from xmodal_pipeline.augmentation import Batch
from xmodal_pipeline.training.batches import SpecimenBatches, StoreBatches, consecutive
from xmodal_pipeline.training.checkpoint import Checkpoint
from xmodal_pipeline.training.config import FitConfig, differing_keys
from xmodal_pipeline.training.diagnostics import Diagnostic, diagnose
from xmodal_pipeline.training.module import ContrastiveTraining
from xmodal_pipeline.training.progress import StepBar, quiet_lightning
from xmodal_pipeline.training.run_state import RunState, WholeFiles, history_table
from xmodal_pipeline.training.stores import TrainingStores
from xmodal_pipeline.training.validation import MINIMUM_SPECIMENS

logger = logging.getLogger(__name__)

STATE_FILE = "state.ckpt"
SAVE_EVERY_S = 30.0
"""A state is written at the end of an epoch if the last one is older, so that short epochs cost little."""


@dataclass(frozen=True, eq=False)
class FitResult:
    """What training one variant gives."""

    checkpoint: Checkpoint
    history: pd.DataFrame
    diagnostics: list[Diagnostic]


def fit(
    config: FitConfig, stores: TrainingStores, state_dir: Path, *, save_every_s: float = SAVE_EVERY_S
) -> FitResult:
    """Train one variant; the only place that writes is `state_dir`.

    A run that was interrupted goes on from its last saved epoch, to the weights that it would have reached
    anyway. One that had finished is returned as it is; with other parameters or captures, it makes way.

    Args:
        config: the run.
        stores: all captures; training and validation specimens are used, test specimens never.
        state_dir: folder of this variant's state and logs; made if missing.
        save_every_s: least time between two saves of the state.

    Raises:
        ValueError: if an unfinished run of other parameters or captures is in `state_dir`, or there are fewer
            than two training specimens.
    """
    _refuse_what_is_missing(config)
    state_dir.mkdir(parents=True, exist_ok=True)
    path = state_dir / STATE_FILE
    identity = {"config": config.model_dump(mode="json"), "captures": stores.fingerprint()}
    earlier = _earlier_run(path, identity)
    with _own_randomness(config.training.seed), quiet_lightning():
        batches = _training_batches(config, stores)
        module = ContrastiveTraining(config, batches_per_epoch=len(batches))
        validation = _validation_rows(config, stores)
        state = RunState(path, identity, selects=len(validation) > 0, save_every_s=save_every_s)
        if earlier is not None:
            state.load_state_dict(earlier["callbacks"][state.state_key])
            module.load_state_dict(earlier["state_dict"])
        if state.finished:
            logger.info("%s: already trained in %s; delete it to train again", config.name, state_dir)
        else:
            # Lightning draws a resumed run's first batches before it tells the sampler the epoch.
            batches.set_epoch(len(state.rows))
            _train(module, state, batches, stores, validation)
    weights = state.best_weights or module.model.state_dict()
    history = history_table(state.rows)
    diagnostics = diagnose(history, config.loss)
    for found in diagnostics:
        logger.warning("%s: %s: %s; %s", config.name, found["code"], found["message"], found["advice"])
    return FitResult(Checkpoint.of_weights(weights, config), history, diagnostics)


def _refuse_what_is_missing(config: FitConfig) -> None:
    for name in ("devices", "nodes", "gradient_cache_chunks"):
        value = getattr(config.training, name)
        if value > 1:
            raise ValueError(
                f"training: {name} must be 1 in this version, got {value}; set training.{name}: 1"
            )


def _earlier_run(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        earlier: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        saved = earlier["callbacks"]["RunState"]
        changed = differing_keys(saved["identity"], identity)
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError) as error:
        raise ValueError(
            f"training: state '{path}' must be one that this pipeline wrote, got {type(error).__name__}; "
            "delete it to start again"
        ) from error
    if not changed:
        return earlier
    if not saved["finished"]:
        raise ValueError(
            f"training: parameters and captures must be those of the unfinished run in '{path.parent}', got "
            f"differing {'; '.join(changed)}. Restore them to go on, or delete that folder to start again"
        )
    logger.info(
        "training: the finished run in %s had other %s; starting again", path.parent, "; ".join(changed)
    )
    path.unlink()
    return None


def _training_batches(config: FitConfig, stores: TrainingStores) -> SpecimenBatches:
    rows = stores.rows_of("train")
    specimens = [stores.specimen_ids[row] for row in rows]
    training = config.training
    return SpecimenBatches(rows, specimens, batch_size=training.batch_size, seed=training.seed)


def _validation_rows(config: FitConfig, stores: TrainingStores) -> NDArray[np.int64]:
    """The first capture of each validation specimen, or none where they are too few to choose by."""
    rows = stores.rows_of("validation")
    _, first = np.unique([stores.specimen_ids[row] for row in rows], return_index=True)
    if len(first) >= MINIMUM_SPECIMENS:
        return rows[np.sort(first)]
    logger.info(
        "%s: %d validation specimens are too few to choose an epoch by (at least %d); the last epoch is used",
        config.name,
        len(first),
        MINIMUM_SPECIMENS,
    )
    return rows[:0]


def _train(
    module: ContrastiveTraining,
    state: RunState,
    batches: SpecimenBatches,
    stores: TrainingStores,
    validation: NDArray[np.int64],
) -> None:
    training = module.config.training
    trainer = Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=training.max_epochs,
        precision=training.precision,
        accumulate_grad_batches=training.accumulation,
        gradient_clip_val=training.gradient_clip,
        callbacks=[StepBar(), state],
        plugins=[WholeFiles()],
        logger=TensorBoardLogger(state.path.parent, name="tensorboard", version=""),
        default_root_dir=state.path.parent,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    source = StoreBatches(stores)
    pinned = torch.cuda.is_available()
    loader: DataLoader[Batch] = DataLoader(source, sampler=batches, batch_size=None, pin_memory=pinned)
    checked: DataLoader[Batch] | None = None
    if len(validation) > 0:
        listed = consecutive(validation, 4 * training.batch_size)
        checked = DataLoader(source, sampler=listed, batch_size=None, pin_memory=pinned)
    trainer.fit(
        module, loader, checked, ckpt_path=state.path if state.path.exists() else None, weights_only=True
    )
    if not state.finished:
        raise KeyboardInterrupt


@contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """Seed torch for this run and give the caller's generators back as they were."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
