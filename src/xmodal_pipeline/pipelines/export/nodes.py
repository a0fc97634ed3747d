"""Nodes of `export`. They import what they call, so that `kedro registry list` stays quick."""

import logging
import re

import pandas as pd

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.specimens.discovery import FILE_COLUMNS

logger = logging.getLogger(__name__)

_KEYS = ["capture_id", "modality"]


def export_embeddings(
    embeddings: pd.DataFrame, specimen_index: pd.DataFrame, reporting: ReportingParams
) -> pd.DataFrame:
    """The embeddings of one variant with labels and places on a map, one row per capture and modality.

    Args:
        embeddings: capture_id, specimen_id, partition, modality, x1 … xD.
        specimen_index: all columns but those about files are labels.
        reporting: of the UMAP, which is that of the report.

    Returns:
        capture_id, specimen_id, partition, modality; the labels, whose names get `_label` behind them where
        another column has them; umap_x, umap_y, of each modality by itself (empty beyond
        `reporting.max_points` captures, and in a modality of too few); x1 … xD.
    """
    labels = specimen_index.drop(columns=[name for name in FILE_COLUMNS if name != "capture_id"])
    features = [str(name) for name in embeddings if re.fullmatch(r"x\d+", str(name))]
    facts = embeddings.drop(columns=features)
    mapped = facts.merge(_map(embeddings, reporting), on=_KEYS, how="left", validate="one_to_one")
    vectors = pd.concat([mapped[["umap_x", "umap_y"]], embeddings[features].reset_index(drop=True)], axis=1)
    taken = {*facts, *vectors} - {"capture_id"}
    labels = labels.rename(columns={name: f"{name}_label" for name in taken})
    labelled = facts.merge(labels, on="capture_id", how="left", validate="many_to_one")
    return pd.concat([labelled, vectors], axis=1)


def _map(embeddings: pd.DataFrame, reporting: ReportingParams) -> pd.DataFrame:
    from xmodal_pipeline.reporting.similarity.umap import umap_coordinates
    from xmodal_pipeline.reporting.style import NothingToDrawError

    maps = []
    for modality, rows in embeddings.groupby("modality", sort=False):
        try:
            maps.append(umap_coordinates(rows, reporting)[[*_KEYS, "x", "y"]])
        except NothingToDrawError as reason:
            logger.warning("export: no map of %s: %s", modality, reason)
    drawn = pd.concat(maps) if maps else pd.DataFrame(columns=[*_KEYS, "x", "y"])
    return drawn.rename(columns={"x": "umap_x", "y": "umap_y"})
