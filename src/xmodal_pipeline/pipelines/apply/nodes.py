"""Nodes of `apply`. Torch is imported inside them, so that other stages start without it.

A checkpoint is therefore `Any` in their signatures: Kedro evaluates every annotation.
"""

import logging
from typing import Any

import pandas as pd

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.apply import ApplyParams
from xmodal_pipeline.params.ingest import QualityParams
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.specimens.prepared import Prepared, PreparedBlocks, prepare_captures

logger = logging.getLogger(__name__)

_PARTITION = "applied"
"""Stands in the column `partition`: these specimens neither trained nor test anything."""


def take_checkpoint(apply: ApplyParams, study: Study, ingest_summary: dict[str, Any]) -> Any:
    """Read the checkpoint, of which the study keeps a copy; its bands must be those of the captures.

    Raises:
        ParametersError: if the file is no checkpoint, or its bands are not those of the captures.
    """
    from xmodal_pipeline.training import Checkpoint

    checkpoint = Checkpoint.from_file(apply.existing_file())
    for modality, bands in (("rgb", study.rgb_bands), ("uv", study.uv_bands)):
        expected = getattr(checkpoint.config, f"{modality}_bands")
        if bands != expected:
            raise ParametersError(
                f"apply: {modality} bands must be those of the checkpoint, {list(expected)}, got "
                f"{list(bands)} in layout '{study.layout.name}'; use a checkpoint of such captures, or name "
                "the same bands alike in specimens.layout"
            )
    recipe = checkpoint.config.recipe
    if recipe is not None and recipe.colour_units != "uncalibrated" and not study.is_calibrated:
        logger.warning(
            "apply: the checkpoint was trained for calibrated colour, and these captures are uncalibrated; "
            "differences in light and exposure go into their embeddings"
        )
    return checkpoint


def prepare_for_checkpoint(
    applied_checkpoint: Any,
    study: Study,
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    split: SplitParams,
    quality: QualityParams,
) -> PreparedBlocks:
    """Prepare every capture as `split` prepared those of the checkpoint: its size, crop and statistics."""
    config = applied_checkpoint.config
    if config.recipe is None:
        logger.warning(
            "apply: the checkpoint, of an earlier version, does not say what was cut out of each capture; "
            "split.crop is taken: %s",
            split.crop,
        )
    crop = split.crop if config.recipe is None else config.recipe.crop
    return prepare_captures(
        study,
        specimen_index,
        specimen_index[["specimen_id"]].drop_duplicates().assign(partition=_PARTITION),
        registration_qa,
        calibration,
        SplitParams(image_size=config.image_size, crop=crop),
        n_jobs=quality.n_jobs,
        statistics=config.channel_statistics(),
    )


def embed_captures(applied_checkpoint: Any, applied_prepared: Prepared) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Embeddings and projections of every capture, normalised by the checkpoint's channel statistics."""
    from xmodal_pipeline.training import embed

    tables = embed(applied_checkpoint, applied_prepared)
    return tables.embeddings, tables.projections
