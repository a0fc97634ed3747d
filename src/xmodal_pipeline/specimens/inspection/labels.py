"""What the tables and the files beside the images propose: labels, confounders, regions, standards, tree."""

from collections.abc import Sequence
from typing import Final

from xmodal_pipeline.imaging.tiff import ImageHeader
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.columns import Column
from xmodal_pipeline.specimens.inspection.files import Folder
from xmodal_pipeline.specimens.inspection.labelling import Table
from xmodal_pipeline.specimens.inspection.proposal import Setting
from xmodal_pipeline.specimens.inspection.wording import columns_like, is_of_photograph, sex_of

_MOST_CLASSES: Final = 10
_MOST_TERMS: Final = 4
"""Of a vocabulary that are shown."""


def propose_labels(table: Table | None) -> tuple[Setting, ...]:
    """Which label the study is about, and what may go together with it."""
    columns = () if table is None else table.columns
    found = [*_label(columns), *_confounders(columns)]
    for column in columns:
        if column.outside:
            found.append(_vocabulary(column))
    return tuple(found)


def _vocabulary(column: Column) -> Setting:
    """The vocabulary of now, and what is written beside it where that is a word for a sex."""
    known = {word: sex for word in column.outside if column.name == "sex" and (sex := sex_of(word))}
    rest = [word for word in column.outside if word not in known]
    shown = ", ".join(f"{word} for {sex}" for word, sex in known.items())
    why = f"'{column.name}' has also {', '.join([*([shown] if shown else []), *rest[:_MOST_TERMS]])}"
    why += ": unlabelled until mapped" if rest else ""
    vocabulary = SpecimensParams().vocabulary
    terms = {**vocabulary.get(column.name, {}), **{word.casefold(): sex for word, sex in known.items()}}
    mapping = (_mapping(column.name, rest),) if rest else ()
    return Setting("specimens.vocabulary", {**vocabulary, column.name: terms}, "doubtful", why, mapping)


def _label(columns: Sequence[Column]) -> list[Setting]:
    key = "specimens.label"
    others = {"view", *(one.name for one in columns_like(columns, "species"))}
    possible = [
        column.name
        for column in columns
        if column.role == "label"
        and column.name not in others
        and not is_of_photograph(column.name)
        and _repeats(column)
    ]
    if "sex" in possible:
        return [Setting(key, "sex", "certain", "there is a column 'sex'")]
    if any(column.name == "sex" and column.outside for column in columns):
        why = "there is a column 'sex', read with specimens.vocabulary"
        return [Setting(key, "sex", "doubtful", why, tuple(possible))]
    if sexes := columns_like(columns, "sex"):
        why = f"the sexes stand in '{sexes[0].name}': once that is called 'sex', null takes it"
        return [Setting(key, None, "doubtful", why, tuple(possible))]
    if not possible:
        return []
    why = "which label is the question is not to be told"
    return [Setting(key, possible[0], "doubtful", why, tuple(possible[1:]))]


def _repeats(column: Column) -> bool:
    """Whether a label has several classes, few enough to compare, that come again and again."""
    return 2 <= len(column.classes) <= min(_MOST_CLASSES, column.n_known // 2)


def _confounders(columns: Sequence[Column]) -> list[Setting]:
    names = [
        column.name
        for column in columns
        if is_of_photograph(column.name)
        and (column.role == "number" or 2 <= len(column.classes) <= column.n_known // 2)
    ]
    if not names:
        return []
    why = "these go by their names with how and where a photograph was taken"
    return [Setting("specimens.confounders", names, "doubtful", why, ("[]",))]


def _mapping(column: str, words: Sequence[str]) -> str:
    terms = ", ".join(f"{written}: <term>" for written in words[:_MOST_TERMS])
    return f"the same with {terms} in {column}"


def propose_beside(folder: Folder, tables: Sequence[Table], labels: Table | None) -> tuple[Setting, ...]:
    """Regions, grey standards and a tree that stand in the folder."""
    found = []
    if folder.regions:
        why = f"ImageJ regions beside {len(folder.regions)} of {len(folder.images)} images"
        found.append(Setting("specimens.patches", "roi", "certain", why))
    elif folder.label_images:
        why = f"label images beside {len(folder.label_images)} of {len(folder.images)} images"
        found.append(Setting("specimens.patches", "labels", "certain", why))
    standards = [table for table in tables if table.is_standards]
    if standards:
        name = standards[0].path.name
        why = f"{name} has the columns of grey standards; needs specimens.encoding"
        found.append(Setting("specimens.grey_standards", None, "doubtful", why, (str(standards[0].path),)))
    if folder.trees and labels is not None and labels.named("species"):
        path = str(folder.root / folder.trees[0])
        found.append(Setting("specimens.tree", path, "doubtful", "a tree stands in the folder", ("null",)))
    return tuple(found)


def propose_encoding(header: ImageHeader | None) -> tuple[Setting, ...]:
    """Whether values may hold an sRGB curve, which cameras write into 8-bit files; no header tells."""
    if header is None or header.dtype != "uint8":
        return ()
    why = (
        f"{header.kind} of 8 bits mostly holds an sRGB curve; left alone, colour is not proportional to light"
    )
    return (Setting("specimens.encoding", None, "doubtful", why, ("srgb", "linear")),)
