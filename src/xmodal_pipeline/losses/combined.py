"""The loss that training minimises: the terms of `terms.py`, weighted and summed."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from xmodal_pipeline.losses.temperature import Temperatures
from xmodal_pipeline.losses.terms import TERMS, Sides
from xmodal_pipeline.params.train import LossParams


class LossOutput(NamedTuple):
    """total = Σ weights[term] · terms[term]."""

    total: Tensor
    terms: dict[str, Tensor]
    weights: dict[str, float]


class Projected(Protocol):
    """What the loss reads of a model's output."""

    @property
    def projections(self) -> dict[str, Tensor]:
        """(batch, dim) by `rgb`, `uv`, `joint`; a baseline has its one modality."""

    @property
    def unimodal_joint(self) -> dict[str, Tensor]:
        """(batch, dim) by modality: the joint projection made from that modality alone."""


def identity(projection: Tensor) -> Tensor:
    """Rows of this process only: the gather of a run on one device."""
    return projection


class CombinedLoss(nn.Module):
    """w_cross · cross_modal + w_intra · ½ (intra_rgb + intra_uv) + w_joint · joint.

    A model of one modality has its intra-modal term only, with weight 1.
    """

    def __init__(
        self,
        params: LossParams,
        modalities: tuple[str, ...],
        gather: Callable[[Tensor], Tensor] = identity,
    ) -> None:
        """Set up the terms.

        Args:
            params: the section `loss`.
            modalities: those of the model, `("rgb", "uv")` or one of them.
            gather: applied to every projection; brings the rows of all processes together, in the same
                order in each, so that every process computes the loss of the whole batch.

        Raises:
            ValueError: for unknown modalities.
        """
        super().__init__()
        if modalities not in (("rgb", "uv"), ("rgb",), ("uv",)):
            raise ValueError(f"CombinedLoss: modalities must be rgb and uv or one of them, got {modalities}")
        self.params = params
        self.modalities = modalities
        self.gather = gather
        is_baseline = len(modalities) == 1
        self.terms = {name: TERMS[name] for name in ([f"intra_{modalities[0]}"] if is_baseline else TERMS)}
        self.learnt = Temperatures(
            tuple(sorted(name for name, term in self.terms.items() if term.has_temperature)),
            initial=params.temperature,
            adaptive=params.adaptive_temperature,
        )

    def temperatures(self) -> dict[str, Tensor]:
        """Temperature of each term that has one, as used by the loss; without a gradient."""
        return {term: torch.as_tensor(value).detach() for term, value in self.learnt().items()}

    def weights(self, progress: float) -> dict[str, float]:
        """Factor of each term at a share of the training between 0 and 1."""
        if len(self.modalities) == 1:
            return dict.fromkeys(self.terms, 1.0)
        return {name: term.weight(self.params, progress) for name, term in self.terms.items()}

    def forward(self, first: Projected, second: Projected, *, progress: float) -> LossOutput:
        """Loss of one batch in two views.

        Args:
            first: output of the model for the first view.
            second: for the second view, same row order.
            progress: share of the training done, 0 to 1; moves the curriculum.

        Returns:
            The total in nats, each term before weighting, and the weights. A term of weight 0 stays in the
            graph with a gradient of exactly 0, so that every process of a distributed run has the same graph.

        Raises:
            ValueError: if a projection is missing, the batch has one row, or progress is outside 0 to 1.
        """
        weights = self.weights(progress)
        sides = self._sides(first, second)
        temperatures = self.learnt()
        terms = {
            name: term.value(sides, self.params, temperatures.get(name, self.params.temperature))
            for name, term in self.terms.items()
        }
        total = torch.stack([weights[name] * terms[name] for name in sorted(terms)]).sum()
        return LossOutput(total, terms, weights)

    def _sides(self, first: Projected, second: Projected) -> Sides:
        is_baseline = len(self.modalities) == 1
        names = self.modalities if is_baseline else (*self.modalities, "joint")
        views = self._gathered(first.projections, names), self._gathered(second.projections, names)
        if is_baseline or self.params.joint_mode == "simclr":
            return Sides(views, ({}, {}))
        alone = (
            self._gathered(first.unimodal_joint, self.modalities),
            self._gathered(second.unimodal_joint, self.modalities),
        )
        return Sides(views, alone)

    def _gathered(self, projections: Mapping[str, Tensor], names: tuple[str, ...]) -> dict[str, Tensor]:
        missing = [name for name in names if name not in projections]
        if missing:
            raise ValueError(
                f"CombinedLoss: projections must hold {list(names)}, got {sorted(projections)}; "
                "joint_mode 'comm' needs a model built with unimodal_joint=True"
            )
        return {name: self.gather(projections[name]) for name in names}
