"""Training in this process, alone or as one of several that torchrun started."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from timm.layers.norm_act import convert_sync_batchnorm
from torch import distributed
from torch.utils.data import DataLoader

from xmodal_pipeline.augmentation import Batch
from xmodal_pipeline.params.train import TrainingParams
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training.batches import SpecimenBatches, consecutive
from xmodal_pipeline.training.config import FitConfig
from xmodal_pipeline.training.frozen import FrozenTraining
from xmodal_pipeline.training.gradient_cache import has_batch_statistics
from xmodal_pipeline.training.module import ContrastiveTraining
from xmodal_pipeline.training.progress import StepBar, quiet_lightning
from xmodal_pipeline.training.run_state import RunState, WholeFiles, read_state
from xmodal_pipeline.training.validation import MINIMUM_SPECIMENS, validation_rows

logger = logging.getLogger(__name__)


def train(
    config: FitConfig,
    prepared: Prepared,
    state_file: Path,
    identity: dict[str, Any],
    *,
    save_every_s: float,
    process: int = 0,
) -> None:
    """Train to the end, from the beginning or from a saved state; the result is the saved state.

    Args:
        config: the run.
        prepared: all captures.
        state_file: where the state is saved; logs go beside it.
        identity: configuration and fingerprint of the captures; saved with the state.
        save_every_s: least time between two saves.
        process: rank among the processes of the run; the first one writes.

    Raises:
        ValueError: if there are too few training specimens, or the model cannot be built.
    """
    with _own_randomness(config.training.seed), quiet_lightning():
        batches = training_batches(config, prepared, process)
        module = _module(config, len(batches), state_file.with_name("frozen"))
        if config.training.processes > 1:
            _share_statistics(module)
        validation = validation_rows(prepared)
        if len(validation) < MINIMUM_SPECIMENS:
            logger.info(
                "%s: %d validation specimens are too few to choose an epoch by (at least %d); the last epoch "
                "is used",
                config.name,
                len(validation),
                MINIMUM_SPECIMENS,
            )
            validation = validation[:0]
        state = RunState(
            state_file, identity, validation_specimens=len(validation), save_every_s=save_every_s
        )
        if state_file.exists():
            state.load_state_dict(read_state(state_file)["callbacks"][state.state_key])
        # Lightning draws a resumed run's first batches before it tells the sampler the epoch.
        batches.set_epoch(len(state.rows))
        _run(module, state, batches, prepared, validation)


def _module(config: FitConfig, batches_per_epoch: int, folder: Path) -> ContrastiveTraining:
    if config.training.trunk == "frozen":
        return FrozenTraining(config, batches_per_epoch=batches_per_epoch, folder=folder)
    return ContrastiveTraining(config, batches_per_epoch=batches_per_epoch)


def training_batches(config: FitConfig, prepared: Prepared, process: int = 0) -> SpecimenBatches:
    """One process's part of the batches of a run.

    Args:
        config: the run.
        prepared: all captures.
        process: rank among the processes of the run.
    """
    rows = prepared.rows_of("train")
    training = config.training
    return SpecimenBatches(
        rows,
        [prepared.specimen_ids[row] for row in rows],
        batch_size=training.batch_size,
        seed=training.seed,
        processes=training.processes,
        process=process,
    )


def _share_statistics(module: ContrastiveTraining) -> None:
    """Let batch norms see the whole batch where torch can: on GPUs."""
    if not has_batch_statistics(module.model):
        return
    if torch.cuda.is_available():
        # torch's own conversion would drop the activation that timm's norms contain.
        convert_sync_batchnorm(module.model)  # type: ignore[no-untyped-call]
    else:
        logger.warning(
            "%s: batch norms use the statistics of each process's part of a batch: sharing them needs GPUs",
            module.config.name,
        )


def _run(
    module: ContrastiveTraining,
    state: RunState,
    batches: SpecimenBatches,
    prepared: Prepared,
    validation: NDArray[np.int64],
) -> None:
    training = module.config.training
    trainer = Trainer(
        **_devices(training),
        max_epochs=training.max_epochs,
        precision=training.precision,
        accumulate_grad_batches=training.accumulation,
        gradient_clip_val=training.gradient_clip,
        callbacks=[StepBar(), state],
        logger=TensorBoardLogger(state.path.parent, name="tensorboard", version=""),
        default_root_dir=state.path.parent,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    source = module.source(prepared)
    pinned = torch.cuda.is_available()
    loader: DataLoader[Batch] = DataLoader(source, sampler=batches, batch_size=None, pin_memory=pinned)
    checked: DataLoader[Batch] | None = None
    if len(validation) > 0:
        # Without gradients, four times as many captures fit where one chunk does with them.
        fitting = 4 * training.batch_size // (training.processes * training.gradient_cache_chunks)
        checked = DataLoader(
            source, sampler=consecutive(validation, fitting), batch_size=None, pin_memory=pinned
        )
    resumed = state.path if state.path.exists() else None
    trainer.fit(module, loader, checked, ckpt_path=resumed, weights_only=True)
    if not state.finished:
        raise KeyboardInterrupt
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _devices(training: TrainingParams) -> dict[str, Any]:
    """Arguments of the trainer: one device, or the process group that torchrun describes."""
    if training.processes == 1:
        # Named, so that variables of a cluster around this process mean nothing to it.
        return {"accelerator": "auto", "devices": 1, "plugins": [WholeFiles(), LightningEnvironment()]}
    return {
        "accelerator": "gpu" if torch.cuda.is_available() else "cpu",
        "devices": training.devices,
        "num_nodes": training.nodes,
        "strategy": "ddp",
        "plugins": [WholeFiles(), TorchElasticEnvironment()],
    }


@contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """Seed torch for this run and give the caller's generators back as they were."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
