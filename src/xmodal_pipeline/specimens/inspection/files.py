"""The files of a folder by kind, and what the headers of its images declare."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from xmodal_pipeline.errors import CaptureRejected
from xmodal_pipeline.imaging.patches import LABELS_SUFFIX
from xmodal_pipeline.imaging.photograph import read_header
from xmodal_pipeline.imaging.tiff import ImageHeader
from xmodal_pipeline.specimens.discovery import find_previews, is_image
from xmodal_pipeline.specimens.folder import TABLE_SUFFIXES, WORKBOOK_SUFFIXES, list_folder
from xmodal_pipeline.specimens.inspection.masks import FEWEST_STACK_BANDS, find_masks

REGION_SUFFIXES: Final = (".zip", ".roi")
TREE_SUFFIXES: Final = (".nwk", ".newick", ".tre", ".tree")
RAW_SUFFIXES: Final = (".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".dng", ".pef", ".srw")
"""Undeveloped photographs, which are not read here."""
MOST_BANDS: Final = 12
"""More than this along an axis of a TIFF are pixels, not bands."""
_MOST_HEADERS: Final = 300


@dataclass(frozen=True)
class Folder:
    """What stands in a folder; file names are relative to it."""

    root: Path
    images: tuple[PurePosixPath, ...]
    """Files that may be captures, or half of one, in the order of their names."""
    label_images: tuple[PurePosixPath, ...]
    """`<stem>_labels` beside another image."""
    previews: tuple[PurePosixPath, ...]
    """JPEG or PNG beside a TIFF of the same name."""
    masks: dict[PurePosixPath, PurePosixPath | None]
    """Files of one band that are called as a stack is, and that stack; None where it is one of several."""
    tables: tuple[PurePosixPath, ...]
    workbooks: tuple[PurePosixPath, ...]
    regions: tuple[PurePosixPath, ...]
    """ImageJ regions named as an image beside them."""
    trees: tuple[PurePosixPath, ...]
    raws: tuple[PurePosixPath, ...]
    broken_links: tuple[PurePosixPath, ...]
    """Links to images that are not there."""
    others: dict[str, int]
    """How many files of each other ending."""
    headers: dict[PurePosixPath, ImageHeader]
    """Of a sample of `images`, drawn evenly at random."""
    unreadable: dict[PurePosixPath, str]
    """Files of the sample that cannot be used, and why."""

    @property
    def n_looked_at(self) -> int:
        """Images whose headers were read."""
        return len(self.headers) + len(self.unreadable)

    @property
    def has_alpha(self) -> bool:
        """Whether any image of the sample has an alpha channel."""
        return any(header.has_alpha for header in self.headers.values())

    def common_header(self, files: Collection[PurePosixPath] | None = None) -> ImageHeader | None:
        """The header that most of the sample (or of `files` in it) have, but for size; None without any."""
        wanted = self.headers.keys() if files is None else self.headers.keys() & set(files)
        chosen = [header for file, header in self.headers.items() if file in wanted]
        kinds = Counter((header.n_bands, header.dtype, header.has_alpha) for header in chosen)
        if not kinds:
            return None
        most = kinds.most_common(1)[0][0]
        return next(one for one in chosen if (one.n_bands, one.dtype, one.has_alpha) == most)


def look_at_folder(root: Path) -> Folder:
    """List a folder by kind and read the headers of a sample of its images; nothing is written.

    Raises:
        ParametersError: if a folder may not be read.
    """
    listing = list_folder(root)
    files = listing.files
    images = [file for file in files if is_image(file)]
    stems = {file.with_suffix("") for file in images}
    label_images = [
        file
        for file in images
        if file.stem.endswith(LABELS_SUFFIX)
        and file.with_name(file.stem.removesuffix(LABELS_SUFFIX)) in stems
    ]
    previews = find_previews(images)
    captures = [file for file in images if file not in {*label_images, *previews}]
    kinds = {
        "tables": (*set(TABLE_SUFFIXES).difference(WORKBOOK_SUFFIXES), ".txt"),
        "workbooks": WORKBOOK_SUFFIXES,
        "regions": REGION_SUFFIXES,
        "trees": TREE_SUFFIXES,
        "raws": RAW_SUFFIXES,
    }
    found = {
        name: tuple(file for file in files if file.suffix.lower() in suffixes)
        for name, suffixes in kinds.items()
    }
    found["regions"] = tuple(file for file in found["regions"] if file.with_suffix("") in stems)
    known = {*images, *(file for group in found.values() for file in group)}
    headers, unreadable = _read_headers(root, captures)
    masks = find_masks(headers)
    return Folder(
        root=root,
        images=tuple(file for file in captures if file not in masks),
        masks=masks,
        label_images=tuple(label_images),
        previews=tuple(previews),
        broken_links=tuple(link for link in listing.broken_links if is_image(link)),
        others=dict(Counter(file.suffix.lower() or "no ending" for file in files if file not in known)),
        headers={file: header for file, header in headers.items() if file not in masks},
        unreadable=unreadable,
        **found,
    )


def _read_headers(
    root: Path, images: list[PurePosixPath]
) -> tuple[dict[PurePosixPath, ImageHeader], dict[PurePosixPath, str]]:
    """Of some hundred images; of all where stacks and files of one band stand beside one another."""
    # At random: every second file of a folder of pairs would be RGB.
    n = min(len(images), _MOST_HEADERS)
    chosen = np.sort(np.random.default_rng(0).choice(max(len(images), 1), n, replace=False))
    headers: dict[PurePosixPath, ImageHeader] = {}
    unreadable: dict[PurePosixPath, str] = {}

    def read(files: Iterable[PurePosixPath]) -> None:
        for file in files:
            try:
                headers[file] = read_header(root / file, range(1, MOST_BANDS + 1))
            except CaptureRejected as rejected:
                unreadable[file] = rejected.reason

    read(images[at] for at in chosen)
    n_bands = {header.n_bands for header in headers.values()}
    if 1 in n_bands and max(n_bands) >= FEWEST_STACK_BANDS:  # masks, or bands of their own: which ones?
        read(file for file in images if file not in headers and file not in unreadable)
    return {file: headers[file] for file in images if file in headers}, unreadable
