"""The look of every figure: print widths, type size, colours that survive colour blindness, file formats."""

import contextlib
import functools
import io
import itertools
import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, ParamSpec, TypeVar

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType
from numpy.typing import NDArray
from PIL import Image

SINGLE_COLUMN_MM: Final = 89.0
DOUBLE_COLUMN_MM: Final = 183.0
MAX_HEIGHT_MM: Final = 247.0
"""Widths and page height of Nature-style journals; most others lie within 2 mm."""
WIDTHS_MM: Final = {"single": SINGLE_COLUMN_MM, "double": DOUBLE_COLUMN_MM}
"""Every figure is drawn in each, and its files carry the name."""

_CHARACTER_MM: Final = 1.3
_TITLE_CHARACTER_MM: Final = 1.65
"""Mean widths of a character: 7-point regular, and the 8-point bold of titles."""
_LEGEND_SYMBOL_MM: Final = 12.0
_LEGEND_LINE_MM: Final = 3.8

# Okabe & Ito (2008), without yellow, which a thin line on white does not carry, and wine of Tol (2021).
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#882255")
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
MODALITY_COLOURS: Final = {"rgb": "#E69F00", "uv": "#0072B2", "combined": "#CC79A7", "joint": "#009E73"}
MODALITY_MARKERS: Final = {"rgb": "s", "uv": "o", "combined": "D", "joint": "^"}
GREY: Final = "#6B6B6B"
DOTTED: Final = (0, (1, 1.5))
DASHED: Final = (0, (3, 1.5))
ALERT: Final = "#B34700"
"""Vermillion, darkened until small type on white reaches a contrast of 5:1."""

_STYLE: Final[dict[Any, Any]] = {
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "image.cmap": "viridis",
    "text.parse_math": False,  # a `$` in a name is a letter, and no formula
}
_FILE_STYLE: Final[dict[Any, Any]] = {"pdf.fonttype": 42, "text.parse_math": False}
"""Type 42 keeps text as text, so that a journal can edit it. Ticks are made when a file is."""
_DPI: Final = 220
"""Of PNG, and of photographs inside PDF."""
# Without a date, equal figures are equal files. Level 3 takes a third of the time of the default, for
# hardly larger files.
_SAVED: Final[dict[str, dict[str, Any]]] = {
    "pdf": {"metadata": {"CreationDate": None}},
    "png": {"pil_kwargs": {"compress_level": 3}},
}


class NothingToDrawError(ValueError):
    """The tables hold nothing that this figure could show; the message is the reason given to the reader."""


P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under the package's style, leaving matplotlib's own settings untouched."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with rc_context(_STYLE):
            return draw(*args, **kwargs)

    return wrapped


def make_figure(width_mm: float, height_mm: float) -> Figure:
    """An empty figure of a printed size, outside pyplot's global state."""
    return Figure(figsize=(width_mm / 25.4, min(height_mm, MAX_HEIGHT_MM) / 25.4), layout="constrained")


def make_axes(figure: Figure, rows: int = 1, columns: int = 1, **kwargs: Any) -> NDArray[Any]:
    """A (rows, columns) grid of axes with their tick style fixed: ticks made later would lose it."""
    axes: NDArray[Any] = figure.subplots(rows, columns, squeeze=False, **kwargs)
    for axis in axes.flat:
        _fix_ticks(axis)
    return axes


def make_mosaic(figure: FigureBase, layout: Sequence[Sequence[str]], **kwargs: Any) -> list[Axes]:
    """Axes of different spans, in the order of their names in the layout; ticks as in `make_axes`."""
    axes = list(figure.subplot_mosaic([list(row) for row in layout], **kwargs).values())
    for axis in axes:
        _fix_ticks(axis)
    return axes


def _fix_ticks(axes: Axes) -> None:
    axes.tick_params(which="both", labelsize=7, width=0.6, length=2.5)


def add_legend(figure: Figure, handles: Sequence[Any], *, title: str = "", most: int = 5) -> None:
    """A legend below the panels, for which the figure grows: the panels keep their height.

    Args:
        figure: as long as the panels want it.
        handles: with their labels; as many columns as the widest leaves room for. None: no legend.
        title: above the entries; wrapped.
        most: columns.
    """
    if not handles:
        return
    width_mm = figure.get_figwidth() * 25.4
    widest_mm = max(text_mm(str(handle.get_label())) for handle in handles)
    fitting = int(width_mm / (_LEGEND_SYMBOL_MM + widest_mm))
    columns = max(1, min(fitting, most, len(handles)))
    title = fit_text(title, width_mm)
    lines = math.ceil(len(handles) / columns) + len(title.splitlines())
    height_mm = figure.get_figheight() * 25.4 + _LEGEND_LINE_MM * lines
    figure.set_figheight(min(height_mm, MAX_HEIGHT_MM) / 25.4)
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, title=title or None, title_fontsize=7
    )


