"""What UV adds by colour alone, for a study that trained nothing."""

from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from xmodal_pipeline.reporting.content import ReportFigure
from xmodal_pipeline.reporting.evaluation_figures import draw_uv_value
from xmodal_pipeline.reporting.names import DEFAULT_NAMES, ModalityNames
from xmodal_pipeline.reporting.printing import print_figure
from xmodal_pipeline.reporting.style import DOUBLE_COLUMN_MM, styled

_UNITS: Final = {
    "reflectance": "",
    "relative": "Colour is relative to one white, not calibrated reflectance",
    "uncalibrated": "Uncalibrated: colour is in camera units",
}


@styled
def draw_uv_value_of_colour(
    uv_value: pd.DataFrame,
    *,
    units: str,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """`draw_uv_value` under the units that colour was measured in.

    Args:
        uv_value: of the feature set `colour` alone.
        units: `reflectance`, `relative` or `uncalibrated`.
        names: display names of the modalities.
        width_mm: of the figure.

    Returns:
        A row per species and label, the strongest at the top.

    Raises:
        NothingToDrawError: if no row has a number.
    """
    # Alone, the set is what is looked at, whatever the study's primary set is.
    figure = draw_uv_value(uv_value.drop(columns="family", errors="ignore"), names=names, width_mm=width_mm)
    if _UNITS[units]:
        figure.suptitle(_UNITS[units], fontsize=7)
    return figure


def picture_uv_value_of_colour(uv_value: pd.DataFrame, *, units: str, names: ModalityNames) -> ReportFigure:
    """The figure as files with its caption, or why there is none; see `draw_uv_value_of_colour`."""
    return print_figure(
        ("uv_value_colour", "uv_value", f"What {names.uv} adds to {names.rgb}, by mean colour"),
        f"Class difference in the mean and spread of {names.uv} bands beyond what {names.rgb} bands predict, "
        "per species, with 95 % intervals; 0 means nothing linear is added. Nothing was trained.",
        lambda width_mm: draw_uv_value_of_colour(uv_value, units=units, names=names, width_mm=width_mm),
    )
