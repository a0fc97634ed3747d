"""Where the catalog keeps an entry, and the record beside it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from kedro.io import CatalogProtocol, DatasetError, MemoryDataset

from xmodal_pipeline.datasets.directory import DirectoryDataset
from xmodal_pipeline.provenance.record import Record, record_path

if TYPE_CHECKING:
    from kedro.io import DataCatalog

Catalog = CatalogProtocol[Any, Any]
CAPTURE_FOLDER: Final = "capture_folder"
"""The entry that says where the captures are: whatever is made from it follows from their files."""


def entry_path(catalog: Catalog, name: str) -> Path | None:
    """File or folder of an entry; None for one in memory, and for a folder that a node works in.

    Such a folder answers for itself: training compares what lies there with its own configuration.
    """
    if isinstance(catalog.get(name), DirectoryDataset | MemoryDataset):
        return None
    config = cast("DataCatalog", catalog).config_resolver.resolve_pattern(name)
    path = config.get("filepath") or config.get("path")
    return Path(path) if path else None


def is_work_folder(catalog: Catalog, name: str) -> bool:
    """Whether an entry is a folder that a node works in."""
    return isinstance(catalog.get(name), DirectoryDataset)


def read_record(catalog: Catalog, name: str) -> Record | None:
    """The record of an entry that is on disk; None where there is none."""
    path = entry_path(catalog, name)
    return Record.from_file(record_path(path)) if path is not None and path.exists() else None


def states_folder(catalog: Catalog) -> Path:
    """Where the states of the captures' files are kept: beside the record of `capture_folder`."""
    path = entry_path(catalog, CAPTURE_FOLDER)
    if path is None:
        raise DatasetError(f"catalog: '{CAPTURE_FOLDER}' must be a file, got none; add it to the catalog")
    return record_path(path).parent
