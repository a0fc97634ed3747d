"""The terms of the combined loss: what each compares, and how much it weighs.

A new term is a function here with its entry in `TERMS`, and its weight in `params/train.py` and
`conf/base/parameters_train.yml`; history, figure and Methods follow.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from xmodal_pipeline.losses.comm import comm_mean
from xmodal_pipeline.losses.cosine import Temperature
from xmodal_pipeline.losses.cross_modal import cross_modal_mean
from xmodal_pipeline.losses.curriculum import curriculum_weights
from xmodal_pipeline.losses.nt_xent import nt_xent_mean
from xmodal_pipeline.params.train import LossParams

VIEW_PAIRS = {"opposite": ((0, 1), (1, 0)), "same": ((0, 0), (1, 1)), "all": ((0, 0), (0, 1), (1, 0), (1, 1))}
"""Views (of RGB, of UV) that a cross-modal term pairs. One view shares its crop and outline across
modalities, which is a way to match without looking at the specimen: hence `opposite` by default."""


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
    has_temperature: bool = True
    """False: none is learnt or logged for it, and `value` leaves that argument alone."""


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
