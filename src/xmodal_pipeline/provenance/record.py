"""The record of what made an output: a small JSON file in `.made_by/` beside it."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

import xmodal_pipeline
from xmodal_pipeline.params._model import ParamsModel

FOLDER = ".made_by"


class Record(ParamsModel):
    """Everything that an output follows from, directly or through what it was made from."""

    node: str
    """Which made it, `<stage>.<…>`."""
    settings: dict[str, tuple[Any, ...]]
    """Value by dotted key, as JSON holds it; several where it was made from outputs that differ."""
    files: dict[str, tuple[str, ...]]
    """Digest of the files that a setting names, by its key, and of the captures."""
    versions: tuple[str, ...]
    """Of this package."""
    inputs: tuple[str, ...] = ()
    """Entries on disk that its node read."""
    absent: tuple[str, ...] = ()
    """Entries that a study may lack, and lacked."""
    unknown: tuple[str, ...] = ()
    """Entries of which no record says what made them."""
    is_finished: bool = True
    """Whether it was saved whole."""

    @property
    def stage(self) -> str:
        """The pipeline that makes it."""
        return self.node.split(".")[0]

    @classmethod
    def of_node(
        cls,
        node: str,
        settings: Mapping[str, Any],
        files: Mapping[str, str],
        sources: Iterable["Record"],
        **read: tuple[str, ...],
    ) -> Self:
        """What a node makes: its own settings, and everything that made its inputs.

        Args:
            node: its name.
            settings: that it takes itself.
            files: digests of what these settings name.
            sources: the records of its inputs.
            read: `inputs`, `absent` and `unknown` of its own.
        """
        known = list(sources)
        return cls(
            node=node,
            settings=_merge([*(one.settings for one in known), _single(settings)]),
            files=_merge([*(one.files for one in known), _single(files)]),
            versions=_distinct([*(v for one in known for v in one.versions), xmodal_pipeline.__version__]),
            inputs=read.get("inputs", ()),
            absent=_distinct([*(n for one in known for n in one.absent), *read.get("absent", ())]),
            unknown=_distinct([*(n for one in known for n in one.unknown), *read.get("unknown", ())]),
        )

    def to_file(self, path: Path) -> None:
        """Write the record whole or not at all; its folder is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        os.replace(partial, path)

    @classmethod
    def from_file(cls, path: Path) -> Self | None:
        """Read a record; None where there is none, or one that this version does not know."""
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValidationError):
            return None


def record_path(entry: Path) -> Path:
    """Where the record of a file or folder lies: it is moved and removed with what lies around it."""
    return entry.parent / FOLDER / f"{entry.name}.json"


def _single(values: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {key: (value,) for key, value in values.items()}


def _merge(parts: Iterable[Mapping[str, tuple[Any, ...]]]) -> dict[str, tuple[Any, ...]]:
    merged: dict[str, tuple[Any, ...]] = {}
    for part in parts:
        for key, values in part.items():
            merged[key] = _distinct([*merged.get(key, ()), *values])
    return merged


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for value in values:
        if value not in found:  # lists and dictionaries among them: no set
            found.append(value)
    return tuple(found)
