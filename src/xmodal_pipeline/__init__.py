"""What ultraviolet says that visible light does not: cross-modal learning on multispectral captures."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xmodal_pipeline.training.capture_encoder import CaptureEncoder, load_encoder

__all__ = ["CaptureEncoder", "load_encoder"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what is public when it is asked for: most commands need no torch."""
    if name in __all__:
        from xmodal_pipeline.training import capture_encoder

        return getattr(capture_encoder, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
