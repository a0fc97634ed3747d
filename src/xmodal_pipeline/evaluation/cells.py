"""Cells of a metrics table: a number, or the reason why there is none."""

from typing import Any

Cell = dict[str, Any]


def not_applicable(reason: str) -> Cell:
    """What stands where a number does not apply or cannot be computed."""
    return {"not_applicable": reason}


def too_few(found: str) -> Cell:
    """The reason `too few`, with what was found: a table shows n, never a number that n cannot carry."""
    return not_applicable(f"too few: {found}")
