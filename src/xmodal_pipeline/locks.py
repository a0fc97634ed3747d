"""Who is making an output: one run at a time."""

import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from xmodal_pipeline.errors import OutputHeldError
from xmodal_pipeline.saving import explain, sweep


@contextmanager
def hold_outputs(paths: Iterable[Path]) -> Iterator[None]:
    """Keep other runs from making the same outputs, and take away what killed ones left beside them.

    The operating system lets go of a lock when its process ends, however it ends.

    Args:
        paths: files or folders, there or not.

    Raises:
        OutputHeldError: naming the process, the machine and since when, if another run makes one of them.
        SaveError: if their folders must not be written to.
    """
    with ExitStack() as held:
        outputs = sorted(set(paths))
        for path in outputs:
            held.enter_context(_hold(path))
        for folder in {path.parent for path in outputs} | {path for path in outputs if path.is_dir()}:
            sweep(folder)
        yield


@contextmanager
def _hold(path: Path) -> Iterator[None]:
    file = path.with_name(f".{path.name}.lock")
    lock = FileLock(file, blocking=False, thread_local=False)
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        with explain(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
    except Timeout as error:
        raise OutputHeldError(
            f"output '{path}': must be made by one run at a time, {_describe(file)} is making it; wait for "
            "its end, or give this run a study of its own, --params study=<name>"
        ) from error
    try:
        with explain(path):
            file.write_text(json.dumps(_this_process()), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):  # a disk that went away
            file.unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # not empty: something was made
            for folder in made:
                folder.rmdir()


def _this_process() -> dict[str, Any]:
    now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now}


def _describe(file: Path) -> str:
    try:
        holder = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # of a run that begins or ends at this moment
        return "another run"
    return f"process {holder['pid']} on {holder['host']}, since {holder['since']},"
