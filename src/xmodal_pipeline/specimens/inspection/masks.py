"""Masks that are files of their own beside stacks, which no setting reads where they stand."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from xmodal_pipeline.imaging.patches import LABELS_SUFFIX
from xmodal_pipeline.imaging.tiff import ImageHeader
from xmodal_pipeline.specimens.inspection.pairing import names_band

_FEWEST_STACK_BANDS: Final = 4
_MIN_SHARE: Final = 0.8
"""Of the files of one band that must be called as a stack is."""
_ADDED: Final = (re.compile(r"[ _.\-]+[^ _.\-]+$"), re.compile(r"^[^ _.\-]+[ _.\-]+"))
"""A word after or before the name of the stack: `A12_mask`, `mask_A12`."""


def find_masks(
    images: Sequence[PurePosixPath], headers: Mapping[PurePosixPath, ImageHeader]
) -> dict[PurePosixPath, PurePosixPath | None]:
    """Files of one band that are called as a stack is, wherever they stand; and that stack.

    A band beside its finished stack is no mask: its name says so, or several are called as one stack.

    Args:
        images: files that may be captures.
        headers: of a sample of them; names tell which of the others are masks and which stacks.

    Returns:
        For each mask its stack; None where several stacks are called so and no folder tells which.
    """
    single = [file for file, header in headers.items() if header.n_bands == 1]
    stacks = [file for file, header in headers.items() if header.n_bands >= _FEWEST_STACK_BANDS]
    if not single or not stacks:
        return {}
    names = _StackNames.of(images, headers, stacks)
    seen = {file: match for file in single if (match := names.find(file))}
    unseen = {file: match for file in images if file not in headers and (match := names.find(file))}
    others = _folders_without([*single, *stacks], headers)
    possible = {file: match for file, match in unseen.items() if file.parent not in others}
    found = _one_per_stack(seen | _called_alike(possible, seen, stacks))
    if len(found.keys() & seen.keys()) < _MIN_SHARE * len(single):
        return {}
    return {file: match.stacks[0] if len(match.stacks) == 1 else None for file, match in found.items()}


def describe_masks(masks: Mapping[PurePosixPath, PurePosixPath | None]) -> tuple[str, ...]:
    """How they can be read, if there are any."""
    if not masks:
        return ()
    told = sorted((mask, stack) for mask, stack in masks.items() if stack is not None)
    mask = told[0][0] if told else min(masks)
    target = told[0][1].with_name(f"{told[0][1].stem}{LABELS_SUFFIX}{mask.suffix}") if told else None
    n_untold = len(masks) - len(told)
    untold = f"; of {n_untold} no folder tells which of several stacks it is" if n_untold else ""
    return (
        f"{len(masks)} files of one band are called as a stack is: {mask}. Masks are read beside their "
        f"stack: copy them ({target or f'<stack>{LABELS_SUFFIX}{mask.suffix}'}), set "
        "specimens.patches=labels, specimens.mask=patches, and specimens.root to a folder without the "
        f"others{untold}",
    )


@dataclass(frozen=True)
class _Match:
    """The stacks that a file is called as; several where its folders agree with them alike."""

    added: str
    """What its name has besides theirs."""
    stacks: tuple[PurePosixPath, ...]


@dataclass(frozen=True)
class _StackNames:
    """Files that are stacks, or may be, by stem."""

    by_stem: Mapping[str, Sequence[PurePosixPath]]
    seen: frozenset[PurePosixPath]
    other_folders: frozenset[PurePosixPath]
    """That hold no stack, as far as headers were read."""

    @classmethod
    def of(
        cls,
        images: Sequence[PurePosixPath],
        headers: Mapping[PurePosixPath, ImageHeader],
        stacks: Sequence[PurePosixPath],
    ) -> "_StackNames":
        suffixes = {file.suffix.lower() for file in stacks}
        by_stem: dict[str, list[PurePosixPath]] = defaultdict(list)
        for file in (*stacks, *(one for one in images if one not in headers)):
            if file.suffix.lower() in suffixes:
                by_stem[file.stem].append(file)
        return cls(by_stem, frozenset(stacks), _folders_without(stacks, headers))

    def find(self, file: PurePosixPath) -> _Match | None:
        """The stacks that a file is called as, if any is and it is no band of it."""
        for name, added in _readings(file.stem):
            near = _nearest(file, [one for one in self.by_stem.get(name, ()) if self._may_be_of(one, file)])
            if near:
                match = _Match(added, near)
                own = {file.parent.name} & _own_folders(file, match)
                return None if any(names_band(word) for word in (added.strip(" _.-"), *own)) else match
        return None

    def _may_be_of(self, stack: PurePosixPath, file: PurePosixPath) -> bool:
        is_stack = stack in self.seen or stack.parent not in self.other_folders
        return stack != file and (is_stack or stack.parent == file.parent)


def _folders_without(
    wanted: Sequence[PurePosixPath], files: Collection[PurePosixPath]
) -> frozenset[PurePosixPath]:
    """Folders of several of the files and of none that is wanted; a single one tells nothing of them."""
    n = Counter(file.parent for file in files)
    return frozenset(folder for folder in n if n[folder] > 1).difference(file.parent for file in wanted)


def _readings(stem: str) -> list[tuple[str, str]]:
    """What the stack of a file may be called, and what the file's stem adds to it."""
    matches = [match for pattern in _ADDED if (match := pattern.search(stem))]
    return [(stem, ""), *((stem[: one.start()] + stem[one.end() :], one[0]) for one in matches)]


def _nearest(file: PurePosixPath, stacks: Sequence[PurePosixPath]) -> tuple[PurePosixPath, ...]:
    """The stacks whose folders agree best with those of a file."""

    def agreement(stack: PurePosixPath) -> tuple[bool, int]:
        shared = Counter(stack.parent.parts) & Counter(file.parent.parts)
        return stack.parent == file.parent, shared.total()

    best = max(map(agreement, stacks), default=None)
    return tuple(stack for stack in stacks if agreement(stack) == best)


def _own_folders(file: PurePosixPath, match: _Match) -> set[str]:
    """Folders of a file that its stacks do not stand in."""
    return set(file.parent.parts).difference(*(stack.parent.parts for stack in match.stacks))


def _called_alike(
    files: Mapping[PurePosixPath, _Match],
    seen: Mapping[PurePosixPath, _Match],
    stacks: Sequence[PurePosixPath],
) -> dict[PurePosixPath, _Match]:
    """Of files whose headers were not read those that are called as the masks are whose headers were.

    Where nothing is added to the name of the stack, another extension or a folder of masks tells.
    """
    added = {match.added for match in seen.values()}
    suffixes = {file.suffix.lower() for file in seen} - {file.suffix.lower() for file in stacks}
    folders = {part for file, match in seen.items() for part in _own_folders(file, match)}
    return {
        file: match
        for file, match in files.items()
        if match.added in added
        and (match.added or file.suffix.lower() in suffixes or folders.intersection(file.parent.parts))
    }


def _one_per_stack(files: Mapping[PurePosixPath, _Match]) -> dict[PurePosixPath, _Match]:
    """Without those of which there are more than stacks that they are called as."""
    n = Counter(match.stacks for match in files.values())
    return {file: match for file, match in files.items() if n[match.stacks] <= len(match.stacks)}
