"""Which files of a folder are captures, and which pair of files is one capture."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from xmodal_pipeline.errors import CaptureCode, ParametersError
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.patches import LABELS_SUFFIX
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.folder import list_folder
from xmodal_pipeline.specimens.names import IMAGE_SUFFIXES, NameIndex, compose, quote, spell

logger = logging.getLogger(__name__)

_STACK_SUFFIXES = (".tif", ".tiff")
CAPTURE_COLUMNS = ["capture_id", "filename", "uv_filename"]
REJECTED_COLUMNS = ["filename", "code", "reason"]
FILE_COLUMNS = [
    "capture_id",
    "specimen_id",
    "filename",
    "uv_filename",
    "sha256",
    "height_px",
    "width_px",
    "colour_units",
    "flags",
]
"""Columns of `specimen_index` that describe the files; all others are labels."""
EXPECTED_HASHES = ("rgb_file_sha256", "uv_file_sha256")
"""Columns of the captures to be read with the SHA-256 of each file, where the metadata have it."""


def discover_captures(
    root: Path,
    specimens: SpecimensParams,
    metadata: pd.DataFrame | None = None,
    without: Collection[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List the captures under `root`, in the order of their file names.

    Args:
        root: the folder.
        specimens: whether captures are stacks, or pairs joined by suffixes or by columns of the metadata.
        metadata: as read; needed for pairs joined by columns.
        without: images that are no captures, relative to `root`, posix style.

    Returns:
        Captures (`capture_id, filename, uv_filename`; file names relative to `root`, posix style, as on disk;
        ids in NFC; `uv_filename` is "" for stacks) and the images that make no capture (`filename, code,
        reason`). Every image under `root` is in one of the two, but for `without` and label images.

    Raises:
        ParametersError: if `root` is not a folder or holds no image, or the metadata that joins the
            pairs is missing.
    """
    if not root.is_dir():
        raise ParametersError(
            f"specimens.root: must be an existing folder, got '{root}'; check the path (or set it to null "
            "to simulate specimens)"
        )
    listing = list_folder(root)
    if listing.passed_over:
        logger.info(
            "specimens.root: %d linked folders are listed under another name already: %s",
            len(listing.passed_over),
            ", ".join(map(str, listing.passed_over[:5])),
        )
    files = [file for file in listing.files if is_image(file) and str(file) not in without]
    if specimens.patches == "labels":  # label images lie beside the captures, and are none
        files = [file for file in files if not file.stem.endswith(LABELS_SUFFIX)]
    unusable = [
        (str(link), CaptureCode.BROKEN_LINK.value, "the link must lead to a file, its target is not there")
        for link in listing.broken_links
        if is_image(link)
    ]
    unusable += [
        (quote(str(file)), CaptureCode.BAD_NAME.value, "the path must be UTF-8 without control characters")
        for file in listing.badly_named
        if is_image(file)
    ]
    if not files and not unusable:
        raise ParametersError(
            f"specimens.root: must hold images ({', '.join(IMAGE_SUFFIXES)}), found none under '{root}'; "
            "check the path"
        )
    if specimens.rgb_column is not None and specimens.uv_column is not None:
        if metadata is None:
            raise ParametersError(
                f"specimens.rgb_column: must be a column of the metadata, got {specimens.rgb_column!r} "
                "and no metadata; set specimens.metadata"
            )
        rgb, uv = metadata[specimens.rgb_column], metadata[specimens.uv_column]
        captures, rejected = pairs_of_columns(files, rgb, uv, root=root)
    else:
        captures, rejected = _pairs(files, specimens) if specimens.is_pair else _stacks(files)
    return captures, pd.concat(
        [rejected, pd.DataFrame(unusable, columns=REJECTED_COLUMNS)], ignore_index=True
    )


def capture_files(captures: pd.DataFrame, root: Path) -> list[CaptureFiles]:
    """Where the files of each row of a capture table are."""
    names = ("capture_id", "specimen_id", "filename", "uv_filename")
    columns = [captures[name].astype(str) for name in names]
    hashes = [captures.get(name, pd.Series(index=captures.index, dtype="string")) for name in EXPECTED_HASHES]
    return [
        CaptureFiles(capture, specimen, root / rgb, root / uv if uv else None, (_hash(one), _hash(two)))
        for capture, specimen, rgb, uv, one, two in zip(*columns, *hashes, strict=True)
    ]


def _hash(cell: object) -> str | None:
    return None if pd.isna(cell) else str(cell).strip().lower()  # type: ignore[call-overload]


def is_image(file: PurePosixPath) -> bool:
    """Whether a file is one of the formats that are read, by its name."""
    return file.suffix.lower() in IMAGE_SUFFIXES


def find_previews(files: Sequence[PurePosixPath]) -> dict[PurePosixPath, PurePosixPath]:
    """The previews that raw converters and exports leave beside stacks, each with its stack."""
    stacks = {_key(file): file for file in files if file.suffix.lower() in _STACK_SUFFIXES}
    return {
        file: stacks[_key(file)]
        for file in files
        if file.suffix.lower() not in _STACK_SUFFIXES and _key(file) in stacks
    }


