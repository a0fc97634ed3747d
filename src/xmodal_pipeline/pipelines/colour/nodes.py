"""Nodes of `colour`. They import what they call, so that `kedro registry list` stays quick."""

from typing import Any

import pandas as pd

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.reporting.content import ReportFigure

_COLUMNS = (
    "species",
    "label",
    "view",
    "classes",
    "n_1",
    "n_2",
    "auc_rgb",
    "auc_uv",
    "auc_both",
    "uv_adds",
    "low",
    "high",
    "p",
    "q",
    "verdict",
)


def summarise_uv_value(
    uv_value_colour: pd.DataFrame,
    specimen_index: pd.DataFrame,
    confounding: pd.DataFrame,
    captures: dict[str, Any],
) -> pd.DataFrame:
    """The columns of `uv_value` that people read, with what a claim rests on.

    Returns:
        As `uv_value`, and `colour_units`, `compared_within` (confounders within whose classes the comparison
        was made) and `confounded_with` (those that the label goes together with, see `confounding`).
    """
    coded = confounding[confounding["code"] != ""]
    names = {label: ";".join(part["confounder"]) for label, part in coded.groupby("label")}
    summary = uv_value_colour.reindex(columns=list(_COLUMNS))
    return summary.assign(
        colour_units=_units(specimen_index),
        compared_within=";".join(captures["specimens"]["confounders"]),
        confounded_with=[names.get(label, "") for label in summary["label"]],
    )


def draw_uv_value(
    uv_value_colour: pd.DataFrame, specimen_index: pd.DataFrame, captures: dict[str, Any]
) -> ReportFigure:
    """What UV adds by colour, per species, with intervals and n; or why there is nothing to draw."""
    from xmodal_pipeline.reporting.colour_figures import picture_uv_value_of_colour
    from xmodal_pipeline.reporting.names import ModalityNames

    specimens = SpecimensParams.model_validate(captures["specimens"])
    names = ModalityNames(specimens.rgb_name, specimens.uv_name)
    return picture_uv_value_of_colour(uv_value_colour, units=_units(specimen_index), names=names)


def _units(specimen_index: pd.DataFrame) -> str:
    """One per study: the captures of a study are read alike."""
    return str(specimen_index["colour_units"].iloc[0])
