"""Masks that are files of their own beside stacks, which no setting reads where they stand."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from xmodal_pipeline.imaging.patches import LABELS_SUFFIX
from xmodal_pipeline.imaging.tiff import ImageHeader
from xmodal_pipeline.specimens.inspection.pairing import names_band

FEWEST_STACK_BANDS: Final = 4
_MIN_SHARE: Final = 0.8
"""Of the files of one band that must be called as a stack is."""
_ADDED: Final = (re.compile(r"[ _.\-]+[^ _.\-]+$"), re.compile(r"^[^ _.\-]+[ _.\-]+"))
"""A word after or before the name of the stack: `A12_mask`, `mask_A12`."""


def find_masks(headers: Mapping[PurePosixPath, ImageHeader]) -> dict[PurePosixPath, PurePosixPath | None]:
    """Files of one band that are called as a stack is, wherever they stand; and that stack.

    A band beside its finished stack is no mask: its name says so, or several are called as one stack.

    Args:
        headers: of every image.

    Returns:
        For each mask its stack; None where several stacks are called so and no folder tells which.
    """
    single = [file for file, header in headers.items() if header.n_bands == 1]
    by_stem: dict[str, list[PurePosixPath]] = defaultdict(list)
    for file, header in headers.items():
        if header.n_bands >= FEWEST_STACK_BANDS:
            by_stem[file.stem].append(file)
    called = {file: stacks for file in single if (stacks := _stacks_of(file, by_stem))}
    n = Counter(called.values())
    found = {file: stacks for file, stacks in called.items() if n[stacks] <= len(stacks)}
    if len(found) < _MIN_SHARE * len(single):
        return {}
    return {file: stacks[0] if len(stacks) == 1 else None for file, stacks in found.items()}


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


def _stacks_of(
    file: PurePosixPath, by_stem: Mapping[str, Sequence[PurePosixPath]]
) -> tuple[PurePosixPath, ...]:
    """The stacks that a file is called as, several where its folders agree alike; none if it is a band."""
    for name, added in _readings(file.stem):
        if name in by_stem:
            near = _nearest(file, by_stem[name])
            is_below_them = any(file.parent.name in stack.parent.parts for stack in near)
            words = (added.strip(" _.-"), "" if is_below_them else file.parent.name)
            return () if any(map(names_band, words)) else near
    return ()


def _readings(stem: str) -> list[tuple[str, str]]:
    """What the stack of a file may be called, and what the file's stem adds to it."""
    matches = [match for pattern in _ADDED if (match := pattern.search(stem))]
    return [(stem, ""), *((stem[: one.start()] + stem[one.end() :], one[0]) for one in matches)]


def _nearest(file: PurePosixPath, stacks: Sequence[PurePosixPath]) -> tuple[PurePosixPath, ...]:
    """The stacks whose folders agree best with those of a file."""

    def agreement(stack: PurePosixPath) -> tuple[bool, int]:
        shared = Counter(stack.parent.parts) & Counter(file.parent.parts)
        return stack.parent == file.parent, shared.total()

    best = max(map(agreement, stacks))
    return tuple(stack for stack in stacks if agreement(stack) == best)
