"""Concat: the features, or the bands, of both modalities side by side."""

import torch
from torch import Tensor, nn

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.encoder import Encoder
from xmodal_pipeline.models.encoder_pair import stack_bands
from xmodal_pipeline.models.fusion.contract import FusedFeatures, Fusion, PairFusion
from xmodal_pipeline.params.variants import ConcatParams


class ConcatFeatures(PairFusion):
    """Two encoders; their features, concatenated, are projected to the joint feature.

    The projection has a hidden layer: a single linear map could only add what each modality says, never
    express what they say together.
    """

    def __init__(self, spec: BackboneSpec) -> None:
        """Build two encoders and the projection."""
        super().__init__(spec, shared=False, output="features")
        dim = self.feature_dim
        self.fuse = nn.Sequential(nn.Linear(2 * dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def combine(self, encoded: dict[str, Tensor], *, alone: bool) -> FusedFeatures:
        """Features of both and their fusion; alone, the features of the other modality are 0."""
        rgb, uv = encoded["rgb"], encoded["uv"]
        sides = {"joint": (rgb, uv)}
        if alone:
            sides |= {"rgb": (rgb, torch.zeros_like(uv)), "uv": (torch.zeros_like(rgb), uv)}
        fused = {name: self.fuse(torch.cat(side, dim=1)) for name, side in sides.items()}
        joint = fused.pop("joint")
        return FusedFeatures({"rgb": rgb, "uv": uv, "joint": joint}, fused)


class ConcatBands(Fusion):
    """One encoder over all bands; `rgb` and `uv` come from it with the other modality's bands at 0."""

    def __init__(self, spec: BackboneSpec, modality_dropout: float) -> None:
        """Build the encoder; in training a joint row misses a modality with chance `modality_dropout`."""
        super().__init__()
        self.encoder = Encoder(spec, bands=(spec.rgb_bands, spec.uv_bands), output="features")
        self.feature_dim = self.encoder.dim
        self.modality_dropout = modality_dropout

    @property
    def encoders(self) -> dict[str, nn.Module]:
        """The one encoder, under both names."""
        return {"rgb": self.encoder, "uv": self.encoder}

    def encode(self, rgb: Tensor, uv: Tensor) -> dict[str, Tensor]:
        """Features of each modality and of both, in one pass that shares its batch statistics."""
        kept_rgb, kept_uv = self._drop(rgb, uv) if self.training else (rgb, uv)
        images = torch.cat(
            [
                stack_bands(rgb, torch.zeros_like(uv)),
                stack_bands(torch.zeros_like(rgb), uv),
                stack_bands(kept_rgb, kept_uv),
            ]
        )
        of_rgb, of_uv, joint = self.encoder(images).chunk(3)
        return {"rgb": of_rgb, "uv": of_uv, "joint": joint}

    def combine(self, encoded: dict[str, Tensor], *, alone: bool) -> FusedFeatures:
        """The features as they are; alone, those of a modality are its own joint."""
        return FusedFeatures(encoded, {"rgb": encoded["rgb"], "uv": encoded["uv"]} if alone else {})

    def _drop(self, rgb: Tensor, uv: Tensor) -> tuple[Tensor, Tensor]:
        """Set one modality of some rows to 0, never both of a row."""
        draw = torch.rand(len(rgb), 1, 1, 1, device=rgb.device)
        chance = self.modality_dropout
        misses_rgb, misses_uv = draw < chance / 2, (draw >= chance / 2) & (draw < chance)
        return rgb.masked_fill(misses_rgb, 0), uv.masked_fill(misses_uv, 0)


def build_concat(params: ConcatParams, spec: BackboneSpec) -> Fusion:
    """Concatenate features of two encoders, or the bands in front of one."""
    if params.use_modality_specific:
        return ConcatFeatures(spec)
    return ConcatBands(spec, params.modality_dropout)
