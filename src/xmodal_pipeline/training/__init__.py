"""Training a variant and running captures through it; the only place that knows Lightning."""

from xmodal_pipeline.training.checkpoint import Checkpoint
from xmodal_pipeline.training.config import BandStatistics, FitConfig, photometry_in_force
from xmodal_pipeline.training.diagnostics import Diagnostic
from xmodal_pipeline.training.embedding import BaselineViews, EmbeddingTables, baseline_views, embed
from xmodal_pipeline.training.fit import FitResult, fit
from xmodal_pipeline.training.view_samples import sample_views

__all__ = [
    "BandStatistics",
    "BaselineViews",
    "Checkpoint",
    "Diagnostic",
    "EmbeddingTables",
    "FitConfig",
    "FitResult",
    "baseline_views",
    "embed",
    "fit",
    "photometry_in_force",
    "sample_views",
]
