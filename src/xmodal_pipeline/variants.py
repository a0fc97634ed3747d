"""The names of all model variants, torch-free so that the pipeline registry stays quick."""

from typing import Final

FUSIONS: Final = {
    "separate": "xmodal_pipeline.models.fusion.separate:Separate",
    "concat": "xmodal_pipeline.models.fusion.concat:build_concat",
    "attention": "xmodal_pipeline.models.fusion.attention:Attention",
}
"""The registry of fusion strategies: what builds each `fusion_type`, as `module:name`."""

STRATEGIES: Final = tuple(FUSIONS) + tuple(f"{fusion_type}_shared" for fusion_type in FUSIONS)
"""Cross-modal variants: every fusion type, modality-specific or `_shared`."""

BASELINES: Final = ("rgb_only", "uv_only")
"""Variants that see one modality."""

VARIANTS: Final = STRATEGIES + BASELINES
"""Every name allowed under the parameter `variants`."""

DEFAULT_VARIANTS: Final = ("separate", "concat", "attention", "rgb_only", "uv_only")
"""What `train`, `embed` and `evaluate` run."""
