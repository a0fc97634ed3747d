"""The gallery: queries of one modality, their true match in the other, and what the model ranked first."""

from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.ranks import RankCounts, query_measures
from xmodal_pipeline.evaluation.retrieval import rank_matches
from xmodal_pipeline.imaging.pictures import Picture, cutout_picture, rgb_picture, uv_picture
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.embeddings import (
    ChosenVariant,
    one_view,
    paired_projections,
    unit_vectors,
    vectors,
)
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
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
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames, number
from xmodal_pipeline.specimens.prepared import Prepared

_TOP: Final = 5
_HIT: Final = "#0072B2"
_TILE_MM: Final = 23.0
"""Height of a picture in double-column width."""


class _Search(NamedTuple):
    """One direction: queries of one modality among the captures of the other."""

    query: str
    gallery: str
    similarity: NDArray[np.float32]
    """(queries, captures); the match is on the diagonal."""
    counts: RankCounts


def picture_gallery(
    study: Study,
    chosen: ChosenVariant,
    prepared: Prepared,
    specimen_index: pd.DataFrame,
    params: ReportingParams,
) -> ReportFigure:
    """The figure of the chosen variant as files, or why there is none; see `draw_gallery`."""
    names = ModalityNames.of(study)
    projections, where = one_view(chosen, specimen_index, names)

    def draw(width_mm: float) -> Figure:
        if not chosen.name:
            raise NothingToDrawError("no cross-modal variant was trained")
        return draw_gallery(
            projections,
            prepared,
            size=params.gallery_size,
            seed=params.seed,
            is_linear=study.is_linear,
            flagged=frozenset(specimen_index.loc[specimen_index["flags"].fillna("") != "", "capture_id"]),
            names=names,
            width_mm=width_mm,
        )

    return print_figure(
        "gallery",
        "Gallery",
        f"{where}Queries in both directions, their true match (framed blue) and the five captures ranked "
        "first. Rows are drawn by lot among successes and failures, not chosen for their looks.",
        draw,
        is_photographic=True,
    )


