"""The gallery: queries of one modality, their true match in the other, and what the model ranked first."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xmodal_pipeline.reporting.embedding_figures import paired_projections
from xmodal_pipeline.reporting.names import DEFAULT_NAMES, ModalityNames, number
from xmodal_pipeline.reporting.style import (
    ALERT,
    DOUBLE_COLUMN_MM,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    fit_text,
    hide_frame,
    make_axes,
    make_figure,
    shorten,
    styled,
)
from xmodal_pipeline.reporting.thumbnails import rgb_picture, uv_picture
from xmodal_pipeline.reporting.umap import vectors
from xmodal_pipeline.specimens.stores import ArrayStore

_TOP: Final = 5
_HIT: Final = "#0072B2"
_TILE_MM: Final = 23.0
"""Height of a picture in double-column width."""


@styled
def draw_gallery(
    projections: pd.DataFrame,
    rgb_images: ArrayStore,
    uv_images: ArrayStore,
    *,
    size: int = 6,
    seed: int = 0,
    is_linear: bool = True,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """RGB queries, their UV match and the five UV captures ranked first; chosen by lot.

    Up to half the rows are failures (the match is not first), the rest successes, each chosen at random with
    the seed, never for their looks; the title says how many there are of either.

    Args:
        projections: of one cross-modal variant; held-out captures are used.
        rgb_images: (captures, bands, S, S) in unit scale, background 0.
        uv_images: the same captures in UV.
        size: queries.
        seed: of the draw.
        is_linear: whether the images are proportional to light.
        names: display names of the modalities.
        width_mm: names and ranks stand beside the pictures in double-column width, else below.

    Returns:
        A row per query. A blue frame marks the true match.

    Raises:
        NothingToDrawError: if fewer than six captures were held out in both modalities.
    """
    rgb, uv = paired_projections(projections)
    if len(rgb) <= _TOP:
        raise NothingToDrawError(f"{len(rgb)} held-out captures are too few for a gallery of five")
    similarity = _cosine(vectors(rgb), vectors(uv))
    order = np.argsort(-similarity, axis=1, kind="stable")
    ranks = 1 + np.argmax(order == np.arange(len(rgb))[:, None], axis=1)
    queries = _choose(ranks, size, seed)
    rows = {capture: row for row, capture in enumerate(rgb_images.capture_ids)}
    ids = rgb["capture_id"].tolist()
    is_wide = width_mm > SINGLE_COLUMN_MM
    figure = make_figure(width_mm, 16 + (27 if is_wide else 20) * len(queries))
    axes = make_axes(figure, len(queries), _TOP + 2, gridspec_kw={"width_ratios": [1, 1] + [1] * _TOP})
    for line, query in zip(axes, queries, strict=True):
        query_picture = rgb_picture(*_picture(rgb_images, rows[ids[query]]), is_linear=is_linear)
        _show(line[0], query_picture, "")
        for axis, hit in zip(line[1:], [query, *order[query, :_TOP]], strict=True):
            picture = uv_picture(*_picture(uv_images, rows[ids[hit]]), is_linear=is_linear)
            _show(axis, picture, number(similarity[query, hit]), is_match=hit == query)
        name, rank = ids[query].replace("_", " "), f"rank {ranks[query]}"
        colour = ALERT if ranks[query] > 1 else _HIT
        if is_wide:
            line[0].set_ylabel("\n".join(fit_text(name, _TILE_MM).splitlines()[:3]))
            line[1].set_xlabel(f"{number(similarity[query, query])}, {rank}", color=colour)
        else:
            _write_below(line[0], f"{shorten(name, 50)}: {rank}", colour)
    heads = [f"{names.rgb} query", f"{names.uv} match", *(f"{names.uv} {k}" for k in range(1, _TOP + 1))]
    for axis, head in zip(axes[0], heads, strict=True):
        axis.set_title(head if is_wide else fit_text(head, width_mm / len(heads), is_title=True))
    first = int((ranks == 1).sum())
    about = (
        f"{first} of {len(ranks)} held-out queries find their match first; rows drawn by lot (seed {seed}); "
        "numbers are cosine similarities; framed: the true match"
    )
    figure.suptitle(
        fit_text(about, width_mm),
        fontsize=7,
        x=0.01,
        ha="left",
    )
    return figure


def _write_below(axes: Axes, text: str, colour: str) -> None:
    """A line under the notes of a row: the layout keeps its height free, but knows nothing of its width."""
    axes.set_xlabel("\n ", labelpad=2)
    axes.annotate(
        text,
        (0, 0),
        (0, -11),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        color=colour,
        in_layout=False,
    )


def _choose(ranks: NDArray[np.intp], size: int, seed: int) -> list[int]:
    """Successes, then failures: up to half failures, filled up from either side when one runs short."""
    generator = np.random.default_rng(seed)
    hits, misses = (generator.permutation(np.flatnonzero(found)) for found in (ranks == 1, ranks > 1))
    wanted = min(len(misses), max(size // 2, size - len(hits)))
    return [int(row) for row in (*hits[: size - wanted], *misses[:wanted])]


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    a, b = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (a, b))
    return a @ b.T


def _picture(store: ArrayStore, row: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bands and foreground of one stored capture: background is exactly 0 there."""
    bands = store[row].astype(np.float32)
    return bands, (bands != 0).any(axis=0)


def _show(axes: Axes, picture: NDArray[np.uint8], note: str, *, is_match: bool = False) -> None:
    axes.imshow(picture)
    hide_frame(axes)
    axes.set_xlabel(note, labelpad=2)
    if is_match:
        axes.spines[:].set(visible=True, color=_HIT, linewidth=2)
