"""What augmentation makes of a capture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xmodal_pipeline.imaging.pictures import picture_views
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    fit_text,
    hide_frame,
    make_axes,
    make_figure,
    styled,
)
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames


def picture_augmented_views(
    study: Study,
    capture_ids: Sequence[str],
    rgb: NDArray[np.float32],
    uv: NDArray[np.float32],
    masks: NDArray[np.bool_],
    *,
    settings: str,
) -> ReportFigure:
    """Picture captures beside their augmented views.

    Args:
        study: whose captures these are.
        capture_ids: one per capture.
        rgb: (captures, 1 + views, 3, side, side), unit scale; the first is the capture itself.
        uv: the same in UV.
        masks: (captures, 1 + views, 2, side, side): RGB's, then UV's.
        settings: a sentence on the parameters in force.
    """
    pictures = [
        np.array([picture_views(*one, is_linear=study.is_linear) for one in zip(images, inside, strict=True)])
        for images, inside in ((rgb, masks[:, :, 0]), (uv.mean(axis=2, keepdims=True), masks[:, :, 1]))
    ]
    return print_figure(
        "views",
        "Augmented views",
        "Training captures beside augmented views of them: one warp for both modalities, photometry of their "
        f"own. {settings} The background, which the models see as 0, is grey here.",
        lambda width_mm: draw_views(
            pictures[0], pictures[1], list(capture_ids), names=ModalityNames.of(study), width_mm=width_mm
        ),
        is_photographic=True,
    )


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