@styled
def draw_gallery(
    projections: pd.DataFrame,
    images: Prepared,
    *,
    size: int = 6,
    seed: int = 0,
    is_linear: bool = True,
    flagged: Set[str] = frozenset(),
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Queries in both directions, their match and the five captures ranked first; chosen by lot.

    Up to half the rows of a direction are failures (the match is not first, or not alone there), the rest
    successes, each chosen at random with the seed, never for their looks; the title says how many there are
    of either. As in retrieval, ties count by expectation: a match's rank is its expected one, and captures
    level with it stand in an order by lot.

    Args:
        projections: of one cross-modal variant; held-out captures are used.
        images: the captures.
        size: queries, half of them (rounded up) RGB, the rest UV.
        seed: of the draw.
        is_linear: whether the images are proportional to light.
        flagged: captures that carry a flag; an asterisk marks them.
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
    generator = np.random.default_rng(seed)
    searches = _searches(rgb, uv)
    sizes = (size - size // 2, size // 2)
    queries = [_choose(one.counts, part, generator) for one, part in zip(searches, sizes, strict=True)]
    pictures = {
        "rgb": partial(_picture, images.capture_ids, images.rgb, rgb_picture, is_linear),
        "uv": partial(_picture, images.capture_ids, images.uv, uv_picture, is_linear),
    }
    ids, lines = rgb["capture_id"].tolist(), sum(map(len, queries))
    is_wide = width_mm > SINGLE_COLUMN_MM
    figure = make_figure(width_mm, 22 + (27 if is_wide else 20) * lines)
    axes = make_axes(figure, lines, _TOP + 2)
    below = 0
    for search, rows in zip(searches, queries, strict=True):
        block, below = axes[below : below + len(rows)], below + len(rows)
        for line, query in zip(block, rows, strict=True):
            order = _order(search, query, generator)
            _draw_query(line, search, query, order, ids, pictures, flagged, is_wide=is_wide)
        asked, found = (names.label(modality) for modality in (search.query, search.gallery))
        heads = [f"{asked} query", f"{found} match", *(f"{found} {k}" for k in range(1, _TOP + 1))]
        for axis, head in zip(block[:1].flat, heads, strict=False):
            axis.set_title(head if is_wide else fit_text(head, width_mm / len(heads), is_title=True))
    about = "\n".join(fit_text(line, width_mm) for line in _title(searches, seed, names).splitlines())
    figure.suptitle(about, fontsize=7, x=0.01, ha="left")
    return figure


def _searches(rgb: pd.DataFrame, uv: pd.DataFrame) -> tuple[_Search, _Search]:
    similarity, ranks = unit_vectors(rgb) @ unit_vectors(uv).T, rank_matches(vectors(rgb), vectors(uv))
    return (
        _Search("rgb", "uv", similarity, ranks.rgb_to_uv),
        _Search("uv", "rgb", similarity.T, ranks.uv_to_rgb),
    )


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


def _choose(counts: RankCounts, size: int, generator: np.random.Generator) -> list[int]:
    """Successes, then failures: up to half failures, filled up from either side when one runs short."""
    is_first = query_measures(counts, ())["rank"] == 1
    hits, misses = (generator.permutation(np.flatnonzero(found)) for found in (is_first, ~is_first))
    wanted = min(len(misses), max(size // 2, size - len(hits)))
    return [int(row) for row in (*hits[: size - wanted], *misses[:wanted])]


def _order(search: _Search, query: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Captures by similarity; those level with the match, itself included, by lot."""
    order = np.argsort(-search.similarity[query], kind="stable")
    level = slice(search.counts.better[query], search.counts.better[query] + search.counts.tied[query])
    order[level] = generator.permutation(order[level])
    return order


def _title(searches: Sequence[_Search], seed: int, names: ModalityNames) -> str:
    found = [
        f"{names.label(one.query)} → {names.label(one.gallery)}: "
        f"{query_measures(one.counts, (1,))['recall@1'].sum().round(1):g} of {len(one.similarity)}"
        for one in searches
    ]
    level = sum(int((one.counts.tied > 1).sum()) for one in searches)
    ties = (
        f"\n{level} queries have captures level with their match: these stand in an order by lot, "
        "and ranks are expected ones"
    )
    return (
        f"Held-out queries that find their match first, {', '.join(found)}; rows drawn by lot (seed {seed})\n"
        "Numbers: cosine similarity of the projections that the ranking uses; framed: the true match; *: a "
        f"flagged capture{ties if level else ''}"
    )


def _picture(
    ids: Sequence[str], images: NDArray[Any], draw: Callable[..., Picture], is_linear: bool, capture: str
) -> Picture:
    """One stored capture for looking at."""
    return cutout_picture(np.asarray(images[ids.index(capture)], np.float32), draw, is_linear=is_linear)


def _draw_query(
    line: NDArray[np.object_],
    search: _Search,
    query: int,
    order: NDArray[np.intp],
    ids: list[str],
    pictures: Mapping[str, Callable[[str], NDArray[np.uint8]]],
    flagged: Set[str],
    *,
    is_wide: bool,
) -> None:
    _show(line[0], pictures[search.query](ids[query]), _mark(ids[query], flagged))
    similarity = search.similarity[query]
    for axis, hit in zip(line[1:], [query, *order[:_TOP]], strict=True):
        _show(
            axis,
            pictures[search.gallery](ids[hit]),
            f"{number(similarity[hit])}{_mark(ids[hit], flagged)}",
            is_match=hit == query,
        )
    rank = query_measures(search.counts, ())["rank"][query]
    name, colour = ids[query].replace("_", " "), ALERT if rank > 1 else _HIT
    if is_wide:
        line[0].set_ylabel("\n".join(fit_text(name, _TILE_MM).splitlines()[:3]))
        line[1].set_xlabel(
            f"{number(similarity[query])}{_mark(ids[query], flagged)}, rank {rank:g}", color=colour
        )
    else:
        _write_below(line[0], f"{shorten(name, 50)}: rank {rank:g}", colour)


def _mark(capture: str, flagged: Set[str]) -> str:
    return "*" if capture in flagged else ""


def _show(axes: Axes, picture: NDArray[np.uint8], note: str, *, is_match: bool = False) -> None:
    axes.imshow(picture)
    hide_frame(axes)
    axes.set_xlabel(note, labelpad=2)
    if is_match:
        axes.spines[:].set(visible=True, color=_HIT, linewidth=2)
