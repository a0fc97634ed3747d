"""What lies in a study's folder: its files, through links, each folder once."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.specimens.names import is_quotable

_MAC_RESOURCES = "__MACOSX"
WORKBOOK_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
TABLE_SUFFIXES = (".csv", ".tsv", *WORKBOOK_SUFFIXES)


@dataclass(frozen=True)
class FolderListing:
    """The files below a folder, relative to it, posix style; hidden ones are none."""

    files: tuple[PurePosixPath, ...]
    """In the order of their names."""
    broken_links: tuple[PurePosixPath, ...]
    """Links whose target is not there."""
    passed_over: tuple[PurePosixPath, ...]
    """Linked folders that are listed under another name already, or that hold the folder itself."""
    badly_named: tuple[PurePosixPath, ...] = ()
    """Files and links whose path no table can quote."""


def list_folder(root: Path) -> FolderListing:
    """List a folder whole; links are followed, and no folder is entered twice.

    A folder that is reached by its own path and by a link is listed under its own path.

    Raises:
        ParametersError: if a folder may not be read.
    """
    files: list[PurePosixPath] = []
    broken: list[PurePosixPath] = []
    passed_over: list[PurePosixPath] = []
    above = {_identity(folder) for folder in root.resolve().parents}
    seen: set[tuple[int, int]] = set()
    waiting, linked = [root], list[Path]()
    while waiting or linked:
        folder = waiting.pop() if waiting else linked.pop(0)
        if _identity(folder) in seen | above:
            passed_over.append(PurePosixPath(folder.relative_to(root).as_posix()))
            continue
        seen.add(_identity(folder))
        for path in _entries(folder):
            relative = PurePosixPath(path.relative_to(root).as_posix())
            if path.is_dir():
                (linked if path.is_symlink() else waiting).append(path)
            elif path.is_file():
                files.append(relative)
            elif path.is_symlink():
                broken.append(relative)
    badly_named = [one for one in (*files, *broken) if not is_quotable(str(one))]
    kept, links, folders = (
        tuple(sorted(one for one in found if is_quotable(str(one)))) for found in (files, broken, passed_over)
    )
    return FolderListing(kept, links, folders, tuple(sorted(badly_named)))


def _entries(folder: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ParametersError(
            f"specimens.root: every folder must be readable, got {type(error).__name__} for '{folder}'; "
            "change its permissions or move it away"
        ) from error
    return [folder / name for name in names if not name.startswith(".") and name != _MAC_RESOURCES]


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
