"""Parameters of `compare`: what stands beside the variants of the study."""

from pathlib import Path

from pydantic import Field, field_validator

from xmodal_pipeline.params._model import ParamsModel


class CompareParams(ParamsModel):
    """Models of other runs, compared on the specimens of this study."""

    runs: dict[str, tuple[Path, ...]] = Field(default_factory=dict)
    """Per name one file or several, which are seeds of one model: `embeddings.parquet` or a checkpoint. The
    name of a variant adds seeds to it."""

    @field_validator("runs", mode="before")
    @classmethod
    def _one_file_is_a_list_of_one(cls, runs: object) -> object:
        if not isinstance(runs, dict):
            return runs
        return {name: (files,) if isinstance(files, str | Path) else files for name, files in runs.items()}

    @field_validator("runs")
    @classmethod
    def _some_file_for_each(cls, runs: dict[str, tuple[Path, ...]]) -> dict[str, tuple[Path, ...]]:
        empty = [name for name, files in runs.items() if not files]
        if empty:
            raise ValueError(f"each name must have a file, got none for {empty}")
        return runs
