"""What all groups of parameters have in common: frozen, no unknown keys; `null` where a preset decides."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class ParamsModel(BaseModel):
    """A group of parameters. An unknown key is an error; values cannot change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    of_preset: ClassVar[frozenset[str]] = frozenset()
    """Keys that `null` leaves to the preset: they count as not given."""

    @model_validator(mode="before")
    @classmethod
    def _leave_to_the_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {key: value for key, value in given.items() if value is not None or key not in cls.of_preset}
