"""From features to the projections in which losses are computed."""

from torch import Tensor, nn
from torch.nn.functional import normalize


class ProjectionHead(nn.Sequential):
    """Two layers, without batch statistics, so that rows stay independent in training too.

    References:
        SimCLR, arXiv:2002.05709, section 4.2: a nonlinear head before the loss keeps the features general.
    """

    def __init__(self, feature_dim: int, hidden_dim: int, projection_dim: int) -> None:
        """Map (batch, feature_dim) to (batch, projection_dim)."""
        super().__init__(nn.Linear(feature_dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, projection_dim))


def mean_direction(rgb: Tensor, uv: Tensor) -> Tensor:
    """Mean of the two vectors of each row after each is divided by its length: (batch, dim).

    Args:
        rgb: (batch, dim).
        uv: (batch, dim), same row order.
    """
    return (normalize(rgb, dim=1) + normalize(uv, dim=1)) / 2
