"""What travels from prepared captures to the model."""

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """Captures of one batch. A NamedTuple, so that Lightning moves it between devices as it is."""

    rgb: Tensor
    """(captures, 3, side, side), unit scale, background 0."""
    uv: Tensor
    """(captures, UV bands, side, side), unit scale, background 0."""
    mask: Tensor
    """(captures, 2, side, side), 0 or 1: channel 0 belongs to RGB, channel 1 to UV."""
    rows: Tensor
    """(captures,) row of each capture in `Prepared`; random draws are keyed by it."""

    def as_float(self) -> "Batch":
        """The same batch in float32; captures are stored as half-precision images and byte masks."""
        return Batch(
            self.rgb.to(torch.float32), self.uv.to(torch.float32), self.mask.to(torch.float32), self.rows
        )
