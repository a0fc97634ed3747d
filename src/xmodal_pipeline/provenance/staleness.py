"""What a run would read, or keep, that other settings or files made."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import xmodal_pipeline
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.pipelines import STAGES
from xmodal_pipeline.provenance.files import CAPTURES, CaptureFilesState, digests_of_named_files
from xmodal_pipeline.provenance.influence import flatten, is_read
from xmodal_pipeline.provenance.record import Record

Records = Callable[[str], Record | None]
"""The record of an entry of the catalog; None where there is none."""
_MOST_NAMED: Final = 3
_OF_CAPTURES: Final = {"specimens.root", "specimens.metadata", "specimens.patches"}
"""Settings that choose the files; where one changed, other files are no news."""


@dataclass(frozen=True)
class Today:
    """Settings and files as they are now; files are looked at once, and only where a record asks for them."""

    parameters: Parameters
    root: Path | None
    """Folder of the study's captures; None before `ingest`."""
    kept: Path
    """Folder of the states that the captures' files had."""

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Value of every setting by its dotted key."""
        return flatten(self.parameters)

    @cached_property
    def captures(self) -> CaptureFilesState | None:
        """The captures' files; None where their folder is not there, as on a machine that only evaluates."""
        if self.root is None or not self.root.is_dir():
            return None
        state = CaptureFilesState.look(
            self.root, self.parameters.specimens, CaptureFilesState.from_folder(self.kept)
        )
        if CaptureFilesState.from_folder(self.kept, state.digest) not in (None, state):
            state.to_folder(self.kept)  # the same files at other times: not to be read again
        return state

    def digest_of(self, key: str) -> str | None:
        """Digest of the files that a setting names."""
        if key not in self._digests:
            self._digests[key] = digests_of_named_files(self.parameters, [key], self.root).get(key)
        return self._digests[key]

    @cached_property
    def _digests(self) -> dict[str, str | None]:
        return {}


def differences(record: Record, today: Today) -> list[str]:
    """What is not now as it was when an output was made: each setting or file with before and now."""
    if not record.is_finished:
        return ["its making was interrupted"]
    is_same_version = record.versions == (xmodal_pipeline.__version__,)
    found = []
    for key, values in sorted(record.settings.items()):
        if not is_read(key, today.parameters):
            continue
        if key not in today.settings:
            if is_same_version:  # another version may know other settings, and is named for itself
                found.append(f"{key} was {_say_all(values)}, is not set")
        elif list(values) != [today.settings[key]]:
            found.append(f"{key} was {_say_all(values)}, is {_say(today.settings[key])}")
    changed = {line.split(" ")[0] for line in found}
    for key, digests in sorted(record.files.items()):
        if key == CAPTURES:
            found += [] if changed & _OF_CAPTURES else _changed_captures(digests, today)
        elif key not in changed and list(digests) != [today.digest_of(key)]:
            found.append(f"{key}: {_say(today.settings[key])} has other content")
    return found


def _changed_captures(digests: Iterable[str], today: Today) -> list[str]:
    now = today.captures
    if now is None or list(digests) == [now.digest]:
        return []
    names: list[str] = []
    for digest in digests:
        before = CaptureFilesState.from_folder(today.kept, digest)
        names += [] if before is None else before.differing(now)
    distinct = list(dict.fromkeys(names))
    if not distinct:
        return [f"files in {today.root} changed"]
    return [f"{len(distinct)} of the files in {today.root} changed: {_name(distinct)}"]


@dataclass(frozen=True)
class Staleness:
    """Entries of the catalog that were made otherwise than they would be now."""

    stale: Mapping[str, list[str]]
    """What differs, by entry."""
    unknown: tuple[str, ...]
    """Entries without a record, or made from such."""
    versions: tuple[str, ...]
    """Other versions of this package that made any."""
    stages: tuple[str, ...]
    """Pipelines that make the stale ones again, in order."""
    is_without_captures: bool
    """Whether files would have been looked at that are not there."""

    def describe(self) -> str:
        """A line per difference, with the entries that it made stale."""
        by_difference: dict[str, list[str]] = {}
        for entry, found in self.stale.items():
            for one in found:
                by_difference.setdefault(one, []).append(entry)
        return "\n".join(f"  {_name(entries)}: {one}" for one, entries in sorted(by_difference.items()))

    def describe_unknown(self, root: Path | None) -> list[str]:
        """Warnings of what cannot be told."""
        said = []
        if self.unknown:
            said.append(f"no record says what made {_name(self.unknown)}; unless you know, make them again")
        if self.versions:
            said.append(
                f"outputs of this study were made by version {', '.join(self.versions)}, this is "
                f"{xmodal_pipeline.__version__}"
            )
        if self.is_without_captures:
            said.append(f"{root} is not there: whether a capture changed since cannot be told")
        return said


def find_stale(entries: Iterable[str], records: Records, today: Today) -> Staleness:
    """Compare the records of entries with the settings and files of now.

    Args:
        entries: entries that exist.
        records: of any entry.
        today: what they are compared with.
    """
    stale: dict[str, list[str]] = {}
    unknown: list[str] = []
    versions: set[str] = set()
    asks_for_captures = False
    for entry in entries:
        record = records(entry)
        if record is None:
            unknown.append(entry)
            continue
        if found := [*differences(record, today), *_appeared(record, records, today)]:
            stale[entry] = found
        unknown += record.unknown
        versions.update(record.versions)
        asks_for_captures |= CAPTURES in record.files
    return Staleness(
        stale=stale,
        unknown=tuple(dict.fromkeys(unknown)),
        versions=tuple(sorted(versions - {xmodal_pipeline.__version__})),
        stages=_stages_to_run(stale, records, today),
        is_without_captures=asks_for_captures and today.captures is None,
    )


def _appeared(record: Record, records: Records, today: Today) -> list[str]:
    """Entries that a study may lack, that it lacked then and has now."""
    now = {name: records(name) for name in record.absent}
    fresh = [name for name, one in now.items() if one is not None and not differences(one, today)]
    return [f"{name} was made since" for name in fresh]


def _stages_to_run(stale: Iterable[str], records: Records, today: Today) -> tuple[str, ...]:
    """Pipelines that make these entries, and whatever stale ones they are made from."""
    waiting, seen, stages = list(stale), set[str](), set[str]()
    while waiting:
        entry = waiting.pop()
        record = None if entry in seen else records(entry)
        seen.add(entry)
        if record is not None and (differences(record, today) or _appeared(record, records, today)):
            stages.add(record.stage)
            waiting += record.inputs
    order = {stage: at for at, stage in enumerate(STAGES)}
    return tuple(sorted(stages, key=lambda stage: (order.get(stage, len(order)), stage)))


def _say(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _say_all(values: Iterable[Any]) -> str:
    return " and ".join(_say(value) for value in values)


def _name(names: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    known = list(names)
    more = len(known) - _MOST_NAMED
    return ", ".join(known[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
