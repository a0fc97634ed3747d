"""The one way in which results reach the disk: whole, or not at all.

A save writes under a name of its own in the target's folder, flushes that to the disk and renames it to the
target, so that a reader, a kill or a loss of power meets the old result or the new one. Beside an unfinished
save lies a lock which its process holds. A kill lets go of it: the next run that looks into the folder takes
away what lies there, and puts an old folder back that had made way for a new one which never came.
"""

import errno
import json
import os
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

from filelock import FileLock, Timeout

from xmodal_pipeline.errors import SaveError

MANIFEST: Final = ".manifest"
"""In a saved folder: the size in bytes of each of its files, as JSON. Written last."""
_LOCK: Final = re.compile(r"\.(?P<stem>.+\.[0-9a-f]{16})\.lock", re.DOTALL)
_SHOWN: Final = 40
"""Characters of the target's name in an unfinished one's: file systems allow 255 bytes."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLOSED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_GONE: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.EIO, errno.ESTALE, errno.ENOTCONN}
)
_swept: set[Path] = set()
_sweeping: Final = threading.Lock()


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Put a file in the place of another, whole or not at all.

    Args:
        path: the target; its folder is made if missing.

    Yields:
        Where to write: a name in the same folder that no one else uses.

    Raises:
        SaveError: if the disk is full, must not be written to, or went away. The target is as it was.
    """
    with _unfinished(path) as names:
        yield names.partial
        _flush(names.partial)
        os.replace(names.partial, path)
        _flush_folder(path.parent)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Put a folder in the place of another, whole or not at all.

    Args:
        path: the target; the folder around it is made if missing.

    Yields:
        An empty folder to fill, beside the target.

    Raises:
        SaveError: if the disk is full, must not be written to, or went away. The target is as it was.
    """
    with _unfinished(path) as names:
        names.partial.mkdir()
        yield names.partial
        _write_manifest(names.partial)
        if path.exists():
            os.rename(path, names.old)
        os.rename(names.partial, path)
        _flush_folder(path.parent)


def is_whole_folder(path: Path) -> bool:
    """Whether `replace_folder` made this folder and every file is there in its size."""
    if not path.is_dir():
        _recover(path)
    manifest = path / MANIFEST
    return manifest.is_file() and not _find_changed(path, manifest)


def open_folder(path: Path) -> Path:
    """The folder that `replace_folder` made.

    Raises:
        FileNotFoundError: if there is none, or its files are not those that were saved.
    """
    if is_whole_folder(path):
        return path
    found = "no folder"
    if path.is_dir():
        manifest = path / MANIFEST
        missing = _find_changed(path, manifest) if manifest.is_file() else [MANIFEST]
        found = f"missing or changed in size: {', '.join(missing[:3])}"
    raise FileNotFoundError(
        f"folder '{path}': must hold the files that were saved together, got {found}; run the pipeline that "
        "makes it again"
    )


def saved_files(path: Path) -> list[Path]:
    """The files of a folder that `replace_folder` made, in the order of their names.

    Raises:
        FileNotFoundError: as `open_folder` does.
    """
    folder = open_folder(path)
    return [file for file in sorted(folder.iterdir()) if file.name != MANIFEST]


def reserve(file: IO[Any], n_bytes: int) -> None:
    """Take a file's room on its disk before it is written.

    Args:
        file: open for writing; its position stays.
        n_bytes: how long it will be.

    Raises:
        OSError: if the room is not there.
    """
    try:
        os.posix_fallocate(file.fileno(), 0, n_bytes)
    except (AttributeError, OSError) as error:  # other systems, and file systems that know no such thing
        if isinstance(error, OSError) and error.errno not in {errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV}:
            raise
        if shutil.disk_usage(file.name).free < n_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error


def sweep(folder: Path) -> None:
    """Take away what killed processes left unfinished in a folder, and put back what had made way for it."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        locks = [Path(entry.path) for entry in entries if _LOCK.fullmatch(entry.name)]
        for lock in locks:
            _sweep_one(lock)


