"""Fusion strategies: how the features of two modalities become one."""

from xmodal_pipeline.models.fusion.contract import FusedFeatures, Fusion
from xmodal_pipeline.models.fusion.registry import build_fusion

__all__ = ["FusedFeatures", "Fusion", "build_fusion"]
