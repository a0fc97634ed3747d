"""What ultraviolet says that visible light does not: cross-modal learning on multispectral captures."""

__version__ = "0.1.0"
