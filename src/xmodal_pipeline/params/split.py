"""Parameters of `split`: partitions and the size of the stored images."""

from typing import Literal, Self

from pydantic import Field, model_validator

from xmodal_pipeline.params._model import ParamsModel

Crop = Literal["specimen", "frame"]


class SplitParams(ParamsModel):
    """How specimens are divided, and how large their stored images are."""

    image_size: int = Field(64, ge=16)
    """Side of the stored square images, in pixels."""
    crop: Crop = "specimen"
    """Cut around the specimen's mask, or keep the whole frame (and with it the specimen's size)."""
    train: float = Field(0.7, gt=0, lt=1)
    """Share of the specimens that train."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share that chooses: early stopping, and the variant that the report draws."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share that is read once, for the numbers."""
    stratify: str = "species"
    """Label whose proportions each partition keeps, where the study has it."""
    held_out: str | None = None
    """Label whose whole classes go to one partition, such as `species`; null splits specimens."""
    seed: int = 0
    """Which specimens go where follows from it."""

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test must be 1, got {total:g}")
        return self
