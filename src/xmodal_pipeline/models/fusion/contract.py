"""What a fusion strategy must offer.

A new one is a file beside this, and a parameters class in `params/variants.py` that names it as its builder.
"""

from typing import Literal, NamedTuple

from torch import Tensor, nn

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.encoder_pair import EncoderPair


class FusedFeatures(NamedTuple):
    """Features of a batch, each (batch, feature_dim)."""

    features: dict[str, Tensor]
    """By `rgb`, `uv`, `joint`; a baseline has its one modality."""
    alone: dict[str, Tensor]
    """By modality: the joint feature made from that modality only; empty when not asked for."""


class Fusion(nn.Module):
    """Encoders and the way their outputs become one: `encode`, then `combine`.

    A subclass is built from its parameters class and a `BackboneSpec`, and sets `feature_dim`.
    """

    modalities: tuple[str, ...] = ("rgb", "uv")
    feature_dim: int

    @property
    def encoders(self) -> dict[str, nn.Module]:
        """The encoder of each modality; the same module twice where it is shared."""
        raise NotImplementedError(f"{type(self).__name__}: encoders must be defined by the strategy")

    def encode(self, rgb: Tensor, uv: Tensor) -> dict[str, Tensor]:
        """What the encoders alone make of images: all that a frozen encoder is ever asked for.

        Args:
            rgb: (batch, RGB bands, height, width), standardised, background 0.
            uv: (batch, UV bands, height, width), same rows.

        Returns:
            By name, (batch, dim) features or (batch, tokens, dim) tokens.
        """
        raise NotImplementedError(f"{type(self).__name__}: encode must be defined by the strategy")

    def combine(self, encoded: dict[str, Tensor], *, alone: bool) -> FusedFeatures:
        """Features from what `encode` gave.

        Args:
            encoded: by name, same rows.
            alone: whether each modality's own joint is wanted too.
        """
        raise NotImplementedError(f"{type(self).__name__}: combine must be defined by the strategy")

    def forward(self, rgb: Tensor, uv: Tensor, *, alone: bool) -> FusedFeatures:
        """Features of images, as `encode` and `combine` take them."""
        return self.combine(self.encode(rgb, uv), alone=alone)


class PairFusion(Fusion):
    """A strategy that encodes each modality by itself and joins them afterwards."""

    def __init__(self, spec: BackboneSpec, *, shared: bool, output: Literal["features", "tokens"]) -> None:
        """Build one encoder for both modalities, or one for each."""
        super().__init__()
        self.pair = EncoderPair(spec, shared=shared, output=output)
        self.feature_dim = self.pair.dim

    @property
    def encoders(self) -> dict[str, nn.Module]:
        """The encoder of each modality."""
        return self.pair.by_modality

    def encode(self, rgb: Tensor, uv: Tensor) -> dict[str, Tensor]:
        """Features or tokens of each modality."""
        rgb, uv = self.pair(rgb, uv)
        return {"rgb": rgb, "uv": uv}
