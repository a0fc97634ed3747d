"""Separate: two features that meet in the loss only."""

from torch import Tensor, nn

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.encoder_pair import EncoderPair
from xmodal_pipeline.models.fusion.contract import FusedFeatures, Fusion
from xmodal_pipeline.models.projection import mean_direction
from xmodal_pipeline.params.variants import SeparateParams


class Separate(Fusion):
    """One or two encoders; the joint is the mean of both directions and has no parameters."""

    def __init__(self, params: SeparateParams, spec: BackboneSpec) -> None:
        """Build the encoders."""
        super().__init__()
        self.pair = EncoderPair(spec, shared=not params.use_modality_specific, output="features")
        self.feature_dim = self.pair.dim

    @property
    def encoders(self) -> dict[str, nn.Module]:
        """The encoder of each modality."""
        return self.pair.by_modality

    def encode(self, rgb: Tensor, uv: Tensor) -> dict[str, Tensor]:
        """Features of each modality."""
        rgb, uv = self.pair(rgb, uv)
        return {"rgb": rgb, "uv": uv}

    def combine(self, encoded: dict[str, Tensor], *, alone: bool) -> FusedFeatures:
        """Features of both and their mean direction; what each is alone follows from its projection."""
        return FusedFeatures({**encoded, "joint": mean_direction(encoded["rgb"], encoded["uv"])}, {})
