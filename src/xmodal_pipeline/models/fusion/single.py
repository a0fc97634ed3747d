"""The baselines: one modality, nothing to fuse."""

from torch import Tensor, nn

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.encoder import Encoder
from xmodal_pipeline.models.fusion.contract import FusedFeatures, Fusion
from xmodal_pipeline.params.variants import BaselineParams


class SingleModality(Fusion):
    """An encoder that sees `rgb` or `uv`; the other input is ignored."""

    def __init__(self, params: BaselineParams, spec: BackboneSpec) -> None:
        """Build the encoder."""
        super().__init__()
        self.modality = params.fusion_type.removesuffix("_only")
        self.modalities = (self.modality,)
        self.encoder = Encoder(spec, bands=(spec.bands[self.modality],), output="features")
        self.feature_dim = self.encoder.dim

    @property
    def encoders(self) -> dict[str, nn.Module]:
        """The one encoder."""
        return {self.modality: self.encoder}

    def encode(self, rgb: Tensor, uv: Tensor) -> dict[str, Tensor]:
        """Features of the one modality."""
        return {self.modality: self.encoder(rgb if self.modality == "rgb" else uv)}

    def combine(self, encoded: dict[str, Tensor], *, alone: bool) -> FusedFeatures:
        """The features as they are."""
        return FusedFeatures(encoded, {})
