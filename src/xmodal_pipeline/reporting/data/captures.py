"""The captures of a study: how many, which were left out and why, and how they look."""

import hashlib
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xmodal_pipeline.errors import CaptureCode, advise
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.reporting.data.unequal import find_unequal
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.section import Finding, PageTable, Section, table_of
from xmodal_pipeline.reporting.style import (
    ALERT,
    DOUBLE_COLUMN_MM,
    MAX_HEIGHT_MM,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    draw_pages,
    fit_text,
    make_figure,
    shorten,
    styled,
)
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames
from xmodal_pipeline.specimens.thumbnails import Thumbnails

_SIMULATED: Final = (
    "Simulated specimens",
    "A program drew them, and what is in them is known: they show whether the method finds it, and nothing "
    "about nature.",
)
_REAL: Final = (
    "Photographed specimens",
    "Numbers hold for these specimens, in this camera and light; others need not be like them.",
)
_SEXES: Final = {"f": "female", "m": "male"}
_SHEET_DOUBLE: Final = (3, 9)
_SHEET_SINGLE: Final = (2, 10)
"""Columns and rows of a page."""
_SHEET_HEAD_MM: Final = 4.5
_SHEET_NAME_MM: Final = 4.0
"""Room for what stands above a page, and for the name above a capture."""
_CAPTION_CHARACTER_MM: Final = 1.45
"""Names of captures are rich in digits, which are wider than letters."""


def captures_section(
    study: Study,
    specimen_index: pd.DataFrame,
    rejected_captures: pd.DataFrame,
    partitions: pd.DataFrame,
    split: SplitParams,
    contact_sheet: ReportFigure,
) -> Section:
    """Rejected and flagged captures, the contact sheet, and how specimens were divided."""
    names = ModalityNames.of(study)
    return Section(
        "images",
        "Are my images good enough?",
        say_usable(specimen_index, rejected_captures),
        findings=tuple(
            Finding(text, is_claim=False) for text in (*say_stand_in(names), *find_unequal(specimen_index))
        ),
        figures=(contact_sheet,),
        tables=(tabulate_rejects(rejected_captures, names), tabulate_flags(specimen_index, study)),
        facts=(_SIMULATED if study.is_simulated else _REAL,),
        methods={
            "specimens": describe_specimens(specimen_index, names),
            "rejects": describe_rejects(rejected_captures),
            "split": describe_split(partitions, specimen_index, split),
        },
    )


def say_stand_in(names: ModalityNames) -> list[str]:
    """That nothing is about ultraviolet light where photographs of another kind play its part."""
    if names.has_uv:
        return []
    return [
        f"{names.uv} stands in for UV: unless it is ultraviolet, nothing here concerns ultraviolet light."
    ]


def say_usable(specimen_index: pd.DataFrame, rejected: pd.DataFrame) -> str:
    """How many captures are used without and with a flag, and how many are not."""
    flagged = int((specimen_index["flags"].fillna("") != "").sum())
    used = len(specimen_index)
    out = "none was rejected" if rejected.empty else f"{len(rejected)} more were rejected"
    return f"{used} captures are used: {used - flagged} without a flag, {flagged} although flagged; {out}."


def count_flags(specimen_index: pd.DataFrame) -> pd.Series:
    """Captures per code, most frequent first."""
    codes = specimen_index["flags"].fillna("").str.split(";").explode()
    return codes[codes != ""].value_counts()


def count_classes(specimen_index: pd.DataFrame) -> list[str]:
    """`10 species`, `24 female, 26 male, 2 of unknown sex`: what the labels species and sex count up to."""
    specimens = specimen_index.drop_duplicates("specimen_id")
    parts = []
    if "species" in specimens and specimens["species"].notna().any():
        parts.append(f"{specimens['species'].nunique()} species")
    if "sex" in specimens and specimens["sex"].notna().any():
        counts = specimens["sex"].value_counts().sort_index()
        parts += [f"{count} {_SEXES.get(str(sex), sex)}" for sex, count in counts.items()]
        if specimens["sex"].isna().any():
            parts.append(f"{specimens['sex'].isna().sum()} of unknown sex")
    return parts


def hash_captures(specimen_index: pd.DataFrame) -> str:
    """SHA-256 over the sorted hashes of the captures' files: equal for equal data in any order of files."""
    if "sha256" not in specimen_index:
        return ""
    return hashlib.sha256("\n".join(sorted(specimen_index["sha256"].astype(str))).encode()).hexdigest()


