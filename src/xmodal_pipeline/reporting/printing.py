"""Figures as files: each in both widths of print, or the reason why it is missing."""

from collections.abc import Callable

from matplotlib.figure import Figure

from xmodal_pipeline.reporting.content import ReportFigure
from xmodal_pipeline.reporting.style import WIDTHS_MM, NothingToDrawError, as_jpeg, figure_bytes


def print_figure(
    identity: tuple[str, str, str],
    caption: str,
    draw: Callable[[float], Figure | list[Figure]],
    *,
    is_photographic: bool = False,
    is_narrow: bool = False,
) -> ReportFigure:
    """Draw a figure in both widths and write its pages.

    Args:
        identity: name, section and title.
        caption: true of both widths.
        draw: the figure, or its pages, of a width in mm.
        is_photographic: the report then takes a lighter copy than the PNG.
        is_narrow: the report shows the single-column version.

    Returns:
        The files of both versions, or the reason why there is nothing to draw.
    """
    name, section, title = identity
    shown = "single" if is_narrow else "double"
    versions = {}
    try:
        for width, width_mm in WIDTHS_MM.items():
            drawn = draw(width_mm)
            versions[width] = tuple(
                _write(page, with_light_copy=is_photographic and width == shown)
                for page in (drawn if isinstance(drawn, list) else [drawn])
            )
    except NothingToDrawError as error:
        return ReportFigure(name, section, title, caption, reason=str(error), is_narrow=is_narrow)
    return ReportFigure(name, section, title, caption, versions, is_narrow=is_narrow)


def _write(figure: Figure, *, with_light_copy: bool) -> dict[str, bytes]:
    """PNG for slides, PDF for print, and a light copy for the report where there are photographs."""
    # The layout is found once instead of twice per file: it takes as long as the drawing.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    png = figure_bytes(figure, "png")
    light = {"jpg": as_jpeg(png)} if with_light_copy else {}
    return {"png": png, "pdf": figure_bytes(figure, "pdf")} | light
