"""What every loss does first: check that rows are paired, raise the precision, normalise to length one."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

Temperature = float | Tensor
"""Divides cosine similarities; unitless, above zero. A tensor holds one value and may carry a gradient."""


def check_temperature(temperature: Temperature, *, where: str) -> None:
    """Refuse a temperature that is not one positive finite number.

    Args:
        temperature: to be checked.
        where: name of the loss, for the message.

    Raises:
        ValueError: if it is zero, negative, infinite, NaN, or more than one value.
    """
    count = temperature.numel() if isinstance(temperature, Tensor) else 1
    if count != 1:
        raise ValueError(f"{where}: temperature must be one number, got {count} values")
    value = float(temperature.detach() if isinstance(temperature, Tensor) else temperature)
    if not 0 < value < float("inf"):
        raise ValueError(f"{where}: temperature must be positive and finite, got {value}; try 0.1")


def unit_rows(left: Tensor, right: Tensor, *, where: str) -> tuple[Tensor, Tensor]:
    """Both sides of a loss in at least float32, each row divided by its length.

    Similarities formed in half precision are wrong by 0.3 % of the loss at temperature 0.05, hence the
    upcast. Call it with autocast off, which would otherwise take the product back to half precision.

    Args:
        left: (batch, dim), any scale.
        right: (batch, dim), rows in the order of `left`.
        where: name of the loss, for the message.

    Returns:
        Two (batch, dim) tensors, float64 if both sides were, else float32.

    Raises:
        ValueError: if the sides are not two matrices of one shape with at least two rows.
    """
    if left.ndim != 2 or left.shape != right.shape:
        shapes = f"{tuple(left.shape)} and {tuple(right.shape)}"
        raise ValueError(f"{where}: both sides must be (batch, dim) of one shape, got {shapes}")
    if left.shape[0] < 2:
        raise ValueError(
            f"{where}: the batch must have at least two rows, got {left.shape[0]}; "
            "without another row there is no negative, raise training.batch_size"
        )
    dtype = torch.promote_types(torch.promote_types(left.dtype, right.dtype), torch.float32)
    return normalize(left.to(dtype), dim=1), normalize(right.to(dtype), dim=1)


def relative_logits(cosines: Tensor, match: Tensor, temperature: Temperature) -> Tensor:
    """Cosines less the match's own, over the temperature: logits whose match is 0.

    Cross entropy does not see the shift, but the gradient of the temperature does in float32: it sums
    gradient x logit, and logits of 100 (temperature 0.01) that cancel leave an error of 1e-3 of it.

    Args:
        cosines: (rows, candidates).
        match: (rows,) index of each row's match among the candidates.
        temperature: positive.
    """
    own = cosines.detach().gather(1, match[:, None])
    return (cosines - own) / temperature
