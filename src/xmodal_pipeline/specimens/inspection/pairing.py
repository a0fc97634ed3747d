"""How the names of photographs tell which two belong to one capture, and the table where no suffix does."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import pandas as pd

from xmodal_pipeline.imaging.labels import read_wavelength
from xmodal_pipeline.specimens.discovery import CAPTURE_COLUMNS, pairs_of_columns
from xmodal_pipeline.specimens.joining import Join

RGB_FILE: Final = "rgb_file"
UV_FILE: Final = "uv_file"
VISIBLE_WORDS: Final = frozenset({"vis", "visible", "rgb", "vl", "color", "colour", "white", "human"})
UV_WORDS: Final = frozenset({"uv", "ultraviolet", "uvr", "uva", "uvref"})
_ENDINGS: Final = (
    re.compile(r"[ _.\-]+[^ _.\-]+$"),  # X_vis, X-UV
    re.compile(r"(?<=\d)[A-Za-z]+$"),  # 0016D
    re.compile(r"(?<=[a-z])[A-Z][A-Za-z]*$"),  # specimenUV
)
_WORD: Final = re.compile(
    rf"(^|[ _.\-])({'|'.join(sorted(VISIBLE_WORDS | UV_WORDS))})(?=[ _.\-]|$)", re.IGNORECASE
)
_SPLIT: Final = re.compile(r"([^A-Za-z0-9]+|(?<=\d)(?=[A-Za-z])|(?<=[A-Za-z])(?=\d)|(?<=[a-z])(?=[A-Z]))")
_BAND: Final = re.compile(r"r|g|b|red|green|blue|uv\d?", re.IGNORECASE)
_MOST_ENDINGS: Final = 12
"""A key that goes on in more ways than this is a series, not a specimen."""
_MIN_SHARE: Final = 0.5
"""Endings must pair this share of the photographs."""
_MIN_SHARED_NAMES: Final = 0.9
"""Two folders must share this share of their names."""


@dataclass(frozen=True)
class SuffixPair:
    """Two endings by which most photographs form pairs."""

    rgb: str
    uv: str
    n_pairs: int
    is_told: bool
    """Whether the endings themselves say which is which."""
    also: tuple[str, ...] = ()
    """Other endings that many of the same specimens have."""


@dataclass(frozen=True)
class WordPairs:
    """Photographs whose names pair by a word that is no ending: a folder, a beginning, a middle."""

    pairs: tuple[tuple[PurePosixPath, PurePosixPath], ...]
    """(visible, UV)."""
    where: Literal["folder", "name"]
    is_told: bool = True
    """Whether the word says which one is UV."""


def find_suffix_pair(images: Sequence[PurePosixPath]) -> SuffixPair | None:
    """The two endings that join most photographs of a folder, if they join at least half of them.

    Endings that are known words (`_vis`, `-UV`) are preferred, and say which photograph is UV.
    """
    endings = _endings_by_key(images)
    n_keys: Counter[tuple[str, str]] = Counter()
    for found in endings.values():
        alone = sorted(found)
        n_keys.update((a, b) for at, a in enumerate(alone) for b in alone[at + 1 :])
    possible = [pair for pair, n in n_keys.items() if n * 2 >= _MIN_SHARE * len(images)]
    told = [pair for pair in n_keys if _is_told(*pair) and n_keys[pair] * 4 >= _MIN_SHARE * len(images)]
    if not possible and not told:
        return None
    first, second = max(told or possible, key=lambda pair: (n_keys[pair], pair))
    rgb, uv = (second, first) if _is_uv_first(first, second) else (first, second)
    n_pairs = n_keys[first, second]
    others = Counter(
        ending for found in endings.values() if {first, second} <= found for ending in found - {first, second}
    )
    also = tuple(sorted(ending for ending, n in others.items() if n * 2 > n_pairs))
    return SuffixPair(rgb, uv, n_pairs, _is_told(first, second), also)


def find_band_endings(images: Sequence[PurePosixPath]) -> tuple[str, ...]:
    """The three or more endings that most specimens' files share, as where every band is a file.

    Names that say nothing but the band (`A12/365nm.tif`, `A12/UV.tif`) are shared by folders.
    """
    by_folder: dict[PurePosixPath, set[str]] = defaultdict(set)
    for file in images:
        if names_band(file.stem) or file.stem.casefold() == "mask":
            by_folder[file.parent].add(file.stem)
    named = [frozenset(found) for found in by_folder.values() if 3 <= len(found) <= _MOST_ENDINGS]
    shared = [found for found in named if named.count(found) > 1]
    by_key = [frozenset(found) for found in _endings_by_key(images).values() if len(found) >= 3]
    sets = Counter(by_key or shared)
    if not sets:
        return ()
    endings, n = sets.most_common(1)[0]
    return tuple(sorted(endings)) if n * len(endings) >= _MIN_SHARE * len(images) else ()


def names_band(word: str) -> bool:
    """Whether a word says nothing but a colour, UV, or a wavelength."""
    return read_wavelength(word) is not None or _BAND.fullmatch(word) is not None


def find_word_pairs(images: Sequence[PurePosixPath]) -> WordPairs | None:
    """Pairs told apart by a word for UV or visible light anywhere in their paths.

    In a folder whose names say nothing else in common, one visible and one UV photograph are a pair too.
    """
    sides: dict[tuple[str, ...], dict[str, list[PurePosixPath]]] = defaultdict(lambda: defaultdict(list))
    told = [(file, side) for file in images if (side := _side(file)) is not None]
    for file, side in told:
        sides[_without_words(file)][side].append(file)
    pairs = _complete(sides.values())
    if not pairs:
        by_folder: dict[PurePosixPath, dict[str, list[PurePosixPath]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for file, side in told:
            by_folder[file.parent][side].append(file)
        pairs = _complete(by_folder.values())
    if not pairs or 2 * len(pairs) < _MIN_SHARE * len(images):
        return None
    return WordPairs(
        tuple(sorted(pairs)), "folder" if all(a.parent != b.parent for a, b in pairs) else "name"
    )


def find_folder_pairs(images: Sequence[PurePosixPath]) -> WordPairs | None:
    """Pairs of one name in two folders that hold all the images; which one is UV, a folder's name may say."""
    folders: dict[PurePosixPath, dict[str, PurePosixPath]] = defaultdict(dict)
    for file in images:
        folders[file.parent][file.stem] = file
    if len(folders) != 2:
        return None
    rgb, uv = sorted(folders, key=lambda folder: (_says_uv(folder.name), folder))
    shared = folders[rgb].keys() & folders[uv].keys()
    if 2 * len(shared) < _MIN_SHARED_NAMES * len(images):
        return None
    is_told = _says_uv(uv.name) and not _says_uv(rgb.name)
    pairs = ((folders[rgb][stem], folders[uv][stem]) for stem in sorted(shared))
    return WordPairs(tuple(pairs), "folder", is_told)


