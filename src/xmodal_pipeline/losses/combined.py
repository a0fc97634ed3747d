"""The loss that training minimises: cross-modal, intra-modal and joint terms, weighted and logged."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from xmodal_pipeline.losses.comm import comm_mean
from xmodal_pipeline.losses.cosine import Temperature
from xmodal_pipeline.losses.cross_modal import cross_modal_mean
from xmodal_pipeline.losses.curriculum import curriculum_weights
from xmodal_pipeline.losses.nt_xent import nt_xent_mean
from xmodal_pipeline.losses.temperature import Temperatures
from xmodal_pipeline.params.train import LossParams

VIEW_PAIRS = {"opposite": ((0, 1), (1, 0)), "same": ((0, 0), (1, 1)), "all": ((0, 0), (0, 1), (1, 0), (1, 1))}
"""Views (of RGB, of UV) that a cross-modal term pairs. One view shares its crop and outline across
modalities, which is a way to match without looking at the specimen: hence `opposite` by default."""


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


class Sides(NamedTuple):
    """What the terms compare: rows of all processes, the two views in one order."""

    views: tuple[dict[str, Tensor], dict[str, Tensor]]
    """Projections of each view, (batch, dim) by `rgb`, `uv`, `joint`; a baseline has its one modality."""
    alone: tuple[dict[str, Tensor], dict[str, Tensor]]
    """Of each view, the joint projection made from one modality alone; empty unless joint_mode is `comm`."""


class Term(NamedTuple):
    """One part of the loss."""

    value: Callable[[Sides, LossParams, Temperature], Tensor]
    """In nats, before weighting."""
    weight: Callable[[LossParams, float], float]
    """Factor at a share of the training, 0 to 1."""


def _intra(modality: str) -> Term:
    def value(sides: Sides, params: LossParams, temperature: Temperature) -> Tensor:
        return nt_xent_mean(sides.views[0][modality], sides.views[1][modality], temperature)

    return Term(value, lambda params, progress: curriculum_weights(params, progress)[1] / 2)


def _cross_modal(sides: Sides, params: LossParams, temperature: Temperature) -> Tensor:
    pairs = VIEW_PAIRS[params.cross_views]
    losses = [cross_modal_mean(sides.views[i]["rgb"], sides.views[j]["uv"], temperature) for i, j in pairs]
    return torch.stack(losses).mean()


def _joint(sides: Sides, params: LossParams, temperature: Temperature) -> Tensor:
    first, second = ({"joint": view["joint"]} for view in sides.views)
    if params.joint_mode == "simclr":
        return nt_xent_mean(first["joint"], second["joint"], temperature)
    return comm_mean(sides.alone[0] | first, sides.alone[1] | second, temperature)


TERMS = {
    "intra_rgb": _intra("rgb"),
    "intra_uv": _intra("uv"),
    "cross_modal": Term(_cross_modal, lambda params, progress: curriculum_weights(params, progress)[0]),
    "joint": Term(_joint, lambda params, progress: params.joint_weight),
}
"""All terms of a model of two modalities, by the name that the history logs them under.

Gradients add up in the order in which the terms are made: another one gives other last digits."""


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
            tuple(sorted(self.terms)), initial=params.temperature, adaptive=params.adaptive_temperature
        )

    def temperatures(self) -> dict[str, Tensor]:
        """Temperature of each term, as used by the loss; without a gradient."""
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
            name: term.value(sides, self.params, temperatures[name]) for name, term in self.terms.items()
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
