"""The encoders of RGB and UV: one each, or one for both."""

from typing import Literal, cast

import torch
from torch import Tensor, nn

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.encoder import Encoder


class EncoderPair(nn.Module):
    """Encodes RGB and UV with weights of their own, or with shared weights.

    Shared weights see both modalities in one pass, so that batch statistics in training are those of the
    running averages that evaluation uses. Where band counts differ, the shared stem covers all bands and
    each modality fills its own with the rest at 0: a stem of its own for each, one encoder behind them.
    """

    def __init__(self, spec: BackboneSpec, *, shared: bool, output: Literal["features", "tokens"]) -> None:
        """Build one or two encoders of the same dimension."""
        super().__init__()
        self.is_one_stem = shared and spec.rgb_bands == spec.uv_bands
        if shared:
            bands = (spec.rgb_bands,) if self.is_one_stem else (spec.rgb_bands, spec.uv_bands)
            built = {"shared": Encoder(spec, bands=bands, output=output)}
        else:
            built = {name: Encoder(spec, bands=(n,), output=output) for name, n in spec.bands.items()}
        self.encoder = nn.ModuleDict(built)
        self.dim = next(iter(built.values())).dim
        self.is_shared = shared

    @property
    def by_modality(self) -> dict[str, nn.Module]:
        """Encoder of each modality; the same module twice where it is shared."""
        return {name: self.encoder["shared" if self.is_shared else name] for name in ("rgb", "uv")}

    def forward(self, rgb: Tensor, uv: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs for (batch, bands, height, width) of each modality, in this order.

        Args:
            rgb: (batch, RGB bands, height, width), standardised.
            uv: (batch, UV bands, height, width), same rows.
        """
        if not self.is_shared:
            return self.encoder["rgb"](rgb), self.encoder["uv"](uv)
        if self.is_one_stem:
            both = torch.cat([rgb, uv])
        else:
            both = torch.cat([stack_bands(rgb, torch.zeros_like(uv)), stack_bands(torch.zeros_like(rgb), uv)])
        return cast("tuple[Tensor, Tensor]", self.encoder["shared"](both).chunk(2))


def stack_bands(rgb: Tensor, uv: Tensor) -> Tensor:
    """(batch, rgb bands + uv bands, height, width).

    Args:
        rgb: (batch, RGB bands, height, width).
        uv: (batch, UV bands, height, width), same rows.
    """
    return torch.cat([rgb, uv], dim=1)
