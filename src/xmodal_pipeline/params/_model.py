"""What every group of parameters has in common: frozen, no unknown keys."""

from pydantic import BaseModel, ConfigDict


class ParamsModel(BaseModel):
    """A group of parameters. An unknown key is an error; values cannot change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
