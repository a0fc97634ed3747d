"""Sides of a specimen that names of files tell, and no label does."""

import re
from typing import Final

import pandas as pd

from xmodal_pipeline.specimens.names import spell, strip_suffix

SIDES: Final = frozenset(
    {"d", "v", "dorsal", "ventral", "dors", "vent", "l", "r", "left", "right", "lateral", "front", "back"}
    | {"upper", "under", "up", "top", "bottom", "recto", "verso"}
)
"""Words that name sides of a specimen: photographs of two were never meant to lie on one another."""


def describe_unlabelled_sides(captures: pd.DataFrame) -> str:
    """What to do where captures of one specimen show two sides by their names; empty elsewhere.

    Without a label `view` they would count as repeats of one photograph.

    Args:
        captures: `specimen_id, filename` and labels.
    """
    if "view" in captures:
        return ""
    for specimen, names in captures.groupby("specimen_id", sort=True)["filename"]:
        sides = {side: str(name) for name in names if (side := _side(str(name), str(specimen)))}
        if len(sides) > 1:
            first, second = sorted(sides.values())[:2]
            return (
                f"{first} and {second} look like two sides of '{specimen}', and count as repeats of one: "
                "give the table a row per photograph with its 'view'"
            )
    return ""


def _side(filename: str, specimen: str) -> str | None:
    """The side that a name adds to that of its specimen, in its spelling."""
    name = spell(strip_suffix(re.split(r"[/\\]", filename)[-1]))
    words = set(re.split(r"[\W_]+", name.removeprefix(spell(specimen))))
    return next(iter(sorted(words & SIDES)), None)
