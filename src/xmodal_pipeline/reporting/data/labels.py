"""The labels of a study before any model: classes, confounders, the tree, and what colour can say of them."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from xmodal_pipeline.evaluation.specimen_tables import SPECIES
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.section import Chapter, PageTable, Section, table_of
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    label_values,
    make_figure,
    make_mosaic,
    shorten,
    styled,
)
from xmodal_pipeline.reporting.words import (
    MISSING,
    ModalityNames,
    list_words,
    number,
    small,
    write_class,
    write_species,
)
from xmodal_pipeline.specimens.columns import column_kind
from xmodal_pipeline.specimens.discovery import FILE_COLUMNS

_MOST_CLASSES: Final = 42
"""Bars that a page holds."""
_OTHER_CLASSES: Final = 6
"""Bars of a label that is not the study's first."""
_MOST_OTHER_CLASSES: Final = 12
"""A label with more classes (a date, a drawer) is not one to balance, unless it is the study's own."""
_UNLABELLED: Final = "unlabelled"
_SEX: Final = "sex"
"""The label that divides every bar, where the index has it."""


def labels_section(
    study: Study,
    class_balance: pd.DataFrame,
    confounding: pd.DataFrame,
    species_tips: pd.DataFrame,
    modality_information: pd.DataFrame,
    class_balance_figure: ReportFigure,
) -> Section:
    """Specimens per class, confounded labels, species in the tree, information in mean colour."""
    names = ModalityNames.of(study)
    return Section(
        "trust",
        reasons=(*say_unchecked(study, class_balance), *say_confounding(confounding, names)),
        chapters=(
            Chapter(
                "labels",
                "Labels",
                figures=(class_balance_figure,),
                tables=(
                    tabulate_confounding(confounding, names),
                    tabulate_balance(class_balance, names),
                    *([tabulate_tips(species_tips)] if len(species_tips) else []),
                    tabulate_information(modality_information, names),
                ),
            ),
        ),
    )


def say_unchecked(study: Study, class_balance: pd.DataFrame) -> list[str]:
    """That no confounder was named, and which labels of few classes may be ones; nothing without labels."""
    if study.confounders or class_balance.empty:
        return []
    classes = class_balance.groupby("label", sort=False)["class"].nunique()
    few = [str(name) for name, count in classes.items() if count <= _MOST_OTHER_CLASSES and name != SPECIES]
    others = [name for name in few if name != study.label]
    if study.label and others:
        what = f"whether {study.label} goes with {' or '.join(others)}"
    elif len(others) > 1:
        what = f"whether {list_words(others)} go together"
    else:
        what = "what else goes with the labels"
    return [f"No confounder was named (specimens.confounders): {what} was not checked."]


def say_confounding(confounding: pd.DataFrame, names: ModalityNames) -> list[str]:
    """Labels that go together with something else, with what to do: a line each."""
    coded = confounding[confounding["code"].fillna("") != ""]
    return [
        f"{names.rename(str(row.label))} goes together with {row.confounder} ({row.code}). "
        f"{names.rename(str(row.advice))}"
        for row in coded.itertuples()
    ]


