"""Features as `uv_value` takes them: logarithms of colour per capture and patch, and embeddings."""

import logging
from typing import Final

import numpy as np
import pandas as pd

logger = logging.getLogger(__name__)

_FLOOR: Final = 1e-3
"""Below a thousandth of full scale there is noise, not colour (as in `imaging.quality`)."""


def log_colour_features(colour_table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """RGB's log means and log SDs, and UV's log means, of every band, per capture and patch.

    UV's SDs are left out: they are no linear function of RGB's SDs where UV is one of RGB. Values below a
    thousandth of full scale are raised to it; the log names the captures whose mean was.

    Args:
        colour_table: rows of `imaging.colour.colour_rows`.

    Returns:
        One table per modality, RGB's and UV's, indexed by `capture_id`, with `patch`, `<band>_log_mean` of
        every band and, for RGB, `<band>_log_sd`.

    Raises:
        ValueError: if a capture lacks a band that others have.
    """
    _name_dark(colour_table)
    rgb = _features(colour_table, "rgb", ("mean", "sd"))
    return rgb, _features(colour_table, "uv", ("mean",))


def embedding_features(embeddings: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """RGB's and UV's embeddings of one variant, `x1 … xD` indexed by `capture_id`.

    Args:
        embeddings: as `{variant}.embeddings`.
    """
    rgb, uv = (
        embeddings[embeddings["modality"] == modality].set_index("capture_id").filter(regex=r"^x\d+$")
        for modality in ("rgb", "uv")
    )
    return rgb, uv


def _features(colour_table: pd.DataFrame, modality: str, statistics: tuple[str, ...]) -> pd.DataFrame:
    rows = colour_table[colour_table["modality"] == modality]
    bands = list(dict.fromkeys(rows["band"]))
    wide = rows.pivot(index=["capture_id", "patch"], columns="band", values=list(statistics))
    columns = [(statistic, band) for statistic in statistics for band in bands]
    wide = wide.reindex(columns=pd.MultiIndex.from_tuples(columns)) if columns else wide
    lacking = wide.index.get_level_values("capture_id")[wide.isna().any(axis=1)]
    if len(lacking):
        raise ValueError(
            f"log_colour_features: every capture must have the {modality} bands {bands}, got some missing "
            f"for {[str(name) for name in lacking.unique()[:5]]}; study one band layout at a time"
        )
    logs = pd.DataFrame(
        np.log(wide.clip(lower=_FLOOR).to_numpy()),
        index=wide.index,
        columns=[f"{band}_log_{statistic}" for statistic, band in columns],
    )
    return logs.reset_index("patch")


def _name_dark(colour_table: pd.DataFrame) -> None:
    dark = colour_table[colour_table["mean"] < _FLOOR]
    for (modality, band), rows in dark.groupby(["modality", "band"], sort=True):
        names = sorted(rows["capture_id"].astype(str).unique())
        logger.warning(
            "uv_value: %s band %s is below %g of full scale in %d captures, and taken as that: %s",
            *(modality, band, _FLOOR, len(names), ", ".join(names[:20])),
        )
