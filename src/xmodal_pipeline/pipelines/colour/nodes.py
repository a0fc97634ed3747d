"""Nodes of `colour`. They import what they call, so that `kedro registry list` stays quick."""

import pandas as pd

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.figure import ReportFigure

_COLUMNS = (
    "species",
    "label",
    "view",
    "patch",
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
    "noise_tip",
    "tip",
    "verdict",
)


def summarise_uv_value(
    uv_value_colour: pd.DataFrame, confounding: pd.DataFrame, study: Study
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
        colour_units=study.colour_units,
        compared_within=";".join(study.confounders),
        confounded_with=[names.get(label, "") for label in summary["label"]],
    )


def draw_uv_value(uv_value_colour: pd.DataFrame, study: Study) -> ReportFigure:
    """What UV adds by colour, per species, with intervals and n; or why there is nothing to draw."""
    from xmodal_pipeline.reporting.uv_value.figure import picture_uv_value_of_colour

    return picture_uv_value_of_colour(study, uv_value_colour)
