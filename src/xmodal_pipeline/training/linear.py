"""The linear branch of a trained variant: weighed on its validation captures, fitted on all but test ones."""

import logging

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xmodal_pipeline.augmentation import Batch, ViewMaker
from xmodal_pipeline.evaluation.baselines import pca_cca
from xmodal_pipeline.evaluation.ranks import query_measures
from xmodal_pipeline.evaluation.retrieval import rank_matches
from xmodal_pipeline.models import CrossModalModel
from xmodal_pipeline.models.linear_branch import LinearBranch, coarse_pixels
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training.batches import consecutive, read_batch
from xmodal_pipeline.training.checkpoint import Checkpoint
from xmodal_pipeline.training.module import RGB_VIEW_SEED, UV_VIEW_SEED
from xmodal_pipeline.training.validation import MINIMUM_SPECIMENS, validation_rows

logger = logging.getLogger(__name__)

Pair = tuple[Tensor, Tensor]

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
_USUAL_WARPED, _USUAL_PLAIN = 0.25, 0.75
"""Near the best where captures share an outline, and where each modality has its own (decision 0038)."""
_ERRORS = 2.0
"""Standard errors by which another share must be better before the usual one is left."""
_LEAST_CAPTURES = 10
_BATCH = 256


def add_linear_branch(checkpoint: Checkpoint, prepared: Prepared) -> Checkpoint:
    """A variant with canonical correlation of coarse pixels beside what it learnt.

    Args:
        checkpoint: of a trained variant; one of a single modality stays as it is.
        prepared: its captures: the validation ones choose its share, unless `training.linear_share` names
            one, for a branch that the training ones fit; then both fit it.
    """
    config = checkpoint.config
    train = prepared.rows_of("train")
    model = checkpoint.model()
    if config.training.linear_share == 0 or len(model.modalities) < 2 or len(train) < _LEAST_CAPTURES:
        return checkpoint
    views = ViewMaker(config.augmentation, config.photometry, config.channel_statistics(), config.image_size)
    share = config.training.linear_share
    if share is None:
        share = _choose_share(model, prepared, views, _fit_branch(prepared, views, train))
    logger.info("%s: %.0f %% of its similarities are of PCA + CCA of pixels", config.name, 100 * share)
    if share == 0:
        return checkpoint
    branch = _fit_branch(prepared, views, np.sort(np.concatenate([train, prepared.rows_of("validation")])))
    branch.share.fill_(share)
    return checkpoint.with_linear(branch)


def _fit_branch(prepared: Prepared, views: ViewMaker, rows: NDArray[np.int64]) -> LinearBranch:
    """Canonical correlation of the coarse pixels of these captures, with no share yet."""
    coarse = [_coarse(prepared, views, part) for part in consecutive(rows, _BATCH)]
    rgb, uv = (np.concatenate(side) for side in zip(*coarse, strict=True))
    transform = pca_cca(rgb, uv)
    maps = {
        name: (torch.from_numpy(centre).float(), torch.from_numpy(weights).float())
        for name, centre, weights in zip(("rgb", "uv"), transform.centres, transform.weights, strict=True)
    }
    return LinearBranch(maps, torch.tensor(0.0))


def best_share(found: NDArray[np.float64], usual: float) -> float:
    """The share nearest to the usual one among those as good as the best: within two standard errors of it.

    The error is that of the paired difference to the best, over specimens. Validation specimens are few, and
    those of few species say little about others: the usual share stands unless it is clearly worse.

    Args:
        found: (shares, specimens) reciprocal ranks of the match, by the shares of `SHARES`.
        usual: one of them.
    """
    best = found[found.mean(axis=1).argmax()]
    behind = best - found
    error = behind.std(axis=1, ddof=1) / np.sqrt(found.shape[1])
    good = np.flatnonzero(behind.mean(axis=1) <= _ERRORS * error)
    return SHARES[min(good, key=lambda i: abs(SHARES[i] - usual))]


def _choose_share(
    model: CrossModalModel, prepared: Prepared, views: ViewMaker, branch: LinearBranch
) -> float:
    # One mask for both modalities gives every pair away in plain views: there the warped ones decide.
    is_one_outline = has_one_outline(prepared)
    usual = _USUAL_WARPED if is_one_outline else _USUAL_PLAIN
    rows = validation_rows(prepared)
    if len(rows) < MINIMUM_SPECIMENS:
        return usual
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device)
    learnt, linear = [], []
    with torch.inference_mode():
        for part in consecutive(rows, _BATCH):
            rgb, uv = _views(views, read_batch(prepared, part).as_float(), warped=is_one_outline)
            learnt.append(model(rgb, uv).projections)
            linear.append(branch(rgb, uv))
    z, variates = (
        {name: torch.cat([one[name] for one in parts]) for name in ("rgb", "uv")}
        for parts in (learnt, linear)
    )
    found = []
    for share in SHARES:
        branch.share.fill_(share)
        sides = branch.beside(z, variates)
        ranks = rank_matches(sides["rgb"].numpy(), sides["uv"].numpy())
        found.append(np.mean([query_measures(counts, ())["mrr"] for counts in ranks], axis=0))
    return best_share(np.array(found), usual)


def has_one_outline(prepared: Prepared) -> bool:
    """Whether RGB and UV of the training captures have one mask, as on one grid they have."""
    rows = prepared.rows_of("train")
    return bool((prepared.masks[rows, 0] == prepared.masks[rows, 1]).all())


def _views(views: ViewMaker, batch: Batch, *, warped: bool) -> Pair:
    if warped:
        return views.warped_view(batch, RGB_VIEW_SEED).rgb, views.warped_view(batch, UV_VIEW_SEED).uv
    plain = views.evaluation_view(batch)
    return plain.rgb, plain.uv


def _coarse(
    prepared: Prepared, views: ViewMaker, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rgb, uv = _views(views, read_batch(prepared, rows), warped=False)
    return coarse_pixels(rgb).double().numpy(), coarse_pixels(uv).double().numpy()
