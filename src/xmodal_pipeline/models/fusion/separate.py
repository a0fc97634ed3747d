"""Separate: two features that meet in the loss only."""

from torch import Tensor

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.fusion.contract import FusedFeatures, PairFusion
from xmodal_pipeline.models.projection import mean_direction
from xmodal_pipeline.params.variants import SeparateParams


class Separate(PairFusion):
    """One or two encoders; the joint is the mean of both directions and has no parameters."""

    def __init__(self, params: SeparateParams, spec: BackboneSpec) -> None:
        """Build the encoders."""
        super().__init__(spec, shared=not params.use_modality_specific, output="features")

    def combine(self, encoded: dict[str, Tensor], *, alone: bool) -> FusedFeatures:
        """Features of both and their mean direction; what each is alone follows from its projection."""
        return FusedFeatures({**encoded, "joint": mean_direction(encoded["rgb"], encoded["uv"])}, {})
