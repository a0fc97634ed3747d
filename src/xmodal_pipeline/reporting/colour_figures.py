"""What UV adds by colour alone, for a study that trained nothing."""

from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from xmodal_pipeline.reporting.content import ReportFigure
from xmodal_pipeline.reporting.evaluation_figures import draw_uv_value
from xmodal_pipeline.reporting.names import DEFAULT_NAMES, ModalityNames
from xmodal_pipeline.reporting.style import NothingToDrawError, figure_bytes, styled

_UNITS: Final = {
    "reflectance": "",
    "relative": "Colour is relative to one white, not calibrated reflectance",
    "uncalibrated": "Uncalibrated: colour is in camera units",
}


@styled
def draw_uv_value_of_colour(
    uv_value: pd.DataFrame, *, units: str, names: ModalityNames = DEFAULT_NAMES
) -> Figure:
    """`draw_uv_value` under the units that colour was measured in.

    Args:
        uv_value: of the feature set `colour` alone.
        units: `reflectance`, `relative` or `uncalibrated`.
        names: display names of the modalities.

    Raises:
        NothingToDrawError: if no row has a number.
    """
    # Alone, the set is what is looked at, whatever the study's primary set is.
    figure = draw_uv_value(uv_value.drop(columns="family", errors="ignore"), names=names)
    if _UNITS[units]:
        figure.suptitle(_UNITS[units], fontsize=7)
    return figure


def picture_uv_value_of_colour(uv_value: pd.DataFrame, *, units: str, names: ModalityNames) -> ReportFigure:
    """The figure as files with its caption, or why there is none; see `draw_uv_value_of_colour`."""
    reason = ""
    pages: tuple[dict[str, bytes], ...] = ()
    try:
        figure = draw_uv_value_of_colour(uv_value, units=units, names=names)
        pages = ({"png": figure_bytes(figure, "png"), "pdf": figure_bytes(figure, "pdf")},)
    except NothingToDrawError as error:
        reason = str(error)
    caption = (
        f"Class difference in the mean and spread of {names.uv} bands beyond what {names.rgb} bands predict, "
        "per species, with 95 % intervals; 0 means nothing linear is added. Nothing was trained."
    )
    title = f"What {names.uv} adds to {names.rgb}, by mean colour"
    return ReportFigure("uv_value_colour", "uv_value", title, caption, pages, reason)
