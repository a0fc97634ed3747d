"""Parameters of `report`."""

from pydantic import Field

from xmodal_pipeline.params._model import ParamsModel


class ReportingParams(ParamsModel):
    """What the report shows."""

    title: str | None = None
    """Null makes one from the display names of the modalities."""
    variant: str | None = None
    """The variant whose UMAP, similarity and gallery are drawn; null takes the best on validation."""
    umap_neighbours: int = Field(15, ge=2)
    """Neighbours of each capture in the UMAP."""
    umap_min_dist: float = Field(0.1, ge=0, le=1)
    """How close UMAP may draw two captures."""
    gallery_size: int = Field(6, ge=1)
    """Queries in the retrieval gallery, half of either modality: up to half failures, the rest successes."""
    max_points: int = Field(5000, ge=50, le=5000)
    """Captures in a UMAP and in the explorer; more are a seeded subsample, and the report says so."""
    max_heatmap_rows: int = Field(300, ge=10)
    """Captures in the similarity heatmap; more are a seeded subsample."""
    seed: int = 0
    """Subsamples, gallery and UMAP follow from it."""
