"""A figure as files: its pages in both widths of print, or the reason why it is missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from xmodal_pipeline.reporting.style import WIDTHS_MM, NothingToDrawError, as_jpeg, figure_bytes

Pages = tuple[Mapping[str, bytes], ...]
"""Per page its files by ending: png, pdf, and jpg where photographs make a png heavy."""


@dataclass(frozen=True, eq=False)
class ReportFigure:
    """One figure as files, and its words; or the reason why it is missing."""

    name: str
    """File name without width and ending."""
    title: str
    caption: str
    versions: Mapping[str, Pages] = field(default_factory=dict)
    """The pages by width, `single` and `double` column; empty: not drawn."""
    reason: str = ""
    is_narrow: bool = False
    """The report shows the single-column version."""

    @property
    def pages(self) -> Pages:
        """The pages that the report shows; none if nothing was drawn."""
        return self.versions.get("single" if self.is_narrow else "double", ())

    @property
    def file_names(self) -> dict[str, tuple[dict[str, str], ...]]:
        """Per width and page the names of its files by ending; pages are numbered where there are several."""
        return {
            width: tuple(
                {
                    ending: f"{self.name}_{width}{f'_{number}' if len(pages) > 1 else ''}.{ending}"
                    for ending in page
                }
                for number, page in enumerate(pages, start=1)
            )
            for width, pages in self.versions.items()
        }

    @property
    def files(self) -> dict[str, bytes]:
        """The files of all pages in both widths by name."""
        return {
            names[ending]: content
            for width, pages in self.versions.items()
            for names, page in zip(self.file_names[width], pages, strict=True)
            for ending, content in page.items()
        }


def print_figure(
    name: str,
    title: str,
    caption: str,
    draw: Callable[[float], Figure | list[Figure]],
    *,
    is_photographic: bool = False,
    is_narrow: bool = False,
) -> ReportFigure:
    """Draw a figure in both widths and write its pages.

    Args:
        name: of its files, without width and ending.
        title: above its caption.
        caption: true of both widths.
        draw: the figure, or its pages, of a width in mm.
        is_photographic: the report then takes a lighter copy than the PNG.
        is_narrow: the report shows the single-column version.

    Returns:
        The files of both versions, or the reason why there is nothing to draw.
    """
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
        return ReportFigure(name, title, caption, reason=str(error), is_narrow=is_narrow)
    return ReportFigure(name, title, caption, versions, is_narrow=is_narrow)


def _write(figure: Figure, *, with_light_copy: bool) -> dict[str, bytes]:
    """PNG for slides, PDF for print, and a light copy for the report where there are photographs."""
    # The layout is found once instead of twice per file: it takes as long as the drawing.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    png = figure_bytes(figure, "png")
    light = {"jpg": as_jpeg(png)} if with_light_copy else {}
    return {"png": png, "pdf": figure_bytes(figure, "pdf")} | light