def list_pairs(
    images: Sequence[PurePosixPath], words: WordPairs, root: Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Captures, called as their visible photograph without the word for its light; and images left over.

    Args:
        images: relative to the root.
        words: their pairs.
        root: the folder.
    """
    sides = pd.DataFrame(words.pairs, columns=[RGB_FILE, UV_FILE]).map(str)
    captures, left_over = pairs_of_columns(list(images), sides[RGB_FILE], sides[UV_FILE], root=root)
    bare = [_bare(PurePosixPath(rgb)) for rgb in captures["filename"]]
    n = Counter(one.name for one in bare)
    ids = [one.name if n[one.name] == 1 else str(one) for one in bare]
    return captures.assign(capture_id=ids), left_over


def as_called(captures: pd.DataFrame) -> pd.DataFrame:
    """Captures of `list_pairs` as if their files were called as they are, for tables that call them so."""
    return captures.assign(filename=captures["capture_id"], uv_filename="")


def tabulate_pairs(captures: pd.DataFrame, join: Join | None) -> pd.DataFrame:
    """Metadata that join pairs by columns: `specimen_id`, `rgb_file`, `uv_file`, and the labels.

    Args:
        captures: of `list_pairs`.
        join: of them and a table, if there is one; in the same order.
    """
    joined = captures.assign(specimen_id=captures["capture_id"]) if join is None else join.captures
    labels = [name for name in joined if name not in {*CAPTURE_COLUMNS, "specimen_id", "flags"}]
    files = captures[["filename", "uv_filename"]].set_axis([RGB_FILE, UV_FILE], axis=1)
    return pd.concat([joined[["specimen_id"]], files, joined[labels]], axis=1)


def _bare(rgb: PurePosixPath) -> PurePosixPath:
    """The path of a photograph without the word for its light, without its extension."""
    words = VISIBLE_WORDS | UV_WORDS
    folders = [part for part in rgb.parent.parts if part.casefold() not in words]
    name = _WORD.sub("", rgb.stem).strip(" _.-")
    return PurePosixPath(*folders, name) if name or folders else PurePosixPath(rgb.stem)


def _complete(
    sides: Iterable[dict[str, list[PurePosixPath]]],
) -> list[tuple[PurePosixPath, PurePosixPath]]:
    return [
        (one["rgb"][0], one["uv"][0])
        for one in sides
        if len(one.get("rgb", [])) == 1 and len(one.get("uv", [])) == 1
    ]


def _endings_by_key(images: Sequence[PurePosixPath]) -> dict[PurePosixPath, set[str]]:
    """Per stem without its ending, the endings it goes on with; "" where the stem itself is a file."""
    found: dict[PurePosixPath, set[str]] = defaultdict(set)
    for file in images:
        found[file.with_suffix("")].add("")
        matches = {m[0] for pattern in _ENDINGS if (m := pattern.search(file.stem))}
        for match in matches - {one for one in matches if _word(one).isdigit()}:  # a running number
            key = file.stem.removesuffix(match)
            if key:
                found[file.with_name(key)].add(match)
    return {key: endings for key, endings in found.items() if 2 <= len(endings) <= _MOST_ENDINGS}


def _is_told(first: str, second: str) -> bool:
    """Whether one of two endings is UV by its name and the other is not."""
    return _is_uv(first) != _is_uv(second) or {_word(first), _word(second)} == {"u", "v"}


def _is_uv_first(first: str, second: str) -> bool:
    if {_word(first), _word(second)} == {"u", "v"}:
        return _word(first) == "u"
    return _is_uv(first) or _is_visible(second)


def _is_uv(ending: str) -> bool:
    return _word(ending) in UV_WORDS


def _is_visible(ending: str) -> bool:
    return _word(ending) in VISIBLE_WORDS


def _word(ending: str) -> str:
    return ending.strip(" _.-()[]").casefold()


def _tokens(part: str) -> list[str]:
    return [token for token in _SPLIT.split(part) if token and token.isalnum()]


def _says_uv(folder: str) -> bool:
    """Whether a word of a folder's name is UV, or begins with it (`15_UVfiltr`, no `juvenile`)."""
    words = {token.casefold() for token in _tokens(folder)}
    return bool(words & UV_WORDS) or any(word.startswith("uv") for word in words)


def _side(file: PurePosixPath) -> str | None:
    """The light that a path names; the part nearest to the file decides."""
    for part in (file.stem, *reversed(file.parent.parts)):
        words = {token.casefold() for token in _tokens(part)}
        if words & UV_WORDS and not words & VISIBLE_WORDS:
            return "uv"
        if words & VISIBLE_WORDS and not words & UV_WORDS:
            return "rgb"
    return None


def _without_words(file: PurePosixPath) -> tuple[str, ...]:
    return tuple(
        " ".join(token for token in _tokens(part) if token.casefold() not in VISIBLE_WORDS | UV_WORDS)
        for part in (*file.parent.parts, file.stem)
    )
