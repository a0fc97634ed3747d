"""How strongly each modality is trained, read from gradients while they pass."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from xmodal_pipeline.losses.combined import identity


class RunningMeans:
    """Means of named numbers over an epoch, kept on their device so that no step waits for them."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Take one more value of each name."""
        for name, value in values.items():
            self._sums[name] = (
                self._sums[name] + value.detach() if name in self._sums else value.detach().clone()
            )
            self._counts[name] = self._counts.get(name, 0) + 1

    def peek(self) -> dict[str, float]:
        """Return the means so far."""
        return {name: float(total) / self._counts[name] for name, total in self._sums.items()}

    def take(self) -> dict[str, float]:
        """Return the means and start again."""
        means = self.peek()
        self._sums, self._counts = {}, {}
        return means


class GradientBalance:
    """Gradient norm at each modality's encoder, and whether the modalities are pulled the same way.

    The cosine per capture is between ∂L/∂h_rgb and ∂L/∂h_uv. A shared encoder has one gradient for both, so
    there the norm is that of the gradient at each modality's features.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        *,
        processes: int = 1,
        total: Callable[[Tensor], Tensor] = identity,
    ) -> None:
        """Remember whose parameters are whose.

        Args:
            encoders: the encoder of each modality.
            processes: number of processes, each with as many captures of the batch.
            total: sums a tensor over them.
        """
        parameters = {name: list(encoder.parameters()) for name, encoder in encoders.items()}
        identities = [{id(parameter) for parameter in own} for own in parameters.values()]
        self.is_shared = len(identities) > 1 and bool(set.intersection(*identities))
        self._parameters = {} if self.is_shared else parameters
        self._processes, self._total = processes, total
        self._arrived: dict[str, Tensor] = {}
        self._scale = 1.0
        self.means = RunningMeans()

    def watch(self, features: Mapping[str, Tensor], *, scale: float) -> None:
        """Keep the gradients of one forward pass when they arrive.

        Args:
            features: (captures, dim) of each modality, of this process.
            scale: factor on these gradients, of mixed precision and of the gather; divided out again.
        """
        self._arrived, self._scale = {}, scale
        for name in ("rgb", "uv"):
            if name in features and features[name].requires_grad:
                features[name].register_hook(partial(self._arrive, name))  # type: ignore[no-untyped-call]

    def _arrive(self, name: str, gradient: Tensor) -> None:
        self._arrived[name] = gradient.detach()

    def read_features(self) -> None:
        """Read what arrived in a backward pass; in every process, since they add up their captures."""
        arrived = {name: gradient.float() for name, gradient in self._arrived.items()}
        squares = {f"grad_norm_{name}": g.square().sum() for name, g in arrived.items() if self.is_shared}
        found = dict(squares)
        if len(arrived) == 2:
            found["grad_cosine"] = functional.cosine_similarity(arrived["rgb"], arrived["uv"], dim=1).mean()
        if found:
            totals = dict(zip(found, self._total(torch.stack(list(found.values()))), strict=True))
            self.means.add({name: totals[name].sqrt() / self._scale for name in squares})
            self.means.add({name: totals[name] / self._processes for name in found.keys() - squares.keys()})

    def read_encoders(self) -> None:
        """Read the encoders' gradients, after unscaling and before clipping."""
        for name, parameters in self._parameters.items():
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            if gradients:
                self.means.add({f"grad_norm_{name}": torch.nn.utils.get_total_norm(gradients)})