def describe_specimens(specimen_index: pd.DataFrame, names: ModalityNames) -> str:
    """How many captures and specimens were analysed."""
    classes = count_classes(specimen_index)
    detail = f" ({', '.join(classes)})" if classes else ""
    captures, specimens = len(specimen_index), specimen_index["specimen_id"].nunique()
    both = f"{names.rgb} and {names.uv}"
    return f"We analysed {captures} captures of {specimens} specimens{detail}, each in {both}."


def describe_rejects(rejected: pd.DataFrame) -> str:
    """How many captures were rejected under which code."""
    if rejected.empty:
        return "No capture was rejected."
    counts = ", ".join(f"{code} {count}" for code, count in rejected["code"].value_counts().items())
    return f"{len(rejected)} further captures were rejected ({counts})."


def describe_split(partitions: pd.DataFrame, specimen_index: pd.DataFrame, split: SplitParams) -> str:
    """How specimens were divided, and into how many."""
    if partitions.empty:
        return ""
    counts = partitions["partition"].value_counts()
    parts = ", ".join(f"{counts.get(part, 0)} {part}" for part in ("train", "validation", "test"))
    how = "at random"
    if split.held_out is not None:
        how += f", each {split.held_out} in one part,"
    elif split.stratify in specimen_index:
        how += f" within {split.stratify}"
    return f"Specimens were divided {how} (seed {split.seed}) into {parts}."


