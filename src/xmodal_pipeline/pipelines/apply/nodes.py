"""Nodes of `apply`. Torch is imported inside them, so that other stages start without it.

A checkpoint is therefore `Any` in their signatures: Kedro evaluates every annotation.
"""

import logging
from collections.abc import Iterator
from typing import Any

import pandas as pd

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.params.apply import ApplyParams
from xmodal_pipeline.params.ingest import QualityParams, SpecimensParams
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.pipelines.split.nodes import prepare_stores
from xmodal_pipeline.specimens.stores import ArrayStore, StoreBlock

logger = logging.getLogger(__name__)

_PARTITION = "applied"
"""Stands in the column `partition`: these specimens neither trained nor test anything."""


def take_checkpoint(apply: ApplyParams, captures: dict[str, Any]) -> Any:
    """Read the checkpoint, of which the study keeps a copy; its bands must be those of the captures.

    Raises:
        ParametersError: if the file is no checkpoint, or its bands are not those of `specimens.layout`.
    """
    from xmodal_pipeline.training import Checkpoint

    checkpoint = Checkpoint.from_file(apply.existing_file())
    layout = SpecimensParams.model_validate(captures["specimens"]).band_layout
    # A UV photograph may hold fewer bands than a pair could have: counted once the captures are read.
    found = {"rgb": layout.rgb, "uv": layout.uv if layout.name != "pair" else layout.uv[: _uv(checkpoint)]}
    for modality, bands in found.items():
        expected = getattr(checkpoint.config, f"{modality}_bands")
        if bands != expected:
            raise ParametersError(
                f"apply: {modality} bands must be those of the checkpoint, {list(expected)}, got "
                f"{list(bands)} in layout '{layout.name}'; use a checkpoint of such captures, or name "
                "the same bands alike in specimens.layout"
            )
    return checkpoint


def _uv(checkpoint: Any) -> int:
    return len(checkpoint.config.uv_bands)


def prepare_for_checkpoint(
    applied_checkpoint: Any,
    captures: dict[str, Any],
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    ingest_summary: dict[str, Any],
    split: SplitParams,
    quality: QualityParams,
) -> Iterator[tuple[StoreBlock, StoreBlock, StoreBlock]]:
    """Prepare every capture as `split` does, at the checkpoint's image size.

    Raises:
        ParametersError: if the captures do not have the checkpoint's number of bands.
    """
    config = applied_checkpoint.config
    if config.photometry == "reflectance" and (specimen_index["colour_units"] == "uncalibrated").any():
        logger.warning(
            "apply: the checkpoint was trained for calibrated colour, and some of these captures are "
            "uncalibrated; differences in light and exposure go into their embeddings"
        )
    sized = split.model_copy(update={"image_size": config.image_size})
    tables = (specimen_index, registration_qa, calibration, ingest_summary)
    for rgb, uv, masks in prepare_stores(captures, *tables, sized, quality):
        if uv.array.shape[1] != len(config.uv_bands):
            raise ParametersError(
                f"apply: captures must have the {len(config.uv_bands)} UV bands of the checkpoint, "
                f"{list(config.uv_bands)}, got {uv.array.shape[1]}; use a checkpoint of such captures"
            )
        yield rgb, uv, masks


def embed_captures(
    applied_checkpoint: Any,
    specimen_index: pd.DataFrame,
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    masks: ArrayStore,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Embeddings and projections of every capture, normalised by the checkpoint's channel statistics."""
    from xmodal_pipeline.training import TrainingStores, embed

    specimens = specimen_index[["specimen_id"]].drop_duplicates().assign(partition=_PARTITION)
    stores = TrainingStores.from_tables(rgb_images, uv_images, masks, specimen_index, specimens)
    tables = embed(applied_checkpoint, stores)
    return tables.embeddings, tables.projections
