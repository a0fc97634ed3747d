"""Two random views of a capture: one warp for RGB, UV and mask, photometry per modality."""

from xmodal_pipeline.augmentation.batch import Batch
from xmodal_pipeline.augmentation.views import PhotometryPreset, ViewMaker, warp_batch

__all__ = ["Batch", "PhotometryPreset", "ViewMaker", "warp_batch"]
