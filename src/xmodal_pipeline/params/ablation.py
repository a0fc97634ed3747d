"""Parameters of `ablation`: a grid of overrides, one training per cell."""

from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from pydantic import Field, ValidationError, field_validator

from xmodal_pipeline.errors import did_you_mean
from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.dotted import dotted
from xmodal_pipeline.params.train import TrainParams

GROUPS: Final = ("training", "loss", "augmentation")
"""Groups of parameters that a grid may vary; besides them `variant`."""


class AblationParams(ParamsModel):
    """Which overrides are crossed."""

    grid: dict[str, tuple[Any, ...] | None] = Field(
        {"variant": ("separate", "concat", "attention"), "training.seed": (0, 1, 2)}
    )
    """Values per dotted key of `training`, `loss` or `augmentation`, or of `variant`; null leaves a key out,
    such as one of these two in another environment."""

    @field_validator("grid", mode="before")
    @classmethod
    def _nested_keys_are_dotted(cls, grid: object) -> object:
        """Read `{training: {seed: [0, 1]}}`, as `--params` spells it, like `{training.seed: [0, 1]}`."""
        if not isinstance(grid, dict):
            return grid
        return {key: values for key, values in dotted(grid) if values != {}}

    @field_validator("grid")
    @classmethod
    def _values_for_each_key(cls, grid: dict[str, tuple[Any, ...] | None]) -> dict[str, Any]:
        for key, values in grid.items():
            if values is not None and (not values or any(one in values[:i] for i, one in enumerate(values))):
                raise ValueError(f"{key} must list different values, at least one, got {list(values)}")
        if not any(values for values in grid.values()):
            raise ValueError("some key must have values, got none")
        return grid


@dataclass(frozen=True)
class Cell:
    """One combination of the grid, as complete parameters."""

    settings: dict[str, Any]
    """The grid's keys with the values of this cell."""
    variant: str
    params: TrainParams


def list_cells(grid: dict[str, tuple[Any, ...] | None], base: TrainParams) -> list[Cell]:
    """Cross the values of a grid over the study's own parameters.

    Args:
        grid: values per key; a key with null is left out.
        base: what a cell has where the grid says nothing; without a key `variant`, the variant is `separate`.

    Raises:
        ValueError: naming the key, what is allowed and what was found.
    """
    varied = {key: values for key, values in grid.items() if values is not None}
    for key in varied:
        _check_key(key, base)
    combinations = product(*varied.values())
    return [_cell(dict(zip(varied, values, strict=True)), base) for values in combinations]


def _check_key(key: str, base: TrainParams) -> None:
    known = ["variant", *(known for known, _ in dotted(base.model_dump(include=set(GROUPS))))]
    if key not in known:
        allowed = f"variant and keys of {', '.join(GROUPS)}"
        raise ValueError(f"grid.{key}: unknown key; allowed are {allowed}{did_you_mean(key, known)}")


def _cell(settings: dict[str, Any], base: TrainParams) -> Cell:
    tree = base.model_dump(include=set(TrainParams.model_fields))  # a base may be the whole tree
    variant = settings.get("variant", "separate")
    if variant not in base.variants:
        raise ValueError(f"grid.variant: must be among {sorted(base.variants)}, got '{variant}'")
    for key, value in settings.items():
        if key != "variant":
            *groups, name = key.split(".")
            group = tree
            for part in groups:
                group = group[part]
            group[name] = value
    if "training.max_epochs" in settings:
        tree["training"]["captures_seen"] = None
    try:
        return Cell(settings, variant, TrainParams.model_validate(tree))
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        raise ValueError(f"grid.{key}: {message}, got {settings}") from error
