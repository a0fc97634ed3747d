"""From the name of a fusion type to its class."""

from importlib import import_module
from typing import cast

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.fusion.contract import Fusion
from xmodal_pipeline.models.fusion.single import SingleModality
from xmodal_pipeline.params.train import BaselineParams, VariantParams
from xmodal_pipeline.variants import FUSIONS


def build_fusion(variant: VariantParams, spec: BackboneSpec) -> Fusion:
    """The strategy that a variant's `fusion_type` names, built from its parameters."""
    if isinstance(variant, BaselineParams):
        return SingleModality(variant, spec)
    module, _, builder = FUSIONS[variant.fusion_type].partition(":")
    return cast("Fusion", getattr(import_module(module), builder)(variant, spec))
