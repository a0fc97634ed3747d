"""Tags of nodes: what must hold before they run, and slices that a user runs with `--tags`."""

from enum import StrEnum
from typing import Final

TRAINING: Final = "training"
"""Fits models."""
TABLES: Final = "tables"
"""Writes a table that a person reads."""
FIGURES: Final = "figures"
"""Draws."""
OVERVIEW: Final = "overview"
"""Reads and writes what a first look in kedro-viz should show; sixty datasets pass between the stages."""

DESCRIBES: Final = "describes"
"""Says how its other inputs were made: takes the settings that made them, whatever they are now."""


class Check(StrEnum):
    """What `hooks.py` checks before a run that has a node with this tag."""

    SPECIMENS = "checks.specimens"
    """The folder, its metadata and its labels."""
    TRAINING = "checks.training"
    """Backbone, hardware and losses, for the variant that the node is tagged with."""
    FEATURES = "checks.features"
    """The primary feature set, among those that the node is tagged with."""
    CELLS = "checks.cells"
    """Every cell of the grid."""
    CHECKPOINT = "checks.checkpoint"
    """The file that `apply` reads."""


CHECKS: Final = "checks."
"""How the tags of checks begin."""
FEATURES: Final = "features."
"""How the tags of feature sets begin."""


def feature_set(name: str) -> str:
    """The tag of a node that takes this feature set of `uv_value`."""
    return f"{FEATURES}{name}"
