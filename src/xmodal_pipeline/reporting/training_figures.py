"""Figures of training: curves per variant, and what augmentation makes of a capture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from xmodal_pipeline.reporting.names import DEFAULT_NAMES, ModalityNames
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    GREY,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    category_styles,
    fit_text,
    hide_frame,
    make_axes,
    make_figure,
    styled,
)


@dataclass(frozen=True)
class _Panel:
    """Columns of a history that share an axis; each column has its own line style."""

    title: str
    columns: tuple[str, ...]
    """Column names; one that ends in `*` stands for all that begin so."""
    is_log: bool = False
    reference: float | None = None


_PANELS: Final = (
    _Panel("Loss, all terms (nats)", ("loss",)),
    _Panel("Cross-modal term (nats)", ("cross_modal",)),
    _Panel("Intra-modal terms (nats)", ("intra_rgb", "intra_uv")),
    _Panel("Joint term (nats)", ("joint",)),
    _Panel("Validation recall@1", ("validation_recall_at_1",)),
    _Panel("Validation: match above other", ("validation_match_above_other",), reference=0.5),
    _Panel("Temperature", ("temperature*",)),
    _Panel("Loss weights", ("weight_*",)),
    _Panel("Encoder gradient norm", ("grad_norm_rgb", "grad_norm_uv"), is_log=True),
    _Panel("Cosine of the two gradients", ("grad_cosine",), reference=0.0),
    _Panel("Spread of projections", ("spread_rgb", "spread_uv")),
    _Panel("Modality gap", ("modality_gap",)),
)
_TICKS_MM: Final = 11.0
"""What tick labels take from the width of a panel."""
_LINES: Final = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1, 1, 1)))


@styled
def draw_training_curves(
    histories: Mapping[str, pd.DataFrame],
    *,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Loss terms, validation retrieval, temperature and balance per epoch, a colour per variant.

    A panel appears where at least one variant has a value for it.

    Args:
        histories: per variant, one row per epoch.
        names: display names of the modalities.
        width_mm: three panels to a row in double-column width, else two.

    Returns:
        Up to twelve panels.

    Raises:
        NothingToDrawError: if no history has a value.
    """
    panels = [(panel, drawn) for panel in _PANELS if (drawn := _present(panel, histories))]
    if not panels:
        raise NothingToDrawError("no variant was trained")
    columns, row_mm = (3, 44) if width_mm > SINGLE_COLUMN_MM else (2, 40)
    rows = -(-len(panels) // columns)
    figure = make_figure(width_mm, 3 + row_mm * rows)
    axes = make_axes(figure, rows, columns)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    styles = category_styles(list(histories))
    for axis, (panel, drawn) in zip(axes.flat, panels, strict=False):
        for variant, history in histories.items():
            _draw_lines(axis, history, drawn, styles[variant])
        _finish(axis, panel, drawn, names)
        axis.set_title(fit_text(panel.title, width_mm / columns - _TICKS_MM, is_title=True))
    handles = [
        Line2D([], [], color=colour, marker=marker, label=names.label(variant))
        for variant, (colour, marker) in styles.items()
    ]
    add_legend(figure, handles)
    return figure


def _present(panel: _Panel, histories: Mapping[str, pd.DataFrame]) -> list[str]:
    """The panel's columns in which some variant has a value, in order, each once."""
    found = [
        str(column)
        for pattern in panel.columns
        for history in histories.values()
        for column in history.columns
        if (column == pattern or (pattern.endswith("*") and str(column).startswith(pattern[:-1])))
        and history[column].notna().any()
    ]
    return list(dict.fromkeys(found))


def _draw_lines(axes: Axes, history: pd.DataFrame, columns: list[str], style: tuple[str, str]) -> None:
    colour, marker = style
    for line, column in enumerate(columns):
        if column not in history or history[column].isna().all():
            continue
        known = history[history[column].notna()]
        axes.plot(
            known["epoch"],
            known[column],
            color=colour,
            marker=marker,
            markevery=max(len(known) // 6, 1),
            markersize=2.8,
            linestyle=_LINES[line % len(_LINES)],
            label=column,
        )


def _finish(axes: Axes, panel: _Panel, columns: list[str], names: ModalityNames) -> None:
    axes.set(xlabel="epoch", yscale="log" if panel.is_log else "linear")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if panel.is_log:
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(y=0.12)
    if panel.reference is not None:
        axes.axhline(panel.reference, color=GREY, linewidth=0.6, zorder=0)
    if len(columns) > 1:
        stem = _common_prefix(columns)
        handles = [
            Line2D(
                [],
                [],
                color=GREY,
                linestyle=_LINES[i % len(_LINES)],
                label=names.label(column.removeprefix(stem)),
            )
            for i, column in enumerate(columns)
        ]
        _raise_limit(axes, 0.16 * len(handles))
        axes.legend(handles=handles, loc="upper right", handlelength=2.4, borderaxespad=0)
    if panel.is_log:
        # Round numbers at equal distances: those of the usual locators crowd at the top or are missing.
        ticks = {float(f"{value:.1g}") for value in np.geomspace(*axes.get_ylim(), 5)}
        axes.yaxis.set_major_locator(FixedLocator(sorted(ticks)))


def _raise_limit(axes: Axes, share: float) -> None:
    """Keep this share of the panel free of lines, at the top."""
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(axes.get_ylim())
    axes.set_ylim(top=float(scale.inverted().transform(low + (high - low) / (1 - share))))


def _common_prefix(columns: list[str]) -> str:
    """What all columns begin with, up to an underscore: `grad_norm_` of both gradient norms."""
    words = [column.split("_") for column in columns]
    shared = 0
    while all(len(w) > shared + 1 for w in words) and len({w[shared] for w in words}) == 1:
        shared += 1
    return "".join(f"{word}_" for word in words[0][:shared])


@styled
def draw_views(
    rgb: NDArray[np.uint8],
    uv: NDArray[np.uint8],
    captions: Sequence[str],
    *,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """A few captures beside their augmented views, in both modalities.

    Args:
        rgb: (captures, 1 + views, size, size, 3) pictures; the first is the capture itself.
        uv: the same captures and views in UV.
        captions: one per capture.
        names: display names of the modalities.
        width_mm: both modalities share a row in double-column width, else UV stands below RGB.

    Returns:
        One row or two per capture.

    Raises:
        ValueError: if the two arrays differ in shape.
        NothingToDrawError: if there is no capture.
    """
    if rgb.shape != uv.shape:
        raise ValueError(
            f"draw_views: rgb and uv must have one shape, got {rgb.shape} and {uv.shape}; draw equal views"
        )
    if not len(rgb):
        raise NothingToDrawError("no capture was augmented")
    captures, views = rgb.shape[:2]
    lines = 1 if width_mm > SINGLE_COLUMN_MM else 2
    rows, columns = captures * lines, 2 * views // lines
    tile_mm = width_mm / columns
    figure = make_figure(width_mm, 10 + tile_mm * rows)
    axes = make_axes(figure, rows, columns).reshape(captures, 2, views)
    for row, caption in enumerate(captions):
        for axis, picture in zip(axes[row].flat, [*rgb[row], *uv[row]], strict=True):
            axis.imshow(picture)
            hide_frame(axis)
        label = fit_text(caption.replace("_", " "), tile_mm)
        axes[row, 0, 0].set_ylabel("\n".join(label.splitlines()[:3]))
    for block, name in enumerate((names.rgb, names.uv)):
        for view in range(views):
            axes[0, block, view].set_title(f"view {view}" if view else name)
    return figure
