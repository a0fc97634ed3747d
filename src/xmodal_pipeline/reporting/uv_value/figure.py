"""The figure of what UV adds."""

from typing import Final

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xmodal_pipeline.evaluation.schema import COLOUR, UV_CLAIMS
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.points import draw_points
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    GREY,
    MAX_HEIGHT_MM,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    fit_text,
    legend_entry,
    make_axes,
    make_figure,
    name_rows,
    row_mm,
    shorten,
    styled,
)
from xmodal_pipeline.reporting.uv_value.rows import (
    TEST,
    VERDICTS,
    rank_uv_value,
    say_features,
    say_where,
    write_error,
)
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames, write_species

_UNITS: Final = {
    "reflectance": "",
    "relative": "Colour is relative to one white, not calibrated reflectance",
    "uncalibrated": "Uncalibrated: colour is in camera units",
}


def picture_uv_value(uv_value: pd.DataFrame, names: ModalityNames) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_uv_value`."""
    return print_figure(
        "uv_value",
        f"What {names.uv} adds to {names.rgb}",
        f"Class difference in {names.uv} beyond what {names.rgb} predicts, per species; 0: nothing is added. "
        "q is corrected over all tests of single species. Unresolved: not both q ≤ 0.05 and an interval "
        f"above 0.{_of_pools(uv_value)}",
        lambda width_mm: draw_uv_value(uv_value, names=names, width_mm=width_mm),
    )


def _of_pools(uv_value: pd.DataFrame) -> str:
    """What a row over species shows; empty without one."""
    is_single = (uv_value["scope"] == "species").all()
    return "" if is_single else " All species: their mean and its interval."


def picture_uv_value_of_colour(study: Study, uv_value_colour: pd.DataFrame) -> ReportFigure:
    """The figure of a study that trained nothing, under the units that colour was measured in."""
    names = ModalityNames.of(study)
    # Alone, the set is what is looked at, whatever the study's primary set is.
    alone = uv_value_colour.assign(family="primary")
    return print_figure(
        "uv_value_colour",
        f"What {names.uv} adds to {names.rgb}, by mean colour",
        f"Class difference in the mean of {names.uv} bands beyond what {names.rgb} bands predict, per "
        "species, with 95 % intervals; 0 means nothing is added. Nothing was trained.",
        lambda width_mm: draw_uv_value(
            alone, names=names, width_mm=width_mm, heading=_UNITS[study.colour_units]
        ),
    )


@styled
def draw_uv_value(
    uv_value: pd.DataFrame,
    *,
    most: int = 36,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
    heading: str = "",
) -> Figure:
    """What UV adds to RGB: a row per species and label, a panel per set of features, ranked by lower limit.

    Args:
        uv_value: the table `uv_value`, with its primary sets of features.
        most: rows drawn, those with the highest lower limit, as far as the page holds them; the title says
            how many there are.
        names: display names of the modalities.
        width_mm: q stands at the right of every panel in double-column width; in a single column there are
            the points alone.
        heading: above the figure.

    Returns:
        Panels that share their rows and their axis. Colour and shape tell the verdict.

    Raises:
        NothingToDrawError: if no species was tested by itself.
    """
    ranked = rank_uv_value(uv_value)
    ranked = ranked.assign(where=say_where(ranked))
    known = ranked.dropna(subset="uv_adds")
    if known["is_pooled"].all():  # a mean over species of two specimens has no scale that one could read
        raise NothingToDrawError(
            "no label with two classes had enough specimens of either class in any species"
        )
    tests = known.drop_duplicates(TEST)
    few = len(ranked.drop_duplicates(TEST)) - len(tests)
    is_wide = width_mm > SINGLE_COLUMN_MM
    labels = tests["where"].unique()
    texts = _name_tests(tests, with_label=len(labels) > 1, is_wide=is_wide)
    height_mm, legend_mm, edges_mm = 0.6 + row_mm(texts), 14, 24
    shown = tests.head(min(most, int((MAX_HEIGHT_MM - edges_mm - legend_mm) / height_mm)))
    row_of = {key: row for row, key in enumerate(map(tuple, shown[TEST].to_numpy()))}
    # Title, axis and legend leave no room to fewer rows.
    figure = make_figure(width_mm, edges_mm + height_mm * max(len(shown), 4))
    panels = list(dict.fromkeys(known["features"].sort_values(key=lambda one: one != COLOUR, kind="stable")))
    axes = make_axes(figure, 1, len(panels), sharex=True)[0]
    first_pooled = int((~shown["is_pooled"]).sum())
    for axis, features in zip(axes, panels, strict=True):
        part = known[known["features"] == features]
        rows = [row_of.get(key, -1) for key in map(tuple, part[TEST].to_numpy())]
        part = part.assign(row=rows).query("row >= 0").sort_values("row")
        for verdict, style in VERDICTS.items():
            own = part[part["verdict"] == verdict].assign(value=part["uv_adds"])
            draw_points(axis, own, own["row"].to_numpy(), style, verdict)
        # The q of a pooled row asks whether any species differs: beside a mean it would say of that.
        of_species = part[~part["is_pooled"]].set_index("row")
        notes = [write_error(row) for row in of_species.reindex(range(len(shown))).itertuples()]
        is_first = axis is axes[0]
        name_rows(axis, texts[: len(shown)] if is_first else [""] * len(shown), notes if is_wide else ())
        axis.set_title(f"by {say_features(str(features))}".capitalize())
        room_mm = (0.3 if is_wide else 0.28) * width_mm
        amount = f"distance of the classes in {names.uv}, given {names.rgb} (squared SDs, 95 % interval)"
        axis.set_xlabel(fit_text(amount, room_mm))
        if 0 < first_pooled < len(shown):
            axis.axhline(first_pooled - 0.5, color=GREY, linewidth=0.6)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.xaxis.set_major_locator(MaxNLocator(5 if is_wide else 3))
    edge = _edge(known)
    axes[0].set_xlim(-0.04 * edge, edge)
    verdicts = [one for one in VERDICTS if (known["verdict"] == one).any()]
    title = [
        f"about {labels[0]}" if len(labels) == 1 else "",
        f"{len(shown)} of {len(tests)} rows" if len(tests) > len(shown) else "",
        f"too few specimens in {few} more" if few else "",
        _name_classes(known),
        "intervals go on beyond the edge" if (known["high"] > edge).any() else "",
    ]
    add_legend(
        figure,
        [legend_entry(names.label(one), *VERDICTS[one]) for one in verdicts],
        title="; ".join(filter(None, title)),
    )
    if heading:
        figure.suptitle(heading, fontsize=7)
    return figure


def _name_classes(known: pd.DataFrame) -> str:
    """`n: f + m`, or of either class where labels differ or are not named."""
    classes = list(known["classes"].dropna().unique()) if "classes" in known else []
    return f"n: {str(classes[0]).replace(' | ', ' + ')}" if len(classes) == 1 else "n: of either class"


def _edge(known: pd.DataFrame) -> float:
    """Where the axis ends: behind every amount and every claim's interval, not behind what is wide open."""
    claimed = known.loc[known["verdict"].isin(UV_CLAIMS), "high"]
    ends = [float(end) for end in (*known["uv_adds"], *claimed)]
    return 1.08 * max([*ends, 1.0])


def _name_tests(tests: pd.DataFrame, *, with_label: bool, is_wide: bool) -> list[str]:
    """Species, label where there are several, and n; below the species in a single column."""
    texts, least = [], " " if is_wide else "\n"
    for row in tests.itertuples():
        label = f"{row.where}, " if with_label else ""
        name = shorten(write_species(str(row.species)), 30)
        texts.append(f"{name},{least}{label}n = {row.n_1:.0f} + {row.n_2:.0f}")
    return texts