def legend_entry(
    label: str, colour: str = "black", marker: str = "", line: LineStyleType = "", **look: Any
) -> Line2D:
    """What a legend shows beside a label: a marker, a line, or both."""
    return Line2D([], [], color=colour, marker=marker, linestyle=line, label=label, **look)


def name_rows(axes: Axes, texts: Sequence[str], notes: Sequence[str] = ()) -> None:
    """Say what each row of points is, from the top.

    Args:
        axes: with a row at 0, 1, …
        texts: names, at the left.
        notes: numbers at the right, one per row if any.
    """
    axes.set_yticks(range(len(texts)), texts)
    axes.set_ylim(len(texts) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.5)
    axes.set_axisbelow(True)
    if notes:
        right = axes.twinx()
        right.set_ylim(axes.get_ylim())
        right.set_yticks(range(len(notes)), notes, fontsize=7)
        right.tick_params(length=0)
        right.spines["right"].set_visible(False)


def row_mm(texts: Sequence[str]) -> float:
    """The height of rows that keeps their names apart."""
    return 1.2 + 3 * max(len(text.splitlines()) for text in texts)


def text_mm(text: str, *, is_title: bool = False) -> float:
    """About how wide a line of 7-point type is, or of the bold 8-point type of titles."""
    return len(text) * (_TITLE_CHARACTER_MM if is_title else _CHARACTER_MM)


def fit_text(text: str, width_mm: float, *, is_title: bool = False) -> str:
    """The text in lines of about this width at most; a longer word has a line to itself."""
    most = max(int(width_mm / text_mm("n", is_title=is_title)), 1)
    return textwrap.fill(text, most, break_long_words=False)


def shorten(text: str, width: int) -> str:
    """Leave out the middle of a long name: its beginning and its number tell captures apart."""
    if len(text) <= width:
        return text
    return f"{text[: width // 2 - 1]}…{text[len(text) - width + width // 2 :]}"


def fill_pages(heights_mm: Sequence[float], room_mm: float) -> list[slice]:
    """Part panels that stand on one another into pages.

    Args:
        heights_mm: of the panels, in order.
        room_mm: of a page; a panel that is higher has a page to itself.

    Returns:
        The panels of each page.
    """
    ends, filled = [], 0.0
    for panel, height in enumerate(heights_mm):
        if filled and filled + height > room_mm:
            ends.append(panel)
            filled = 0.0
        filled += height
    return [slice(*ends) for ends in itertools.pairwise([0, *ends, len(heights_mm)])]


def draw_pages(draw: Callable[[int], Figure]) -> list[Figure]:
    """All pages of a figure.

    Args:
        draw: the page of a number from 0; it finds nothing to draw beyond the last.

    Returns:
        One figure per page.

    Raises:
        NothingToDrawError: if there is no first page.
    """
    pages = [draw(0)]
    with contextlib.suppress(NothingToDrawError):
        while True:
            pages.append(draw(len(pages)))
    return pages


def hide_frame(axes: Axes) -> None:
    """Leave an image or a map of points without ticks and spines."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def category_styles(values: Sequence[str]) -> dict[str, tuple[str, str]]:
    """A (colour, marker) per category, in the given order; 56 pairs before one repeats.

    Neighbours differ in both, so that no distinction rests on colour alone.
    """
    steps = ((i % len(PALETTE), (i + i // len(PALETTE)) % len(MARKERS)) for i in range(len(values)))
    return {value: (PALETTE[c], MARKERS[m]) for value, (c, m) in zip(values, steps, strict=True)}


def label_values(labels: pd.Series, *, most: int = 14) -> pd.Series:
    """Labels as text for drawing: missing is `unlabelled`, and beyond the `most` frequent is `other`."""
    text = labels.astype("object").where(labels.notna(), "unlabelled").astype(str)
    counts = text[text != "unlabelled"].value_counts()
    if len(counts) > most:
        text = text.where(text.isin([*counts.index[: most - 1], "unlabelled"]), "other")
    return text


def figure_bytes(figure: Figure, file_format: Literal["png", "pdf"]) -> bytes:
    """The file of a figure: text stays text in PDF, and no date is written."""
    stream = io.BytesIO()
    with rc_context(_FILE_STYLE):
        figure.savefig(stream, format=file_format, dpi=_DPI, **_SAVED[file_format])
    return stream.getvalue()


def as_jpeg(png: bytes) -> bytes:
    """The same picture at a quarter of the size, for figures made of photographs."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(stream, format="jpeg", quality=88)
    return stream.getvalue()