def _stacks(files: list[PurePosixPath]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every image is a capture, but for previews."""
    previews = find_previews(files)
    passed_over = [
        (str(file), CaptureCode.PREVIEW.value, f"'{stack.name}' beside it is the capture")
        for file, stack in previews.items()
    ]
    kept = [file for file in files if file not in previews]
    ids = _unique_ids([file.with_suffix("") for file in kept])
    rows = [(identity, str(file), "") for identity, file in zip(ids, kept, strict=True)]
    return pd.DataFrame(rows, columns=CAPTURE_COLUMNS), pd.DataFrame(passed_over, columns=REJECTED_COLUMNS)


def _key(file: PurePosixPath) -> str:
    return spell(str(file.with_suffix("")))


def _pairs(files: list[PurePosixPath], specimens: SpecimensParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    suffixes = {"rgb": compose(specimens.rgb_suffix or ""), "uv": compose(specimens.uv_suffix or "")}
    found: dict[PurePosixPath, dict[str, list[PurePosixPath]]] = {}
    rejected: list[tuple[str, str, str]] = []
    for file in files:
        stem = compose(file.stem)
        # The longer suffix first: `_1_uv` must win over `uv` when both match.
        ends = sorted(((s, m) for m, s in suffixes.items() if stem.endswith(s)), key=lambda e: -len(e[0]))
        if not ends:
            reason = f"the name must end in '{suffixes['rgb']}' or '{suffixes['uv']}' before its extension"
            rejected.append((str(file), CaptureCode.MISSING_PAIR, reason))
            continue
        suffix, modality = ends[0]
        key = file.with_name(stem.removesuffix(suffix) or stem)
        found.setdefault(key, {}).setdefault(modality, []).append(file)
    complete = {key: sides for key, sides in found.items() if _is_one_pair(sides)}
    for key, sides in found.items():
        if key not in complete:
            rejected.extend(_incomplete(sides, suffixes))
    ids = _unique_ids(list(complete))
    rows = [
        (identity, str(sides["rgb"][0]), str(sides["uv"][0]))
        for identity, sides in zip(ids, complete.values(), strict=True)
    ]
    return pd.DataFrame(rows, columns=CAPTURE_COLUMNS), pd.DataFrame(rejected, columns=REJECTED_COLUMNS)


def _is_one_pair(sides: dict[str, list[PurePosixPath]]) -> bool:
    return {modality: len(files) for modality, files in sides.items()} == {"rgb": 1, "uv": 1}


def _incomplete(
    sides: dict[str, list[PurePosixPath]], suffixes: dict[str, str]
) -> Iterable[tuple[str, str, str]]:
    other = {"rgb": "uv", "uv": "rgb"}
    for modality, files in sides.items():
        for file in files:
            if len(files) > 1:
                reason = f"{len(files)} files claim this side of the pair"
            else:
                reason = f"no file ending in '{suffixes[other[modality]]}' stands beside it"
            yield str(file), CaptureCode.MISSING_PAIR, reason


def pairs_of_columns(
    files: list[PurePosixPath], rgb: pd.Series, uv: pd.Series, *, root: Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pairs that the rows of the metadata name, and what keeps the other rows and files from being one.

    Args:
        files: every image, relative to the root.
        rgb: file name of each row's RGB photograph, as `NameIndex` finds it.
        uv: file name of each row's UV photograph.
        root: the folder.
    """
    names = NameIndex(root.resolve())
    for number, file in enumerate(files):
        names.add(file, number)
    rows = [(_named(first), _named(second)) for first, second in zip(rgb, uv, strict=True)]
    meant = [tuple([files[number] for number in names.find(name)] for name in row) for row in rows]
    claims = Counter(file for row in meant for file in {file for found in row for file in found})
    pairs: list[tuple[PurePosixPath, PurePosixPath]] = []
    rejected: list[tuple[str, str, str]] = []
    for row, found in zip(rows, meant, strict=True):
        faults = [
            (name, fault)
            for name, mine in zip(row, found, strict=True)
            if (fault := _name_fault(name, mine, claims))
        ]
        if not faults and found[0] == found[1]:
            faults = [(row[0], "one file stands for both photographs of the pair")]
        rejected += [(name, CaptureCode.MISSING_PAIR, f"{fault}; row {row}") for name, fault in faults]
        if not faults:
            pairs.append((found[0][0], found[1][0]))
    reason = f"no row of the metadata names it in '{rgb.name}' or '{uv.name}'"
    rejected += [(str(file), CaptureCode.MISSING_PAIR, reason) for file in files if file not in claims]
    pairs.sort()
    ids = _unique_ids([first.with_suffix("") for first, _ in pairs])
    captures = [(identity, str(a), str(b)) for identity, (a, b) in zip(ids, pairs, strict=True)]
    return pd.DataFrame(captures, columns=CAPTURE_COLUMNS), pd.DataFrame(rejected, columns=REJECTED_COLUMNS)


def _named(cell: object) -> str:
    return "" if pd.isna(cell) else compose(str(cell))  # type: ignore[call-overload]


def _name_fault(name: str, found: list[PurePosixPath], claims: Counter[PurePosixPath]) -> str | None:
    if not name:
        return "the row must name a file here"
    if not found:
        return "no such file stands under specimens.root"
    if len(found) > 1:
        return f"{len(found)} files are called so ({', '.join(sorted(map(str, found)))}); write their folders"
    n_rows = claims[found[0]]
    return f"{n_rows} rows name this file; a file belongs to one pair" if n_rows > 1 else None


def _unique_ids(stems: list[PurePosixPath]) -> list[str]:
    """The bare stem where it is unique in the study, else the path, so that no capture hides another."""
    stems = [PurePosixPath(compose(str(stem))) for stem in stems]
    names = Counter(stem.name for stem in stems)
    ids = [stem.name if names[stem.name] == 1 else str(stem) for stem in stems]
    repeated = {identity for identity, n in Counter(ids).items() if n > 1}
    # The same stem with two extensions (X.tif, X.png): a running number keeps both visible.
    seen: Counter[str] = Counter()
    for position, identity in enumerate(ids):
        if identity in repeated:
            seen[identity] += 1
            ids[position] = f"{identity}#{seen[identity]}"
    return ids
