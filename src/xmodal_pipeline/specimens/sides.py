"""Sides of a specimen that names of files tell, and no label does."""

import itertools
import re
from typing import Final

import pandas as pd

from xmodal_pipeline.specimens.names import spell, strip_suffix

_WORDS: Final = {
    "dorsal": ("d", "dors", "dorsal", "upper", "up", "top"),
    "ventral": ("v", "vent", "ventral", "under", "bottom"),
    "left": ("l", "left"),
    "right": ("r", "right"),
    "lateral": ("lateral",),
    "front": ("front",),
    "back": ("back",),
    "recto": ("recto",),
    "verso": ("verso",),
}
_SIDES: Final = {word: side for side, words in _WORDS.items() for word in words}


def are_two_sides(first: str, second: str) -> bool:
    """Whether two words name two sides of a specimen, whose photographs never lie on one another."""
    sides = _SIDES.get(spell(first)), _SIDES.get(spell(second))
    return None not in sides and sides[0] != sides[1]


def describe_unlabelled_sides(captures: pd.DataFrame) -> str:
    """What to do where captures of one specimen show two sides by their names; empty elsewhere.

    Without a label `view` they would count as repeats of one photograph.

    Args:
        captures: `specimen_id, filename` and labels.
    """
    unlabelled = captures[captures["view"].isna()] if "view" in captures else captures
    for specimen, names in unlabelled.groupby("specimen_id", sort=True)["filename"]:
        shown: dict[frozenset[str], str] = {}
        for name in sorted(map(str, names)):
            shown.setdefault(_sides(name, str(specimen)), name)
        for (some, first), (others, second) in itertools.combinations(shown.items(), 2):
            if some - others and others - some:
                return (
                    f"{first} and {second} look like two sides of '{specimen}', and count as repeats of "
                    "one: give the table a row per photograph with its 'view'"
                )
    return ""


def _sides(path: str, specimen: str) -> frozenset[str]:
    """The sides that a path adds to the name of its specimen; lone letters tell none before that name."""
    name = re.compile(rf"(?<![^\W_]){re.escape(spell(specimen))}")
    before, *after = (re.split(r"[\W_]+", part) for part in name.split(spell(strip_suffix(path))))
    words = {word for word in before if len(word) > 1}.union(*after)
    return frozenset(_SIDES[word] for word in words & _SIDES.keys())
