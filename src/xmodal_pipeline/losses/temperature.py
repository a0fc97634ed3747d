"""Temperatures, one per term: fixed, or learnt on a log scale."""

import math

import torch
from torch import nn

from xmodal_pipeline.losses.cosine import Temperature
from xmodal_pipeline.params.train import LEARNT_TEMPERATURES

LOG_RANGE = tuple(math.log(limit) for limit in LEARNT_TEMPERATURES)


class Temperatures(nn.Module):
    """The temperature of each term of the combined loss.

    A learnt temperature is stored as its logarithm, a parameter without dimensions, to which no weight
    decay should be applied: decay would pull it towards 1.
    """

    def __init__(self, terms: tuple[str, ...], *, initial: float, adaptive: bool) -> None:
        """Start every term at `initial`; learn them where `adaptive`, within `LEARNT_TEMPERATURES`."""
        super().__init__()
        self.terms = terms
        self.initial = initial
        self.log_temperatures = nn.ParameterDict(
            {term: nn.Parameter(torch.tensor(math.log(initial))) for term in terms} if adaptive else {}
        )

    def forward(self) -> dict[str, Temperature]:
        """Temperature by term: a number where fixed, a tensor with a gradient where learnt."""
        if not self.log_temperatures:
            return dict.fromkeys(self.terms, self.initial)
        if self.training:
            self._clamp()
            return {term: self.log_temperatures[term].exp() for term in self.terms}
        return {term: self.log_temperatures[term].clamp(*LOG_RANGE).exp() for term in self.terms}

    @torch.no_grad()
    def _clamp(self) -> None:
        """Put parameters that the last step moved out of range back on its edge.

        A clamp in the graph alone would give them a zero gradient there, and they would never return.
        """
        for parameter in self.log_temperatures.values():
            parameter.clamp_(*LOG_RANGE)
