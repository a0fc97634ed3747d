"""The model variants: what they are called, what may be set of each, and what builds them.

A new fusion strategy is a class here with its place in `StrategyParams`, the file that it names as its
builder, and two lines of `conf/base/parameters_train.yml`. Torch-free: the pipeline registry stays quick.
"""

from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import Field, TypeAdapter

from xmodal_pipeline.params._model import ParamsModel


class FusionParams(ParamsModel):
    """What every variant has."""

    builder: ClassVar[str]
    """What builds the model from these, as `module:name`; imported by `models.fusion` only."""
    joint_is_learnt: ClassVar[bool] = True
    """False where the joint is computed from the others without parameters, in features and projections: only
    a learnt one has a head and needs a joint term."""


class SeparateParams(FusionParams):
    """Two projection heads; the joint feature has no parameters."""

    builder: ClassVar[str] = "xmodal_pipeline.models.fusion.separate:Separate"
    joint_is_learnt: ClassVar[bool] = False
    fusion_type: Literal["separate"] = "separate"
    """Which strategy this is."""
    use_modality_specific: bool = True
    """One encoder per modality; false: one for both, with a stem for each."""


class ConcatParams(FusionParams):
    """Features concatenated and projected to the joint feature."""

    builder: ClassVar[str] = "xmodal_pipeline.models.fusion.concat:build_concat"
    fusion_type: Literal["concat"] = "concat"
    """Which strategy this is."""
    use_modality_specific: bool = True
    """One encoder per modality; false: one over all bands."""
    modality_dropout: float = Field(0.2, ge=0, lt=1)
    """Chance that a modality is left out of the shared encoder in training."""


class AttentionParams(FusionParams):
    """Learnt queries attend over spatial tokens."""

    builder: ClassVar[str] = "xmodal_pipeline.models.fusion.attention:Attention"
    fusion_type: Literal["attention"] = "attention"
    """Which strategy this is."""
    use_modality_specific: bool = True
    """One encoder per modality; false: one for both, with a stem for each."""
    heads: int = Field(4, ge=1)
    """Attention heads."""


class BaselineParams(FusionParams):
    """An encoder that sees one modality."""

    builder: ClassVar[str] = "xmodal_pipeline.models.fusion.single:SingleModality"
    joint_is_learnt: ClassVar[bool] = False
    fusion_type: Literal["rgb_only", "uv_only"]
    """The modality that it sees."""
    use_modality_specific: Literal[True] = True
    """Always true: there is one encoder."""


StrategyParams = SeparateParams | ConcatParams | AttentionParams
"""The registry of fusion strategies."""
VariantParams = Annotated[StrategyParams | BaselineParams, Field(discriminator="fusion_type")]

FUSIONS: Final = tuple(str(params.model_fields["fusion_type"].default) for params in get_args(StrategyParams))
"""Every `fusion_type` that sees both modalities."""

STRATEGIES: Final = FUSIONS + tuple(f"{fusion_type}_shared" for fusion_type in FUSIONS)
"""Cross-modal variants: every fusion type, modality-specific or `_shared`."""

BASELINES: Final = ("rgb_only", "uv_only")
"""Variants that see one modality."""

VARIANTS: Final = STRATEGIES + BASELINES
"""Every name allowed under the parameter `variants`."""

DEFAULT_VARIANTS: Final = ("separate", "concat", "attention", "rgb_only", "uv_only")
"""What `train`, `embed` and `evaluate` run."""


def default_variants() -> dict[str, VariantParams]:
    """Parameters of every variant, by name: what `variants` holds where nothing is overridden."""
    read = TypeAdapter[VariantParams](VariantParams).validate_python
    variants = {name: read({"fusion_type": name}) for name in (*FUSIONS, *BASELINES)}
    shared = {name: read({"fusion_type": name, "use_modality_specific": False}) for name in FUSIONS}
    return variants | {f"{name}_shared": params for name, params in shared.items()}
