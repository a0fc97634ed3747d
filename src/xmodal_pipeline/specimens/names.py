"""How files are called, and which of them a name in a table means."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath, PurePosixPath, PureWindowsPath

IMAGE_SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg", ".png")
_SIMILARITY = 0.75
_UNQUOTABLE = ("Cc", "Cs")
_FIRST_BYTE = 0xDC00
"""Of the surrogates for undecodable bytes (PEP 383)."""
_SEPARATORS_AND_ZEROS = re.compile(r"[\W_]+|(?<!\d)0+(?=\d)")


def compose(text: str) -> str:
    """Text in Unicode's composed form (NFC), stripped: macOS writes names decomposed."""
    return unicodedata.normalize("NFC", text).strip()


def spell(name: str) -> str:
    """A name as it is compared: composed, upper and lower case alike."""
    return compose(name).casefold()


def is_quotable(name: str) -> bool:
    """Whether tables, logs and figures can hold a name: not if it is no UTF-8, or has control characters."""
    return not any(unicodedata.category(letter) in _UNQUOTABLE for letter in name)


def quote(name: str) -> str:
    r"""A name with what cannot be quoted escaped: `caf\xe9.tif`, `a\nb.tif`."""
    escaped = (letter if is_quotable(letter) else _escape(letter) for letter in name)
    return "".join(escaped)


def _escape(letter: str) -> str:
    """A control character, or a byte that is no UTF-8, which Python keeps as a lone surrogate."""
    code = ord(letter)
    return f"\\x{code - _FIRST_BYTE:02x}" if code >= _FIRST_BYTE else repr(letter)[1:-1]


def strip_suffix(name: str) -> str:
    """A file's name without its extension, where that is an image's: `MUS.1002` has none."""
    stem, dot, ending = name.rpartition(".")
    return stem if stem and (dot + ending).lower() in IMAGE_SUFFIXES else name


@dataclass(frozen=True)
class NameIndex:
    """Finds what a file name in a table means, among the files under a folder.

    Names are compared in NFC, upper and lower case alike where that tells files apart. A name without a
    folder means every file of that name; one with folders only a file in these folders, of which those above
    `root` may be named too; an absolute path (of another machine, perhaps) a file whose whole path under
    `root` and the folder above it stand at its end. The extension may be missing or that of another format.
    """

    root: PurePath
    """Absolute path of the folder."""
    _names: dict[str, list[tuple[PurePosixPath, int]]] = field(default_factory=dict)
    _stems: dict[str, list[tuple[PurePosixPath, int]]] = field(default_factory=dict)

    def add(self, file: PurePosixPath, number: int) -> None:
        """Let `number` be found by a file.

        Args:
            file: relative to the root.
            number: what is found; several files may stand for one.
        """
        self._names.setdefault(spell(file.name), []).append((file, number))
        self._stems.setdefault(spell(strip_suffix(file.name)), []).append((file, number))

    def find(self, name: str) -> list[int]:
        """The numbers that a name means, each once; more than one is no answer, but says why there is none.

        Args:
            name: a path or file name, posix or Windows style.
        """
        given = _path(name)
        if not given.name:
            return []
        exact = self._matching(given, self._names.get(spell(given.name), []))
        stem = strip_suffix(given.name)
        found = exact or self._matching(
            given.with_name(stem), [(_bare(f), n) for f, n in self._stems.get(spell(stem), [])]
        )
        same_case = [number for file, number in found if compose(file.name) in (given.name, stem)]
        return sorted(set(same_case or [number for _, number in found]))

    def _matching(
        self, given: PurePath, files: Iterable[tuple[PurePosixPath, int]]
    ) -> list[tuple[PurePosixPath, int]]:
        wanted = [spell(part) for part in given.parts if part != given.anchor]
        above = [spell(part) for part in self.root.parts if part != self.root.anchor]
        found = []
        for file, number in files:
            own = [spell(part) for part in file.parts]
            shared = _common_end(wanted, [*above, *own])
            is_there = shared > len(own) if given.anchor else shared == len(wanted)
            if is_there:
                found.append((file, number))
        return found


def _path(name: str) -> PurePath:
    text = compose(name)
    windows = PureWindowsPath(text)
    return windows if windows.drive else PurePosixPath(text.replace("\\", "/"))


def _bare(file: PurePosixPath) -> PurePosixPath:
    return file.with_name(strip_suffix(file.name))


def _common_end(first: list[str], second: list[str]) -> int:
    n = 0
    for a, b in zip(reversed(first), reversed(second), strict=False):
        if a != b:
            break
        n += 1
    return n


def nearest(name: str, candidates: Mapping[str, str], *, is_loose: bool) -> str | None:
    """The candidate that is spelt most like a name.

    Args:
        name: that met nothing.
        candidates: of `nearest_candidates`.
        is_loose: also similar ones; else only those that differ in zeros, separators and case.
    """
    key = _reduced(name)
    if key in candidates:
        return candidates[key]
    close = difflib.get_close_matches(key, candidates, n=1, cutoff=_SIMILARITY) if is_loose else []
    return candidates[close[0]] if close else None


def nearest_candidates(names: Iterable[str]) -> dict[str, str]:
    """Names by the form in which `nearest` compares them."""
    return {_reduced(name): name for name in names}


def _reduced(name: str) -> str:
    return _SEPARATORS_AND_ZEROS.sub("", spell(strip_suffix(_path(name).name)))
