"""Masks that are files of their own beside stacks, which no setting reads where they stand."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from xmodal_pipeline.imaging.patches import LABELS_SUFFIX
from xmodal_pipeline.imaging.tiff import ImageHeader

_FEWEST_STACK_BANDS: Final = 4
_MIN_SHARE: Final = 0.8
"""Of the files of one band that must be called as a stack is."""
_ADDED: Final = (re.compile(r"[ _.\-]+[^ _.\-]+$"), re.compile(r"^[^ _.\-]+[ _.\-]+"))
"""A word after or before the name of the stack: `A12_mask`, `mask_A12`."""


def find_masks(
    images: Sequence[PurePosixPath], headers: Mapping[PurePosixPath, ImageHeader]
) -> dict[PurePosixPath, PurePosixPath]:
    """Files of one band that are called as a stack is, wherever they stand; and that stack.

    Args:
        images: files that may be captures.
        headers: of a sample of them.
    """
    single = [file for file, header in headers.items() if header.n_bands == 1]
    if not single or all(header.n_bands < _FEWEST_STACK_BANDS for header in headers.values()):
        return {}
    stacks = {file.stem: file for file in images if file not in set(single)}
    found = {file: stack for file in single if (stack := _stack_of(file, stacks))}
    if len(found) < _MIN_SHARE * len(single):
        return {}
    folders = {file.parent for file in found}
    unseen = [file for file in images if file not in headers and file.parent in folders]
    more = {file: stack for file in unseen if (stack := _stack_of(file, stacks)) and stack != file}
    return found | more


def describe_masks(masks: Mapping[PurePosixPath, PurePosixPath]) -> tuple[str, ...]:
    """How they can be read, if there are any."""
    if not masks:
        return ()
    mask, stack = next(iter(sorted(masks.items())))
    target = stack.with_name(f"{stack.stem}{LABELS_SUFFIX}{mask.suffix}")
    return (
        f"{len(masks)} files of one band are called as a stack is: {mask}. Masks are read beside their "
        f"stack: copy them ({target}), set specimens.patches=labels, specimens.mask=patches, and "
        "specimens.root to a folder without the others",
    )


def _stack_of(file: PurePosixPath, stacks: Mapping[str, PurePosixPath]) -> PurePosixPath | None:
    names = (file.stem, *(pattern.sub("", file.stem) for pattern in _ADDED))
    return next((stacks[name] for name in names if name in stacks), None)