def tabulate_rejects(rejected: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Rejected captures by code, with an example and what to do."""
    rows = [
        (
            str(code),
            names.rename(advise(str(code))),
            names.rename(str(part.iloc[0]["reason"])),
            str(len(part)),
        )
        for code, part in sorted(rejected.groupby("code"), key=lambda item: -len(item[1]))
    ]
    return table_of(
        "Rejected captures by code",
        ("Code", "What to do", "First reason", "Captures"),
        rows,
        3,
        source="rejected_captures",
    )


def tabulate_flags(specimen_index: pd.DataFrame, study: Study) -> PageTable:
    """Captures used but flagged, by code, with what to do."""
    names = ModalityNames.of(study)
    rows = [
        (str(code), names.rename(_advise(str(code), study)), str(count))
        for code, count in count_flags(specimen_index).items()
    ]
    header = ("Code", "What to do", "Captures")
    return table_of("Captures used but flagged", header, rows, 2, source="specimen_index")


def _advise(code: str, study: Study) -> str:
    """What to do about a flag under the settings in force: nothing that is already set."""
    if code == CaptureCode.MISREGISTERED and study.settings.registration == "correct":
        return "Correcting was tried and failed: look at the overlay, and align by hand what is worth it."
    if code == CaptureCode.OUT_OF_RANGE and study.settings.grey_standards is None:
        return "Check specimens.scale if there are many; values are kept as they are."
    return advise(code)


def picture_contact_sheet(study: Study, specimen_index: pd.DataFrame, thumbnails: Thumbnails) -> ReportFigure:
    """The contact sheet as files, or why there is none; see `draw_contact_sheet`."""
    names = ModalityNames.of(study)
    flags = specimen_index.set_index("capture_id")["flags"]
    own = flags.reindex(list(thumbnails.capture_ids)).fillna("").tolist()

    def draw(width_mm: float) -> list[Figure]:
        if not len(thumbnails):
            raise NothingToDrawError("no thumbnails were made")
        return draw_pages(
            lambda page: draw_contact_sheet(
                thumbnails.pictures if is_registered else thumbnails.pictures[:, :2],
                thumbnails.capture_ids,
                own,
                page=page,
                captures_in_all=len(flags),
                names=names,
                width_mm=width_mm,
            )
        )

    is_registered = study.settings.registration != "off"
    shows = f"{names.rgb} and {names.uv}"
    if is_registered:
        shows = (
            f"{names.rgb}, {names.uv} and their overlay ({names.rgb} green, {names.uv} magenta; grey where "
            "they agree, coloured fringes where they do not lie on one another)"
        )
    regions = f" Orange, on {names.rgb}: the regions." if study.settings.patches else ""
    which = "Flagged captures come first, with their codes."
    if len(thumbnails) < len(flags):
        which = (
            f"{len(thumbnails)} of {len(flags)} captures: {sum(map(bool, own))} of the "
            f"{(flags != '').sum()} flagged ones, with their codes, then others spread evenly over the study."
        )
    return print_figure(
        "contact_sheet",
        "Contact sheet",
        f"Captures as {shows}. "
        f"Blue: outline of the mask.{regions} Brightness is stretched for display. {which}",
        draw,
        is_photographic=True,
    )


@styled
def draw_contact_sheet(
    thumbnails: NDArray[np.uint8],
    captions: Sequence[str],
    flags: Sequence[str],
    *,
    page: int = 0,
    captures_in_all: int | None = None,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """One page of captures as RGB | UV | overlay, flagged captures first with their codes.

    Args:
        thumbnails: (captures, 3, size, size, 3) panels of `Thumbnails`; without the overlay the first two.
        captions: one per capture.
        flags: one per capture, codes joined by `;`, empty when there is nothing to say.
        page: from 0.
        captures_in_all: of the study, where the sheet shows fewer.
        names: display names of the modalities.
        width_mm: a page holds 27 captures in double-column width, else 20.

    Returns:
        The page.

    Raises:
        NothingToDrawError: if there is no such page.
    """
    order = sorted(range(len(thumbnails)), key=lambda i: not flags[i])
    columns, most_rows = _SHEET_DOUBLE if width_mm > SINGLE_COLUMN_MM else _SHEET_SINGLE
    per_page = columns * most_rows
    shown = order[page * per_page : (page + 1) * per_page]
    if not shown:
        raise NothingToDrawError(f"no capture on page {page + 1} of the contact sheet")
    pages = math.ceil(len(thumbnails) / per_page)
    flagged = sum(map(bool, flags))
    of_all = f" of {captures_in_all}" if (captures_in_all or 0) > len(thumbnails) else ""
    overlay = f" | overlay ({names.rgb} green, {names.uv} magenta)" if thumbnails.shape[1] > 2 else ""
    about = (
        f"{names.rgb} | {names.uv}{overlay}. "
        f"{len(thumbnails)}{of_all} captures, {flagged} flagged (first). Page {page + 1} of {pages}"
    )
    head = fit_text(about, width_mm)
    head_mm = _SHEET_HEAD_MM + 3 * head.count("\n")
    strips = [_side_by_side(thumbnails[row]) for row in shown]
    column_mm = width_mm / columns
    strip_mm = column_mm - 3
    reasons = [fit_text(flags[row].replace(";", ", "), strip_mm - 5, is_title=True) for row in shown]
    texts_mm = _SHEET_NAME_MM + 3.5 + 3 * max(reason.count("\n") for reason in reasons)
    high, wide = strips[0].shape[:2]
    row_mm = min(strip_mm * high / wide + texts_mm, (MAX_HEIGHT_MM - head_mm) / most_rows)
    image_mm = row_mm - texts_mm
    height_mm = head_mm + row_mm * math.ceil(len(shown) / columns)
    figure = make_figure(width_mm, height_mm)
    figure.set_layout_engine("none")
    figure.suptitle(head, fontsize=7, x=1.5 / width_mm, y=1 - 1 / height_mm, ha="left", va="top")
    figure.suppressComposite = True  # compositing would resample the photographs of a PDF
    # One set of axes, in mm, for the page: axes of every capture take longer than its photographs.
    sheet = figure.add_axes((0, 0, 1, 1))
    sheet.axis("off")
    for place, (row, strip, reason) in enumerate(zip(shown, strips, reasons, strict=True)):
        left = 1.5 + place % columns * column_mm
        top = head_mm + place // columns * row_mm + _SHEET_NAME_MM
        extent = (left, left + image_mm * wide / high, top + image_mm, top)
        sheet.imshow(strip, extent=extent, aspect="auto")
        caption = shorten(captions[row], int(strip_mm / _CAPTION_CHARACTER_MM))
        sheet.text(left, top - 0.8, caption, va="bottom")
        sheet.text(left, top + image_mm + 0.6, reason, va="top", color=ALERT, fontweight="bold")
    sheet.set(xlim=(0, width_mm), ylim=(height_mm, 0))
    return figure


def _side_by_side(panels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(3, S, S, 3) as one strip with white gaps: one image per capture draws ten times faster than three."""
    gap = np.full((panels.shape[1], max(panels.shape[1] // 24, 1), 3), 255, dtype=np.uint8)
    strips = [part for panel in panels for part in (panel, gap)]
    return np.concatenate(strips[:-1], axis=1)
