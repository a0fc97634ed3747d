"""AdamW with a learning rate per modality, and warm-up with cosine decay."""

import math
from collections import defaultdict
from collections.abc import Callable

import torch
from torch import nn

from xmodal_pipeline.params.train import TrainingParams

_POSITIONS = ("pos_embed", "cls_token", "reg_token", "dist_token")
"""timm's position and class tokens; like norms and biases they carry no weight decay."""


def parameter_groups(
    model: nn.Module, loss: nn.Module, encoders: dict[str, nn.Module], params: TrainingParams
) -> list[dict[str, object]]:
    """Sort parameters by learning rate and weight decay.

    What only one modality's encoder owns takes `lr_rgb` or `lr_uv`; everything else, shared encoders and
    learnt temperatures included, takes `lr`. Vectors and single numbers (norms, biases, temperatures) have no
    weight decay. What does not learn is in none.

    Args:
        model: the model.
        loss: the loss, with its learnt temperatures.
        encoders: the encoder of each modality; shared ones appear under both.
        params: the section `training`.
    """
    owners: defaultdict[int, set[str]] = defaultdict(set)
    for modality, encoder in encoders.items():
        for parameter in encoder.parameters():
            owners[id(parameter)].add(modality)
    rates = {"rgb": params.lr_rgb or params.lr, "uv": params.lr_uv or params.lr}
    groups: defaultdict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in [*model.named_parameters(), *loss.named_parameters()]:
        if not parameter.requires_grad:
            continue
        own = owners[id(parameter)]
        rate = rates[next(iter(own))] if len(own) == 1 else params.lr
        plain = parameter.ndim <= 1 or name.rsplit(".", 1)[-1] in _POSITIONS
        groups[rate, 0.0 if plain else params.weight_decay].append(parameter)
    return [{"params": own, "lr": rate, "weight_decay": decay} for (rate, decay), own in groups.items()]


def warm_up_and_cosine(steps: int, warm_up_steps: float) -> Callable[[int], float]:
    """Factor of the learning rate: a line up to 1, then half a cosine to 0.

    Args:
        steps: optimiser steps of the whole training.
        warm_up_steps: steps of the line; at most half of all, so that short trainings arrive.

    References:
        Loshchilov & Hutter 2017, SGDR, equation 5, without restarts.
    """
    warm_up = min(warm_up_steps, steps / 2)

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / (math.floor(warm_up) + 1)
        return (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1.0, steps - warm_up)))) / 2

    return factor


def make_optimiser(groups: list[dict[str, object]], params: TrainingParams) -> torch.optim.AdamW:
    """AdamW over the groups; its fused step unscales gradients itself, which clipping must see first.

    Args:
        groups: of `parameter_groups`.
        params: the section `training`.
    """
    return torch.optim.AdamW(groups, lr=params.lr, fused=params.precision == "32")
