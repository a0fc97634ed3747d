"""Train one variant, or take up where an interrupted training stopped."""

import logging
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.locks import hold_outputs
from xmodal_pipeline.models.trunk import merge_adapters
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training.checkpoint import Checkpoint
from xmodal_pipeline.training.config import FitConfig, differing_keys
from xmodal_pipeline.training.diagnostics import Diagnostic, diagnose
from xmodal_pipeline.training.linear import add_linear_branch
from xmodal_pipeline.training.process import train, training_batches
from xmodal_pipeline.training.processes import Order, array_files, check_hardware, launch
from xmodal_pipeline.training.run_state import history_table, model_weights, read_state

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
    config: FitConfig, prepared: Prepared, state_dir: Path, *, save_every_s: float = SAVE_EVERY_S
) -> FitResult:
    """Train one variant; the only place that writes is `state_dir`.

    A run that was interrupted goes on from its last saved epoch, to the weights that it would have reached
    anyway. One that had finished is returned as it is. With other parameters or captures it is kept beside
    `state_dir`, and taken back from there once these are its own again.

    Args:
        config: the run.
        prepared: all captures; training and validation specimens are used, test specimens never.
        state_dir: folder of this variant's state and logs; made if missing.
        save_every_s: least time between two saves of the state.

    Raises:
        ValueError: if an unfinished run of other parameters or captures is in `state_dir`, there are fewer
            than two training specimens, or this machine cannot do what `training` asks.
        RuntimeError: if one of several training processes failed.
        OutputHeldError: if another process trains in `state_dir`.
        SaveError: if the disk fails.
    """
    check_hardware(config.training)
    with hold_outputs([state_dir]):
        state = _finished_state(config, prepared, state_dir / STATE_FILE, save_every_s)
    run = state["callbacks"]["RunState"]
    history = history_table(run["rows"], run["chosen_epoch"])
    diagnostics = diagnose(history, config.loss)
    for found in diagnostics:
        logger.warning("%s: %s: %s; %s", config.name, found["code"], found["message"], found["advice"])
    weights = run["chosen_weights"] or model_weights(state)
    if config.training.trunk == "lora":
        weights = merge_adapters(config.blank_model(), weights)
    checkpoint = add_linear_branch(Checkpoint.of_weights(weights, config), prepared)
    return FitResult(checkpoint, history.assign(linear_share=checkpoint.linear_share), diagnostics)


def _finished_state(config: FitConfig, prepared: Prepared, path: Path, save_every_s: float) -> dict[str, Any]:
    identity = {"config": config.identity(), "captures": prepared.fingerprint()}
    state = _earlier_run(path, identity)
    if state is not None and state["callbacks"]["RunState"]["finished"]:
        logger.info("%s: already trained in %s; delete it to train again", config.name, path.parent)
        return state
    path.parent.mkdir(parents=True, exist_ok=True)
    if config.training.processes == 1:
        train(config, prepared, path, identity, save_every_s=save_every_s)
    else:
        _train_in_processes(config, prepared, path, identity, save_every_s)
    state = read_state(path)
    changed = differing_keys(state["callbacks"]["RunState"]["identity"], identity)
    if changed:
        raise RunStoppedError(
            f"training: state '{path}' must be the one that this run saved, got differing "
            f"{'; '.join(changed)}; something else wrote there: delete that folder and run again"
        )
    return state


def _train_in_processes(
    config: FitConfig, prepared: Prepared, path: Path, identity: dict[str, Any], save_every_s: float
) -> None:
    training_batches(config, prepared)  # refuses too few specimens here, in one message
    folder = path.with_name("processes")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    order = Order(
        config=config,
        identity=identity,
        state=path.resolve(),
        save_every_s=save_every_s,
        arrays=array_files(prepared, folder.resolve()),
        manifest=prepared.manifest,
    )
    launch(order, folder)


def _earlier_run(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The state in `path` if it is of this run; one that had finished otherwise moves beside its folder."""
    if path.exists():
        saved = _read_run(path)
        changed = differing_keys(saved["identity"], identity)
        if not changed or (saved["finished"] and not _differs(saved["identity"], identity)):
            return read_state(path)
        if not saved["finished"]:
            raise RunStoppedError(
                f"training: parameters and captures must be those of the unfinished run in '{path.parent}', "
                f"got differing {'; '.join(changed)}. Restore them to go on, or delete that folder to start "
                "again"
            )
        del saved  # its tensors are mapped from the file
        beside = _keep_beside(path.parent)
        logger.warning(
            "training: the finished run had other %s; it is kept in %s", "; ".join(changed), beside
        )
    for kept in sorted(path.parent.parent.glob(f"{path.parent.name}.*")):
        if _is_run_of(kept / path.name, identity):
            logger.info("training: the run kept in %s is of these parameters and captures", kept)
            shutil.rmtree(path.parent, ignore_errors=True)  # without a state: logs of a start
            kept.rename(path.parent)
            return read_state(path)
    return None


def _is_run_of(path: Path, identity: dict[str, Any]) -> bool:
    try:
        return path.exists() and not _differs(_read_run(path)["identity"], identity)
    except RunStoppedError:  # of another version
        return False


def _differs(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether a finished run is another: devices only round otherwise, and matter to one that goes on."""
    return bool(differing_keys(_without_devices(before), _without_devices(now)))


def _without_devices(identity: dict[str, Any]) -> dict[str, Any]:
    config = identity["config"]
    training = {key: one for key, one in config["training"].items() if key not in ("devices", "nodes")}
    return identity | {"config": config | {"training": training}}


def _read_run(path: Path) -> dict[str, Any]:
    """What `RunState` saved.

    Raises:
        RunStoppedError: if the file is none of this version's states.
    """
    try:
        saved: dict[str, Any] = read_state(path)["callbacks"]["RunState"]
        _ = saved["identity"], saved["finished"], saved["chosen_epoch"]  # an earlier version lacks the last
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError) as error:
        raise RunStoppedError(
            f"training: state '{path}' must be one that this pipeline wrote, got {type(error).__name__}; "
            "delete it to start again"
        ) from error
    return saved


def _keep_beside(folder: Path) -> Path:
    """Move a folder to the first free `<name>.<number>`."""
    number = 1
    while (beside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    return folder.rename(beside)
