"""The look of every figure: print widths, type size, colours that survive colour blindness, file formats."""

import functools
import io
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, ParamSpec, TypeVar

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

SINGLE_COLUMN_MM: Final = 89.0
DOUBLE_COLUMN_MM: Final = 183.0
MAX_HEIGHT_MM: Final = 247.0
"""Widths and page height of Nature-style journals; most others lie within 2 mm."""

# Okabe & Ito (2008), without yellow, which a thin line on white does not carry.
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
MODALITY_COLOURS: Final = {"rgb": "#E69F00", "uv": "#0072B2", "combined": "#CC79A7", "joint": "#009E73"}
MODALITY_MARKERS: Final = {"rgb": "s", "uv": "o", "combined": "D", "joint": "^"}
GREY: Final = "#6B6B6B"
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
}
# Type 42 keeps text as text, so that a journal can edit it; a fixed salt makes equal figures equal files.
_FILE_STYLE: Final[dict[Any, Any]] = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "xmodal"}
_METADATA: Final[dict[str, dict[str, Any]]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}


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
        axis.tick_params(which="both", labelsize=7, width=0.6, length=2.5)
    return axes


def hide_frame(axes: Axes) -> None:
    """Leave an image or a map of points without ticks and spines."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def category_styles(values: Sequence[str]) -> dict[str, tuple[str, str]]:
    """A (colour, marker) per category, in the given order; 49 pairs before one repeats.

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


def figure_bytes(
    figure: Figure, file_format: Literal["png", "pdf", "svg", "jpg"], *, dpi: int = 220
) -> bytes:
    """The file of a figure: text stays text in PDF and SVG, and no date is written.

    Args:
        figure: as a `draw_…` function returned it.
        file_format: jpg is for figures made of photographs.
        dpi: of PNG and JPEG, and of photographs inside PDF and SVG.

    Returns:
        The file's content.
    """
    stream = io.BytesIO()
    # Level 3 takes a third of the time of the default for a file a few per cent larger.
    options: dict[str, dict[str, Any]] = {
        "jpg": {"pil_kwargs": {"quality": 88}},
        "png": {"pil_kwargs": {"compress_level": 3}},
    }
    with rc_context(_FILE_STYLE):
        figure.savefig(
            stream,
            format=file_format,
            dpi=dpi,
            metadata=_METADATA.get(file_format),
            **options.get(file_format, {}),
        )
    return stream.getvalue()


def as_jpeg(png: bytes) -> bytes:
    """The same picture at a quarter of the size, for figures made of photographs."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(stream, format="jpeg", quality=88)
    return stream.getvalue()
