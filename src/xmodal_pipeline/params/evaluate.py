"""Parameters of `evaluate`: the protocol behind every number."""

from pydantic import Field, field_validator

from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.variants import STRATEGIES


class EvaluationParams(ParamsModel):
    """The evaluation protocol. The report states which one made its tables."""

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
    """Resamples of specimens behind each interval."""
    permutations: int = Field(999, ge=19)
    """Permutations behind each p-value of `uv_value` and of the alignment."""
    reference_permutations: int = Field(20, ge=1)
    """Refits with the other modality's rows permuted, behind `improvement_over_*`."""
    minimum_n: int = Field(6, ge=2)
    """Specimens per class below which a cell says `too few`."""
    components: int = Field(5, ge=1)
    """Principal components per modality in `uv_value`."""
    uv_value_features: str = "colour"
    """The primary feature set, to which the false-discovery correction applies: colour, or a variant that
    sees both modalities and is among those that run (a `_shared` one with `--pipelines all_variants`)."""
    n_jobs: int = -1
    """Worker processes for the probes; -1 uses every core."""
    seed: int = 0
    """Folds, resamples and permutations follow from it."""

    @field_validator("uv_value_features")
    @classmethod
    def _known_features(cls, name: str) -> str:
        known = ["colour", *STRATEGIES]
        if name not in known:
            raise ValueError(f"must be among {known}, got '{name}'")
        return name
