"""What ultraviolet says that visible light does not: cross-modal learning on multispectral captures."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xmodal_pipeline.training.capture_encoder import load_encoder as load_encoder

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import `load_encoder` when it is asked for: most commands need no torch."""
    if name == "load_encoder":
        from xmodal_pipeline.training.capture_encoder import load_encoder

        return load_encoder
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
