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
        intra = tuple(f"intra_{modality}" for modality in modalities)
        self.terms = ("cross_modal", *intra, "joint") if len(modalities) > 1 else intra
        self.learnt = Temperatures(
            self.terms, initial=params.temperature, adaptive=params.adaptive_temperature
        )

    def temperatures(self) -> dict[str, Tensor]:
        """Temperature of each term, as used by the loss; without a gradient."""
        return {term: torch.as_tensor(value).detach() for term, value in self.learnt().items()}

    def weights(self, progress: float) -> dict[str, float]:
        """Factor of each term at a share of the training between 0 and 1."""
        if len(self.modalities) == 1:
            return {self.terms[0]: 1.0}
        cross_modal, intra_modal = curriculum_weights(self.params, progress)
        return {
            "cross_modal": cross_modal,
            "intra_rgb": intra_modal / 2,
            "intra_uv": intra_modal / 2,
            "joint": self.params.joint_weight,
        }

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
        views = (
            self._gathered(first.projections, ("joint",)),
            self._gathered(second.projections, ("joint",)),
        )
        temperatures = self.learnt()
        terms = {
            f"intra_{name}": nt_xent_mean(views[0][name], views[1][name], temperatures[f"intra_{name}"])
            for name in self.modalities
        }
        if len(self.modalities) > 1:
            terms["cross_modal"] = self._cross_modal(views, temperatures["cross_modal"])
            terms["joint"] = self._joint(views, (first, second), temperatures["joint"])
        terms = {term: terms[term] for term in self.terms}
        total = torch.stack([weights[term] * terms[term] for term in self.terms]).sum()
        return LossOutput(total, terms, weights)

    def _gathered(self, projections: Mapping[str, Tensor], joint: tuple[str, ...]) -> dict[str, Tensor]:
        names = self.modalities + (joint if len(self.modalities) > 1 else ())
        missing = [name for name in names if name not in projections]
        if missing:
            raise ValueError(
                f"CombinedLoss: projections must hold {list(names)}, got {sorted(projections)}; "
                "joint_mode 'comm' needs a model built with unimodal_joint=True"
            )
        return {name: self.gather(projections[name]) for name in names}

    def _cross_modal(self, views: tuple[dict[str, Tensor], ...], temperature: Temperature) -> Tensor:
        pairs = VIEW_PAIRS[self.params.cross_views]
        losses = [cross_modal_mean(views[i]["rgb"], views[j]["uv"], temperature) for i, j in pairs]
        return torch.stack(losses).mean()

    def _joint(
        self, views: tuple[dict[str, Tensor], ...], outputs: tuple[Projected, ...], temperature: Temperature
    ) -> Tensor:
        joints = [{"joint": view["joint"]} for view in views]
        if self.params.joint_mode == "simclr":
            return nt_xent_mean(joints[0]["joint"], joints[1]["joint"], temperature)
        alone = [self._gathered(output.unimodal_joint, ()) for output in outputs]
        return comm_mean(alone[0] | joints[0], alone[1] | joints[1], temperature)
