"""From the parameters of a variant to its model."""

from importlib import import_module
from typing import cast

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.fusion.contract import Fusion
from xmodal_pipeline.params.variants import VariantParams


def build_fusion(variant: VariantParams, spec: BackboneSpec) -> Fusion:
    """The strategy or baseline that the parameters belong to."""
    module, _, builder = variant.builder.partition(":")
    return cast("Fusion", getattr(import_module(module), builder)(variant, spec))
