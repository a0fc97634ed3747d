"""What the processes of one training tell one another: their rows, with gradients, and sums."""

from typing import Any, cast

import torch
from torch import Tensor, distributed


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of all processes, in the order of their ranks, for a loss that every process computes whole.

    Backward takes the gradient of this process's own rows times the number of processes and sends nothing:
    all processes compute one loss from the same rows, so the gradients that they would send are the same,
    and their sum is that product. Data-parallel training divides by the number again when it averages.
    A learnt temperature, on which every process has the whole gradient, is averaged to itself.

    Args:
        rows: (rows, …) of this process; as many in every process.

    Returns:
        (processes · rows, …)
    """
    return cast("Tensor", _GatherRows.apply(rows))


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        gathered = rows.new_empty(distributed.get_world_size() * len(rows), *rows.shape[1:])
        distributed.all_gather_into_tensor(gathered, rows.contiguous())
        return gathered

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        processes = distributed.get_world_size()
        return gradients[0].chunk(processes)[distributed.get_rank()] * processes


def sum_over_processes(numbers: Tensor) -> Tensor:
    """Sum of a tensor over all processes, without a gradient; changes nothing in place."""
    total = numbers.detach().clone()
    distributed.all_reduce(total)
    return total
