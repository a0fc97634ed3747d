"""Fingerprints of the files that captures and settings are read from."""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.provenance.influence import leaves
from xmodal_pipeline.specimens.folder import list_folder
from xmodal_pipeline.specimens.metadata import find_metadata
from xmodal_pipeline.specimens.names import IMAGE_SUFFIXES

logger = logging.getLogger(__name__)

CAPTURES: Final = "captures"
"""The key of the capture folder's digest in a record."""
_REGIONS: Final = (".roi", ".zip")
_THREADS: Final = 8
_WORTH_SAYING: Final = 1e9


@dataclass(frozen=True)
class FileState:
    """One file as it was looked at."""

    size: int
    mtime_ns: int
    sha256: str
    """Empty for a file that cannot be read, such as a link without its target."""


@dataclass(frozen=True)
class CaptureFilesState:
    """Images, regions and metadata of a study, as they were looked at."""

    files: Mapping[str, FileState]
    """By path relative to the folder; absolute where a table lies outside."""

    @classmethod
    def look(cls, root: Path, specimens: SpecimensParams, known: Self | None = None) -> Self:
        """Look at every file; one whose size and time are as `known` is not read again.

        Raises:
            ParametersError: if a folder may not be read.
        """
        before = known.files if known else {}
        paths = dict(_files_read(root, specimens))
        states = {name: _stat(path) for name, path in paths.items()}
        to_read = [
            name
            for name, (size, mtime_ns) in states.items()
            if name not in before or (before[name].size, before[name].mtime_ns) != (size, mtime_ns)
        ]
        n_bytes = sum(states[name][0] for name in to_read)
        if n_bytes > _WORTH_SAYING:
            logger.info("fingerprints of %d files (%.1f GB)", len(to_read), n_bytes / 1e9)
        with ThreadPoolExecutor(_THREADS) as pool:
            read = dict(zip(to_read, pool.map(hash_file, (paths[name] for name in to_read)), strict=True))
        return cls(
            {
                name: FileState(*state, read[name] if name in read else before[name].sha256)
                for name, state in states.items()
            }
        )

    @property
    def digest(self) -> str:
        """Changes with any name and any content, not with a time."""
        lines = (f"{name}\0{state.sha256}" for name, state in sorted(self.files.items()))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def differing(self, other: Self) -> list[str]:
        """Names of files that are not the same in both, each with what became of it in `other`."""
        found = []
        for name in sorted(self.files.keys() | other.files.keys()):
            one, two = self.files.get(name), other.files.get(name)
            if one is None or two is None:
                found.append(f"{name} ({'new' if one is None else 'gone'})")
            elif one.sha256 != two.sha256:
                found.append(f"{name} (changed)")
        return found

    def to_folder(self, folder: Path) -> None:
        """Keep this state in a file named by its digest."""
        folder.mkdir(parents=True, exist_ok=True)
        path = _state_path(folder, self.digest)
        partial = path.with_name(f"{path.name}.partial")
        content = {name: [one.size, one.mtime_ns, one.sha256] for name, one in self.files.items()}
        partial.write_text(json.dumps(content, indent=0), encoding="utf-8")
        os.replace(partial, path)

    @classmethod
    def from_folder(cls, folder: Path, digest: str | None = None) -> Self | None:
        """The state of that digest, or the one that was kept last; None where there is none."""
        kept = sorted(folder.glob(_state_path(folder, "*").name), key=lambda path: path.stat().st_mtime_ns)
        path = _state_path(folder, digest) if digest else kept[-1] if kept else None
        if path is None or not path.is_file():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls({name: FileState(*state) for name, state in content.items()})


def _state_path(folder: Path, digest: str) -> Path:
    return folder / f"{CAPTURES}-{digest}.json"


def _files_read(root: Path, specimens: SpecimensParams) -> Iterator[tuple[str, Path]]:
    """Images and regions, also links without a target, and the metadata; other tables are not read."""
    listing = list_folder(root)
    suffixes = (*IMAGE_SUFFIXES, *(_REGIONS if specimens.patches == "roi" else ()))
    for file in (*listing.files, *listing.broken_links):
        if file.suffix.lower() in suffixes:
            yield str(file), root / file
    try:
        metadata = find_metadata(root, specimens)
    except FileNotFoundError:  # it is then among the files that are gone
        metadata = None
    if metadata is not None:
        path = metadata.resolve()
        inside = path.is_relative_to(root.resolve())
        yield str(path.relative_to(root.resolve()) if inside else path), path


def _stat(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes; empty where they cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def digests_of_named_files(parameters: Parameters, keys: Iterable[str], root: Path | None) -> dict[str, str]:
    """Digest of the files that each of these settings names; settings that name none are left out.

    Args:
        parameters: the whole tree.
        keys: dotted keys of settings.
        root: folder of the captures, inside which a name may be meant.
    """
    wanted = set(keys)
    found = {}
    for key, value in leaves(parameters):
        paths = list(_paths_in(value)) if key in wanted else []
        files = [path for one in paths if (path := _existing(one, root)) is not None]
        if files:
            digest = hashlib.sha256("\n".join(hash_file(path) for path in files).encode())
            found[key] = digest.hexdigest()[:16]
    return found


def _paths_in(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping):
        for _, one in sorted(value.items()):
            yield from _paths_in(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _paths_in(one)


def _existing(path: Path, root: Path | None) -> Path | None:
    places = (path,) if root is None else (path, root / path)
    return next((place for place in places if place.is_file()), None)
