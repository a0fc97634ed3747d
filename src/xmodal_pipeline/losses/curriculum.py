"""How the weights of the cross-modal and intra-modal terms move during training."""

import math

from xmodal_pipeline.params.train import LossParams


def curriculum_weights(params: LossParams, progress: float) -> tuple[float, float]:
    """Weights of the cross-modal and intra-modal terms at one moment of training.

    `none` keeps `cross_modal_weight` and `intra_modal_weight`; `linear` and `cosine` replace them by a
    path from `curriculum_start` to `curriculum_end`, the cosine leaving and arriving slowly.

    Args:
        params: the section `loss`.
        progress: share of the training done, 0 to 1.

    Returns:
        (cross_modal, intra_modal).

    Raises:
        ValueError: if progress lies outside 0 to 1.
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"loss: progress must be within 0 and 1, got {progress}")
    if params.curriculum == "none":
        return params.cross_modal_weight, params.intra_modal_weight
    share = progress if params.curriculum == "linear" else (1 - math.cos(math.pi * progress)) / 2
    start, end = params.curriculum_start, params.curriculum_end
    cross_modal = (1 - share) * start.cross_modal + share * end.cross_modal
    intra_modal = (1 - share) * start.intra_modal + share * end.intra_modal
    return cross_modal, intra_modal