@contextmanager
def explain(path: Path, unfinished: Path | None = None) -> Iterator[None]:
    """Say in one error that a disk failed, where and by how much.

    Args:
        path: what was to be written.
        unfinished: as far as it is written.

    Raises:
        SaveError: instead of the error of the operating system, however a library wrapped it.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        cause = _disk_error(error, path.parent)
        if cause is None:
            raise
        raise SaveError(_describe(path, unfinished, cause)) from error


@dataclass(frozen=True)
class _Names:
    """Where one unfinished save lies."""

    target: Path
    partial: Path
    old: Path
    """Where a folder waits while the new one takes its place."""
    lock: Path

    @classmethod
    def beside(cls, target: Path, stem: str) -> Self:
        parts = (target.with_name(f".{stem}.{kind}") for kind in ("partial", "old", "lock"))
        return cls(target, *parts)

    def clear(self) -> None:
        """Leave the old result or the new one, and nothing beside it."""
        if self.old.exists() and not self.target.exists():
            os.rename(self.old, self.target)
        for path in (self.old, self.partial):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


@contextmanager
def _unfinished(path: Path) -> Iterator[_Names]:
    """Names for a save, which are free again at its end; whatever happens, the target is whole."""
    names = _Names.beside(path, f"{path.name[:_SHOWN]}.{secrets.token_hex(8)}")
    with explain(path):
        _make_folder(path.parent)
        _sweep_once(path.parent)
        with FileLock(names.lock):
            try:
                names.lock.write_bytes(os.fsencode(path.name))
                with explain(path, names.partial):  # counts what was written, before it is taken away
                    yield names
            finally:
                with suppress(OSError):  # a disk that failed once; the next run sweeps
                    names.clear()
                    names.lock.unlink(missing_ok=True)


def _sweep_once(folder: Path) -> None:
    """At the first save of this process into a folder: looking again would cost as much as it has files."""
    with _sweeping:
        if folder not in _swept:
            sweep(folder)
            _swept.add(folder)


def _sweep_one(lock: Path) -> None:
    found = _LOCK.fullmatch(lock.name)
    with suppress(Timeout, FileNotFoundError), FileLock(lock, blocking=False):
        name = os.fsdecode(lock.read_bytes())  # empty where the kill came before anything was written
        if found and name:
            _Names.beside(lock.with_name(name), found["stem"]).clear()
        lock.unlink(missing_ok=True)


def _recover(path: Path) -> None:
    """Put a folder back whose successor never came, or wait until it has come."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path.parent) as entries:
        starts, ends = f".{path.name[:_SHOWN]}.", ".old"
        for old in [
            entry for entry in entries if entry.name.startswith(starts) and entry.name.endswith(ends)
        ]:
            lock = Path(old.path).with_suffix(".lock")
            with suppress(Timeout), FileLock(lock, timeout=60):
                _Names.beside(path, old.name.removeprefix(".").removesuffix(ends)).clear()
                lock.unlink(missing_ok=True)


def _write_manifest(folder: Path) -> None:
    for inner in (folder, *(one for one in folder.rglob("*") if one.is_dir())):
        sweep(inner)
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    for file in files:
        _flush(file)
    sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}
    (folder / MANIFEST).write_text(json.dumps(sizes), encoding="ascii")
    _flush(folder / MANIFEST)
    for inner in {file.parent for file in files} | {folder}:
        _flush_folder(inner)


def _find_changed(folder: Path, manifest: Path) -> list[str]:
    """Files that are not there in the size that they were saved in."""
    sizes: dict[str, int] = json.loads(manifest.read_text(encoding="ascii"))
    return [
        name
        for name, size in sizes.items()
        if not (folder / name).is_file() or (folder / name).stat().st_size != size
    ]


def _make_folder(folder: Path) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        _flush_folder(one.parent)


def _flush(file: Path) -> None:
    with file.open("rb+") as written:
        os.fsync(written.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # which cannot open folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # file systems that know no such thing
            raise
    finally:
        os.close(descriptor)


def _disk_error(error: BaseException, folder: Path) -> OSError | None:
    """The error of a disk behind another; None where a file elsewhere is meant, such as one that is read."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL | _CLOSED | _GONE:
            named = seen.filename2 or seen.filename
            is_here = named is None or Path(os.fsdecode(named)).is_relative_to(folder)
            return seen if is_here or folder.is_relative_to(os.fsdecode(named)) else None
        seen = seen.__cause__ or seen.__context__
    return None


def _describe(path: Path, unfinished: Path | None, cause: OSError) -> str:
    got, unchanged = f"'{cause.strerror or cause}'", "what was there before is whole"
    if cause.errno in _CLOSED:
        return (
            f"save '{path}': folder must allow writing, got {got}; {unchanged}: change its rights, or keep "
            "data/ elsewhere, and run again"
        )
    if cause.errno in _GONE:
        return (
            f"save '{path}': disk must stay there while it is written to, got {got}; look whether it is "
            "mounted and sound, and run again"
        )
    there = next(folder for folder in path.parents if folder.exists())
    # Workers exchange arrays through the latter.
    free = {folder: shutil.disk_usage(folder).free for folder in (there, Path(tempfile.gettempdir()))}
    fullest = min(free, key=lambda folder: free[folder])
    written = 0 if unfinished is None else _size(unfinished)
    return (
        f"save '{path}': disk must have room for it, got {got} after {written:,} bytes, with "
        f"{free[fullest]:,} bytes free in '{fullest}'; {unchanged}: free some space there, and run again"
    )


def _size(path: Path) -> int:
    """Bytes that a file or the files of a folder take on their disk."""
    files = (one for one in (path, *path.rglob("*")) if one.is_file())
    return sum(one.stat().st_size for one in files)
