"""Which files of a folder are captures, and which pair of files is one capture."""

from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

import pandas as pd

from xmodal_pipeline.errors import CaptureCode, ParametersError
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.patches import LABELS_SUFFIX
from xmodal_pipeline.params.ingest import SpecimensParams

IMAGE_SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg", ".png")
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
        Captures (`capture_id, filename, uv_filename`; file names relative to `root`, posix style;
        `uv_filename` is "" for stacks) and the files that make no capture (`filename, code, reason`).

    Raises:
        ParametersError: if `root` is not a folder or holds no image, or the metadata that joins the
            pairs is missing.
    """
    if not root.is_dir():
        raise ParametersError(
            f"specimens.root: must be an existing folder, got '{root}'; check the path (or set it to null "
            "to simulate specimens)"
        )
    files = sorted(file for file in _image_files(root) if str(file) not in without)
    if specimens.patches == "labels":  # label images lie beside the captures, and are none
        files = [file for file in files if not file.stem.endswith(LABELS_SUFFIX)]
    if not files:
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
        return pairs_of_columns(files, metadata[specimens.rgb_column], metadata[specimens.uv_column])
    return _pairs(files, specimens) if specimens.is_pair else _stacks(files)


def capture_files(captures: pd.DataFrame, root: Path) -> list[CaptureFiles]:
    """Where the files of each row of a capture table are."""
    return [
        CaptureFiles(capture, specimen, root / rgb, root / uv if uv else None)
        for capture, specimen, rgb, uv in zip(
            *(
                captures[name].astype(str)
                for name in ("capture_id", "specimen_id", "filename", "uv_filename")
            ),
            strict=True,
        )
    ]


def _image_files(root: Path) -> Iterable[PurePosixPath]:
    for path in root.rglob("*"):
        relative = PurePosixPath(path.relative_to(root).as_posix())
        hidden = any(part.startswith(".") for part in relative.parts)
        if not hidden and path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            yield relative


def _stacks(files: list[PurePosixPath]) -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = _unique_ids([file.with_suffix("") for file in files])
    rows = [(identity, str(file), "") for identity, file in zip(ids, files, strict=True)]
    return pd.DataFrame(rows, columns=CAPTURE_COLUMNS), pd.DataFrame(columns=REJECTED_COLUMNS)


def _pairs(files: list[PurePosixPath], specimens: SpecimensParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    suffixes = {"rgb": specimens.rgb_suffix or "", "uv": specimens.uv_suffix or ""}
    found: dict[PurePosixPath, dict[str, list[PurePosixPath]]] = {}
    rejected: list[tuple[str, str, str]] = []
    for file in files:
        # The longer suffix first: `_1_uv` must win over `uv` when both match.
        ends = sorted(
            ((s, m) for m, s in suffixes.items() if file.stem.endswith(s)), key=lambda e: -len(e[0])
        )
        if not ends:
            reason = f"the name must end in '{suffixes['rgb']}' or '{suffixes['uv']}' before its extension"
            rejected.append((str(file), CaptureCode.MISSING_PAIR, reason))
            continue
        suffix, modality = ends[0]
        key = file.with_name(file.stem.removesuffix(suffix) or file.stem)
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
    files: list[PurePosixPath], rgb: pd.Series, uv: pd.Series
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pairs that the rows of the metadata name, and what keeps the other rows and files from being one.

    A name may be a path under the root, a file name, or a file name without its extension.

    Args:
        files: every image, relative to the root.
        rgb: file name of each row's RGB photograph.
        uv: file name of each row's UV photograph.
    """
    spelt: dict[str, set[PurePosixPath]] = {}
    for file in files:
        for spelling in {str(file), file.name, file.stem}:
            spelt.setdefault(spelling, set()).add(file)
    rows = [(_spelling(first), _spelling(second)) for first, second in zip(rgb, uv, strict=True)]
    claims = Counter(file for row in rows for file in {file for name in row for file in spelt.get(name, ())})
    pairs: list[tuple[PurePosixPath, PurePosixPath]] = []
    rejected: list[tuple[str, str, str]] = []
    for row in rows:
        faults = [(name, fault) for name in row if (fault := _name_fault(name, spelt, claims))]
        if not faults and spelt[row[0]] == spelt[row[1]]:
            faults = [(row[0], "one file stands for both photographs of the pair")]
        rejected += [(name, CaptureCode.MISSING_PAIR, f"{fault}; row {row}") for name, fault in faults]
        if not faults:
            pairs.append((next(iter(spelt[row[0]])), next(iter(spelt[row[1]]))))
    reason = f"no row of the metadata names it in '{rgb.name}' or '{uv.name}'"
    rejected += [(str(file), CaptureCode.MISSING_PAIR, reason) for file in files if file not in claims]
    pairs.sort()
    ids = _unique_ids([first.with_suffix("") for first, _ in pairs])
    found = [(identity, str(a), str(b)) for identity, (a, b) in zip(ids, pairs, strict=True)]
    return pd.DataFrame(found, columns=CAPTURE_COLUMNS), pd.DataFrame(rejected, columns=REJECTED_COLUMNS)


def _spelling(name: object) -> str:
    text = "" if name is pd.NA or name is None else str(name).strip()
    return str(PurePosixPath(text.replace("\\", "/"))) if text else ""


def _name_fault(
    name: str, spelt: dict[str, set[PurePosixPath]], claims: Counter[PurePosixPath]
) -> str | None:
    found = spelt.get(name, set())
    if not name:
        return "the row must name a file here"
    if not found:
        return "no such file stands under specimens.root"
    if len(found) > 1:
        return f"{len(found)} files are called so ({', '.join(sorted(map(str, found)))}); write their folders"
    n_rows = claims[next(iter(found))]
    return f"{n_rows} rows name this file; a file belongs to one pair" if n_rows > 1 else None


def _unique_ids(stems: list[PurePosixPath]) -> list[str]:
    """The bare stem where it is unique in the study, else the path, so that no capture hides another."""
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
