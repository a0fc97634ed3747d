"""Canonical correlation of coarse pixels, beside what a model learns of them."""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize

from xmodal_pipeline.models.projection import mean_direction
from xmodal_pipeline.params.train import COARSE_PX


def coarse_pixels(images: Tensor) -> Tensor:
    """Images (batch, bands, height, width) averaged to `COARSE_PX` squared: (batch, pixels), bands first."""
    return adaptive_avg_pool2d(images, COARSE_PX).flatten(1)


class LinearBranch(nn.Module):
    """One linear map per modality into a space that both share; fitted by `training.linear`, never trained.

    Attributes:
        share: between 0 and 1: what the cosine of two projections takes from this branch.
    """

    share: Tensor

    def __init__(self, maps: Mapping[str, tuple[Tensor, Tensor]], share: Tensor) -> None:
        """Take what was fitted.

        Args:
            maps: of `rgb` and `uv`, of `coarse_pixels`: centre (pixels,) and weights (pixels, components).
            share: () between 0 and 1.
        """
        super().__init__()
        self.register_buffer("share", share)
        for modality, (centre, weights) in maps.items():
            self.register_buffer(f"{modality}_centre", centre)
            self.register_buffer(f"{modality}_weights", weights)

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The branch whose `state_dict` this is."""
        maps = {name: (tensors[f"{name}_centre"], tensors[f"{name}_weights"]) for name in ("rgb", "uv")}
        return cls(maps, tensors["share"])

    def forward(self, rgb: Tensor, uv: Tensor) -> dict[str, Tensor]:
        """Canonical variates (batch, components) of `rgb`, `uv` and, as their mean direction, `joint`.

        Args:
            rgb: (batch, bands, height, width), standardised, background 0.
            uv: the same for UV, same rows.
        """
        variates = {
            name: (coarse_pixels(images) - self.get_buffer(f"{name}_centre"))
            @ self.get_buffer(f"{name}_weights")
            for name, images in (("rgb", rgb), ("uv", uv))
        }
        return variates | {"joint": mean_direction(variates["rgb"], variates["uv"])}

    def beside(self, projections: Mapping[str, Tensor], variates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Both side by side: the cosine of two rows is (1 − share) of one cosine plus share of the other.

        Args:
            projections: (batch, dim) by `rgb`, `uv`, `joint`: learnt.
            variates: (batch, components) by the same names: of `forward`.
        """
        learnt, linear = torch.sqrt(1 - self.share), torch.sqrt(self.share)
        return {
            name: torch.cat([learnt * normalize(z, dim=1), linear * normalize(variates[name], dim=1)], dim=1)
            for name, z in projections.items()
        }
