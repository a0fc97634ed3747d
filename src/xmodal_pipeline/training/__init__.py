"""Training a variant and running captures through it; the only place that knows Lightning."""

from xmodal_pipeline.training.checkpoint import Checkpoint
from xmodal_pipeline.training.config import BandStatistics, FitConfig
from xmodal_pipeline.training.diagnostics import Diagnostic
from xmodal_pipeline.training.embedding import EmbeddingTables, embed, silhouette_views
from xmodal_pipeline.training.fit import FitResult, fit
from xmodal_pipeline.training.stores import TrainingStores
from xmodal_pipeline.training.view_samples import sample_views

__all__ = [
    "BandStatistics",
    "Checkpoint",
    "Diagnostic",
    "EmbeddingTables",
    "FitConfig",
    "FitResult",
    "TrainingStores",
    "embed",
    "fit",
    "sample_views",
    "silhouette_views",
]
