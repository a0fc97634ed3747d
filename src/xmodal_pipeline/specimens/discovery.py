"""Which files of a folder are captures, and which pair of files is one capture."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pandas as pd

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.params.ingest import SpecimensParams

IMAGE_SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg", ".png")
CAPTURE_COLUMNS = ["capture_id", "filename", "uv_filename"]
REJECTED_COLUMNS = ["filename", "code", "reason"]


def discover_captures(root: Path, specimens: SpecimensParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List the captures under `root`, in the order of their file names.

    Returns:
        Captures (`capture_id, filename, uv_filename`; file names relative to `root`, posix style;
        `uv_filename` is "" for stacks) and the files that make no capture (`filename, code, reason`).

    Raises:
        FileNotFoundError: if `root` is not a folder or holds no image.
    """
    if not root.is_dir():
        raise FileNotFoundError(
            f"specimens.root: must be an existing folder, got '{root}'; check the path (or set it to null "
            "to simulate specimens)"
        )
    files = sorted(_image_files(root))
    if not files:
        raise FileNotFoundError(
            f"specimens.root: must hold images ({', '.join(IMAGE_SUFFIXES)}), found none under '{root}'; "
            "check the path"
        )
    return _pairs(files, specimens) if specimens.is_pair else _stacks(files)


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
