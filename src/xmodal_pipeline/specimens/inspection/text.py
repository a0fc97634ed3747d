"""An inspection on one screen: at most forty lines of a hundred columns."""

import textwrap
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from xmodal_pipeline.imaging.tiff import ImageHeader
from xmodal_pipeline.specimens.inspection.inspect import Inspection
from xmodal_pipeline.specimens.inspection.labelling import Table
from xmodal_pipeline.specimens.inspection.proposal import Setting, show_value

WIDTH: Final = 100
_LABEL: Final = 11
_MOST_COLUMNS: Final = 9
_MOST_KINDS: Final = 4
_MARKS: Final = {"certain": "ok", "doubtful": "? ", "unknown": "! "}


def describe_inspection(inspection: Inspection, sheet: Path | None) -> str:
    """What is there, what would become of it, and what is doubted, with the key that decides it.

    Args:
        inspection: of a folder.
        sheet: where the thumbnails were written, if there are any.
    """
    lines = [
        *_wrap("Folder", str(inspection.folder.root)),
        *_files(inspection),
        *_table(inspection),
        *(
            _wrap("Pictures", f"{sheet} ({len(inspection.look.names)} captures)")
            if sheet and inspection.look
            else []
        ),
        "",
        *_settings(inspection.proposal.settings),
        *(line for one in inspection.proposal.obstacles for line in _wrap("cannot", one, most=3, mark="x  ")),
    ]
    return "\n".join(lines)


def _files(inspection: Inspection) -> list[str]:
    folder = inspection.folder
    lines = []
    if folder.images:
        looked = "" if folder.n_looked_at == len(folder.images) else f" ({folder.n_looked_at} looked at)"
        kinds = Counter(_kind(header) for header in folder.headers.values())
        shown = "; ".join(f"{n} {kind}" for kind, n in kinds.most_common(_MOST_KINDS))
        shown += f"; {len(kinds) - _MOST_KINDS} more kinds" if len(kinds) > _MOST_KINDS else ""
        lines += _wrap(
            "Images", f"{len(folder.images)}{looked}: {shown}" if shown else f"{len(folder.images)}"
        )
        turned = Counter(header.orientation for header in folder.headers.values())
        if set(turned) - {1}:
            lines += _wrap("EXIF", ", ".join(f"orientation {at}: {n}" for at, n in sorted(turned.items())))
        labels = {header.labels for header in folder.headers.values() if header.labels}
        if labels:
            lines += _wrap("Band names", " / ".join(", ".join(one) for one in sorted(labels)[:2]), most=1)
    if folder.unreadable:
        file, reason = next(iter(folder.unreadable.items()))
        lines += _wrap("Unreadable", f"{len(folder.unreadable)}, such as {file}: {reason}")
    if len(inspection.captures):
        left = list(inspection.left_out["filename"].astype(str))
        beside = f"; {len(left)} images would be none, such as {', '.join(left[:2])}" if left else ""
        lines += _wrap("Captures", f"{len(inspection.captures)}{beside}")
    beside_images = [
        (len(folder.regions), "ImageJ regions named as an image"),
        (len(folder.label_images), "label images"),
        (len(folder.masks), "files of one band called as a stack"),
        (len(folder.previews), "previews named as a TIFF"),
        (len(folder.broken_links), "links without a target"),
        (len(folder.trees), "trees"),
        (len(folder.workbooks), "workbooks"),
        (len(folder.raws), "undeveloped photographs"),
        *((n, ending) for ending, n in sorted(folder.others.items())[:5]),
    ]
    others = ", ".join(f"{n} {what}" for n, what in beside_images if n)
    return [*lines, *(_wrap("Beside", others) if others else [])]


def _kind(header: ImageHeader) -> str:
    alpha = " + alpha" if header.has_alpha else ""
    bands = "1 band" if header.n_bands == 1 else f"{header.n_bands} bands"
    return f"{header.kind} {bands}{alpha} {header.dtype} {header.width_px}×{header.height_px}"


def _table(inspection: Inspection) -> list[str]:
    labelling = inspection.labelling
    table = labelling.table or next((one for one in inspection.tables if _tells(one)), None)
    lines = []
    if table is not None:
        problem = f" ({table.problem})" if table.problem else ""
        told = f"not used{problem}" if labelling.join is None else labelling.join.describe()
        lines += _wrap("Table", f"{table.path.name}, {table.n_rows} rows: {told}")
        lines += [_cut(f"    {one.describe()}") for one in table.columns[:_MOST_COLUMNS]]
        if len(table.columns) > _MOST_COLUMNS:
            rest = ", ".join(one.name for one in table.columns[_MOST_COLUMNS:])
            lines.append(_cut(f"    and {len(table.columns) - _MOST_COLUMNS} more: {rest}"))
    elif inspection.folder.images:
        lines += _wrap("Table", "none: labels such as species and sex go to metadata.csv beside the images")
    others = [one for one in inspection.tables if one is not table]
    if others:
        lines += _wrap("Not read", ", ".join(_name(one, inspection.folder.root) for one in others), most=1)
    return lines


def _tells(table: Table) -> bool:
    """Whether a table that is not used looks like one of labels."""
    return any(column.role in ("file", "id", "species", "label") for column in table.columns)


def _name(table: Table, root: Path) -> str:
    return str(table.path.relative_to(root)) if table.path.is_relative_to(root) else str(table.path)


def _settings(settings: Iterable[Setting]) -> list[str]:
    lines = []
    for one in settings:
        value = "must be set" if one.state == "unknown" else show_value(one.value)
        word = "one of" if one.state == "unknown" else "or"
        other = f" [{word} {', '.join(one.alternatives)}]" if one.alternatives else ""
        told = value if one.state == "unknown" else f"= {value}"
        text = f"{one.key} {told}{other}: {one.why}"
        lines += _fold(f"{_MARKS[one.state]} {text}", "   ", 2 if one.state == "certain" else 3)
    return lines


def _wrap(label: str, text: str, most: int = 2, mark: str = "") -> list[str]:
    start = mark or f"{label:<{_LABEL}}"
    return _fold(f"{start}{text}", " " * len(start), most)


def _fold(text: str, indent: str, most: int) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, max_lines=most, placeholder=" …")


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 2] + " …"
