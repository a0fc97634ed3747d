"""Contrastive losses: within a modality, between modalities, and their weighted sum."""

from xmodal_pipeline.losses.combined import CombinedLoss, LossOutput
from xmodal_pipeline.losses.cross_modal import cross_modal_nce
from xmodal_pipeline.losses.nt_xent import nt_xent

__all__ = ["CombinedLoss", "LossOutput", "cross_modal_nce", "nt_xent"]
