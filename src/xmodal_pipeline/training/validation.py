"""Retrieval on the validation specimens: what chooses the epoch and stops early."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from xmodal_pipeline.evaluation.ranks import PAIRWISE, recall_name, summarise
from xmodal_pipeline.evaluation.retrieval import rank_matches
from xmodal_pipeline.specimens.prepared import Prepared

MINIMUM_SPECIMENS = 20
"""Below, recall@1 has a standard error above 0.11, and choosing among epochs by it is choosing by chance."""


def validation_rows(prepared: Prepared) -> NDArray[np.int64]:
    """Row of the first capture of each validation specimen, in their order."""
    rows = prepared.rows_of("validation")
    first = np.unique([prepared.specimen_ids[row] for row in rows], return_index=True)[1]
    return rows[np.sort(first)]


class RetrievalScore(NamedTuple):
    """Both directions averaged; compared in this order."""

    recall_at_1: float
    match_above_other: float
    """Probability that the match ranks above a random other specimen; still moves when recall@1 does not."""


def is_as_good(recall_at_1: float, best: float, specimens: int) -> bool:
    """Whether an epoch's recall@1 is within one standard error of the best one's.

    The largest of many noisy scores is mostly noise, and it favours no epoch in particular, while later ones
    have seen more of the schedule. So the last epoch that is as good is kept: Breiman's rule of one standard
    error (Breiman et al. 1984, section 3.4.3), here with training time in the place of the tree's size. The
    error is that of Agresti & Coull (1998), which does not vanish where every match was found.

    Args:
        recall_at_1: of the epoch.
        best: the largest so far.
        specimens: that were ranked.
    """
    shrunk = (best * specimens + 2) / (specimens + 4)
    return recall_at_1 >= best - math.sqrt(shrunk * (1 - shrunk) / (specimens + 4))


def retrieval_score(queries: Tensor, keys: Tensor) -> RetrievalScore:
    """Score how well each side finds its match in the other, ranked as in `evaluation.retrieval`.

    Ties count by expectation over random orders, so collapsed projections score chance.

    Args:
        queries: (specimens, dim) projections, any scale.
        keys: (specimens, dim), same row order.
    """
    ranks = rank_matches(*(side.detach().float().cpu().numpy() for side in (queries, keys)))
    found = [summarise(counts, (1,)) for counts in ranks]
    recall, above = (sum(one[name] for one in found) / 2 for name in (recall_name(1), PAIRWISE))
    return RetrievalScore(recall, above)
