"""What the tables and the files beside the images propose: labels, confounders, regions, standards, tree."""

from collections.abc import Sequence
from typing import Final

from xmodal_pipeline.imaging.tiff import ImageHeader
from xmodal_pipeline.specimens.inspection.columns import CONFOUNDER_WORDS, Column, plain
from xmodal_pipeline.specimens.inspection.folder import Folder
from xmodal_pipeline.specimens.inspection.proposal import Setting
from xmodal_pipeline.specimens.inspection.tables import Table

_MOST_LABEL_CLASSES: Final = 10


def propose_labels(table: Table | None) -> tuple[Setting, ...]:
    """Which label the study is about, and what may go together with it."""
    labels = [] if table is None else table.named("label")
    found = [*_label(labels), *_confounders(labels)]
    for column in labels:
        if column.unknown:
            why = f"'{column.name}' has also {', '.join(column.unknown[:4])}: unlabelled until mapped"
            found.append(Setting("specimens.vocabulary", None, "doubtful", why, (_mapping(column),)))
    return tuple(found)


def _label(labels: Sequence[Column]) -> list[Setting]:
    key = "specimens.label"
    sex = next((column.name for column in labels if plain(column.name) == "sex"), None)
    if sex is not None:
        return [Setting(key, sex, "certain", f"there is a column '{sex}'")]
    possible = [
        column.name
        for column in labels
        if len(column.classes) <= _MOST_LABEL_CLASSES
        and not _is_confounder(column)
        and plain(column.name) != "view"
    ]
    if not possible:
        return []
    why = "which label is the question is not to be told"
    return [Setting(key, possible[0], "doubtful", why, tuple(possible[1:]))]


def _confounders(labels: Sequence[Column]) -> list[Setting]:
    names = [column.name for column in labels if _is_confounder(column)]
    if not names:
        return []
    why = "these go by their names with how and where a photograph was taken"
    return [Setting("specimens.confounders", names, "doubtful", why, ("[]",))]


def _is_confounder(column: Column) -> bool:
    return plain(column.name) in CONFOUNDER_WORDS


def _mapping(column: Column) -> str:
    return f"{{{column.name}: {{{column.unknown[0]}: <term>}}}}"


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