def tabulate_balance(class_balance: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Per label and class: specimens and captures, and the fewest and most in one species."""
    table = class_balance.rename(columns={"class": "term"}).assign(term=class_balance["class"].fillna(""))
    over_all = table["species"].isna()
    within = table[~over_all].groupby(["label", "term"])["n_specimens"]
    ranges = {key: f"{n.min()} to {n.max()} in {len(n)} species" for key, n in within}
    rows = []
    for row in table[over_all].itertuples():
        title = write_species(str(row.term)) if row.label == SPECIES else str(row.term) or _UNLABELLED
        spread = ranges.get((row.label, row.term), MISSING)
        rows.append((names.rename(str(row.label)), title, str(row.n_specimens), str(row.n_captures), spread))
    header = ("Label", "Class", "Specimens", "Captures", "Per species that has it")
    return table_of("Specimens per class", header, rows, 2, source="class_balance")


def tabulate_confounding(confounding: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Association of labels with confounders, the coded first, with what to do."""
    ordered = confounding.sort_values("code", ascending=False, kind="stable")
    rows = []
    for row in ordered.itertuples():
        advice = names.rename(str(row.advice)) or MISSING
        statistic = {"cramers_v": "Cramér's V", "eta_squared": "η²"}[str(row.statistic)]
        overall = f"{number(row.value)} ({small(row.p, 3)})"
        within = f"{number(row.value_within_species)} ({number(row.p_within_species, 3)})"
        code = str(row.code) or MISSING
        rows.append(
            (str(row.confounder), str(row.label), code, advice, statistic, overall, within, str(row.n))
        )
    header = (
        "Confounder",
        "Label",
        "Code",
        "What to do",
        "Measure",
        "Overall (p)",
        "Within species (p)",
        "n",
    )
    return table_of(
        "Do labels go together with confounders? 0 not at all, 1 entirely",
        header,
        rows,
        5,
        source="confounding",
    )


def tabulate_information(modality_information: pd.DataFrame, names: ModalityNames) -> PageTable:
    """What the band means of each modality can say at all, and how much of it the other knows."""
    rows = [
        (
            names.label(str(row.modality)),
            str(row.n_bands),
            str(row.n_specimens),
            number(row.sd, 3),
            number(row.effective_dimensions),
            number(row.first_dimension_share),
            number(row.among_species_share),
            number(row.r2_given_other_within),
            number(row.r2_given_other_between),
        )
        for row in modality_information.itertuples()
    ]
    header = (
        "Modality",
        "Bands",
        "Specimens",
        "SD",
        "Effective dimensions",
        "Share of the first",
        "Share among species",
        "R² from the other, within species",
        "R² from the other, new species",
    )
    return table_of("Information in mean colour", header, rows, 1, source="modality_information")


def tabulate_tips(species_tips: pd.DataFrame) -> PageTable:
    """How many species are tips of the tree, and which are not, with the tip that is spelt most like each."""
    by_status = {status: part for status, part in species_tips.groupby("status")}
    lacking = by_status.get("not_in_tree", species_tips.iloc[:0])
    named = [
        write_species(species) + (f" (tip {nearest}?)" if nearest else "")
        for species, nearest in zip(lacking["species"], lacking["nearest"].fillna(""), strict=True)
    ]
    rows = [
        ("Species that are tips", str(len(by_status.get("matched", ()))), MISSING),
        ("Species that the tree lacks", str(len(lacking)), ", ".join(named) or MISSING),
        ("Tips that the study lacks", str(len(by_status.get("not_in_study", ()))), MISSING),
    ]
    return table_of(
        "Species in the tree", ("What", "Number", "Which"), rows, 1, last_is_text=True, source="species_tips"
    )


def picture_class_balance(study: Study, specimen_index: pd.DataFrame) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_class_balance`."""
    label = study.label or SPECIES
    others = [
        name
        for name in specimen_index.columns
        if name not in FILE_COLUMNS
        and column_kind(specimen_index[name], name) == "classes"
        and 1 < specimen_index[name].nunique() <= _MOST_OTHER_CLASSES
    ]
    return print_figure(
        "class_balance",
        "Specimens per class",
        "Specimens per class of each label; a specimen with several captures counts once in a class.",
        lambda width_mm: draw_class_balance(specimen_index, label=label, others=others, width_mm=width_mm),
        is_narrow=True,
    )


@styled
def draw_class_balance(
    specimen_index: pd.DataFrame,
    *,
    label: str = "species",
    others: Sequence[str] = (),
    most: int = _MOST_CLASSES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Specimens per class of every label, divided by sex where it is known, with their numbers.

    Args:
        specimen_index: one row per capture; a specimen counts once in a class.
        label: its classes come first, on an axis of their own, largest first.
        others: further labels; each shows its largest classes.
        most: classes drawn; what is left out of `label` is counted in its title.
        width_mm: the further labels lie beside the first in double-column width, else below.

    Returns:
        A panel per label, one bar per class.

    Raises:
        NothingToDrawError: if the index has no value of any of the labels.
    """
    labels = [
        name
        for name in dict.fromkeys([label, *others])
        if name in specimen_index and specimen_index[name].notna().any()
    ]
    if not labels:
        raise NothingToDrawError(f"no capture has the label {label}")
    tables = {name: _count_classes(specimen_index, name) for name in labels}
    small = {name: min(len(tables[name]), _OTHER_CLASSES) for name in labels if name != label}
    room = {label: max(most - sum(small.values()) - 4 * len(small), _OTHER_CLASSES)} | small
    shown = {name: tables[name].head(room[name]) for name in labels}
    figure, panels = _class_axes([len(counts) for counts in shown.values()], width_mm)
    parts = sorted({str(part) for counts in tables.values() for part in counts.columns} - {"", "unlabelled"})
    # Greys: colours mean modalities.
    shades = np.linspace(0.3, 0.7, len(parts))
    colours = {part: str(shade) for part, shade in zip(parts, shades, strict=True)}
    colours |= {"": "0.45", "unlabelled": "0.88"}
    n = specimen_index["specimen_id"].nunique()
    for axes, (name, counts) in zip(panels, shown.items(), strict=True):
        _draw_classes(axes, name, counts, colours)
        is_cut = len(counts) < len(tables[name])
        largest = f"\nthe {len(counts)} largest of {len(tables[name])} classes" if is_cut else ""
        several = int((specimen_index.groupby("specimen_id")[name].nunique() > 1).sum())
        counted = f"\n{several} in several classes" if several else ""
        axes.set_title(f"{n} specimens by {name}{counted}{largest}")
        axes.set_xlim(0, 1.1 * max(table.sum(axis=1).max() for table in shown.values()))
    panels[-1].set_xlabel("specimens")
    named = [*parts, *(["unlabelled"] if any("unlabelled" in counts for counts in tables.values()) else [])]
    if len(named) > 1:
        add_legend(figure, [Patch(color=colours[part], label=part) for part in named], title=_SEX, most=4)
    return figure


def _class_axes(classes: Sequence[int], width_mm: float) -> tuple[Figure, list[Axes]]:
    """The figure, and a panel per label that is as high as its classes."""
    first_mm, *others_mm = [14 + 4 * count for count in classes]
    first, *others = map(str, range(len(classes)))
    if width_mm > SINGLE_COLUMN_MM and others:
        figure = make_figure(width_mm, 6 + max(first_mm, sum(others_mm)))
        return figure, make_mosaic(figure, [[first, other] for other in others], height_ratios=classes[1:])
    figure = make_figure(width_mm, 6 + first_mm + sum(others_mm))
    return figure, make_mosaic(figure, [[first], *([other] for other in others)], height_ratios=classes)


def _count_classes(specimen_index: pd.DataFrame, label: str) -> pd.DataFrame:
    """Specimens per class (rows, largest first) and sex (columns)."""
    specimens = specimen_index.drop_duplicates(["specimen_id", label])
    parts = (
        label_values(specimens[_SEX], most=6) if _SEX in specimens else pd.Series("", index=specimens.index)
    )
    classes = specimens[label].astype("object").where(specimens[label].notna(), "unlabelled").astype(str)
    counts = pd.crosstab(classes, parts)
    return counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def _draw_classes(axes: Axes, label: str, counts: pd.DataFrame, colours: dict[str, str]) -> None:
    start = np.zeros(len(counts))
    for part in counts.columns:
        width = counts[part].to_numpy(dtype=float)
        axes.barh(
            range(len(counts)),
            width,
            left=start,
            color=colours[str(part)],
            label=str(part),
            edgecolor="white",
            linewidth=0.5,
        )
        start += width
    for row, total in enumerate(start):
        axes.annotate(f"{total:.0f}", (total, row), (2, 0), textcoords="offset points", va="center")
    names = [shorten(write_class(label, str(name)), 28) for name in counts.index]
    axes.set_yticks(range(len(counts)), names, fontstyle="italic" if label == SPECIES else "normal")
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
