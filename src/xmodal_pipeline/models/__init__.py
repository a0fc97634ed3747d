"""Models of all variants: encoders, fusion strategies and projection heads."""

from xmodal_pipeline.models.backbone import check_backbone
from xmodal_pipeline.models.cross_modal import CrossModalModel, ModelOutput, build_model

__all__ = ["CrossModalModel", "ModelOutput", "build_model", "check_backbone"]
