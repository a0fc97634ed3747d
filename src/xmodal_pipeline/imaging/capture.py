"""What a capture is once it is read, and where its files are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.errors import CaptureCode

Bands = NDArray[np.float32]
"""(bands, height, width) in unit scale: 0 dark, 1 full scale or perfect reflector; never clipped."""
Mask = NDArray[np.bool_]
"""(height, width), True = specimen."""


@dataclass(frozen=True)
class CaptureFiles:
    """Where one capture is on disk."""

    capture_id: str
    specimen_id: str
    rgb_path: Path
    """The RGB photograph, or the stack that holds every band."""
    uv_path: Path | None = None
    """The UV photograph of a pair; None for a stack."""
    sha256: tuple[str | None, str | None] = (None, None)
    """What the files must hash to, in hexadecimal; None where that is not known."""


@dataclass(frozen=True)
class Capture:
    """One capture in memory; both modalities have one size, except in a pair that nobody registers."""

    rgb: Bands
    uv: Bands
    rgb_mask: Mask
    uv_mask: Mask
    flags: tuple[CaptureCode, ...] = ()
    """What reading found worth a look."""
    orientation: int = 1
    """Of RGB, as its file declares it, 1 to 8; already undone."""
