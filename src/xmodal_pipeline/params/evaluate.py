"""Parameters of `evaluate`: the protocol behind every number."""

from typing import ClassVar

from pydantic import Field, field_validator

from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.variants import STRATEGIES


class EvaluationParams(ParamsModel):
    """The evaluation protocol. The report states which one made its tables."""

    of_preset: ClassVar[frozenset[str]] = frozenset(
        ("protocol", "inner_folds", "c_values", "bootstraps", "permutations", "reference_permutations")
    )
    protocol: str = "demo"
    """Name of these settings; every table states it."""
    ks: tuple[int, ...] = (1, 5, 10)
    """Ranks k of recall@k."""
    folds: int = Field(5, ge=2)
    """Outer folds of the probes, stratified by class, whole specimens each."""
    inner_folds: int = Field(3, ge=2)
    """Folds within each of them that choose C."""
    c_values: tuple[float, ...] = (0.01, 1.0, 100.0)
    """Values of C, the inverse of the penalty, that they choose from."""
    bootstraps: int = Field(200, ge=20)
    """Resamples of specimens behind each interval of an accuracy or a difference."""
    permutations: int = Field(999, ge=19)
    """Permutations behind each p-value of the alignment."""
    reference_permutations: int = Field(20, ge=1)
    """Refits with the other modality's rows permuted, behind `improvement_over_*`."""
    minimum_n: int = Field(6, ge=3)
    """Specimens per class below which a cell says `too few`."""
    uv_value_features: tuple[str, ...] = Field(("colour", "separate"), min_length=1)
    """Sets of features whose findings count in `uv_value`, corrected together: colour, and one variant that
    sees both modalities (a `_shared` one with `--pipelines all_variants`). Every other set is exploratory."""
    uv_value_margin: float = Field(1.0, gt=0)
    """Distance of the classes in UV given RGB, in SDs, below which RGB is said to suffice."""
    n_jobs: int = -1
    """Worker processes for the probes; -1 uses every core."""
    seed: int = 0
    """Folds, resamples and permutations follow from it."""

    @field_validator("uv_value_features")
    @classmethod
    def _known_features(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = ["colour", *STRATEGIES]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"must be among {known}, got {unknown}")
        if len(set(names) - {"colour"}) > 1:
            raise ValueError(f"must name one variant at most beside colour, got {list(names)}")
        return names
