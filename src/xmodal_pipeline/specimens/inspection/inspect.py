"""A look at a whole folder: files, names, tables and pixels, and what they propose together."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd

from xmodal_pipeline.errors import NO_FAULTS, ParametersError, advise
from xmodal_pipeline.params.ingest import QualityParams, SpecimensParams
from xmodal_pipeline.specimens.agreement import settle_labels
from xmodal_pipeline.specimens.discovery import CAPTURE_COLUMNS, REJECTED_COLUMNS, discover_captures
from xmodal_pipeline.specimens.inspection.files import Folder, look_at_folder
from xmodal_pipeline.specimens.inspection.labelling import (
    Labelling,
    Table,
    choose_table,
    doubts_of_values,
    look_at_tables,
)
from xmodal_pipeline.specimens.inspection.labels import propose_beside, propose_encoding, propose_labels
from xmodal_pipeline.specimens.inspection.masks import describe_masks
from xmodal_pipeline.specimens.inspection.pairing import as_called, list_pairs, tabulate_pairs
from xmodal_pipeline.specimens.inspection.pixels import Look, look_at_pixels
from xmodal_pipeline.specimens.inspection.proposal import Proposal, Setting, specimens_params
from xmodal_pipeline.specimens.inspection.reading import Reading, propose_reading
from xmodal_pipeline.specimens.metadata import clean_labels, find_metadata, read_metadata
from xmodal_pipeline.specimens.sides import describe_unlabelled_sides

_MOST_REJECTED: Final = QualityParams().max_rejected_share


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a folder holds, and how it would be read."""

    folder: Folder
    tables: tuple[Table, ...]
    captures: pd.DataFrame
    """Of the proposed layout (`capture_id, filename, uv_filename`); empty where there is none."""
    left_out: pd.DataFrame
    """Images that are no capture of it (`filename, code, reason`)."""
    labelling: Labelling
    look: Look | None
    proposal: Proposal


def propose(root: Path) -> Proposal:
    """How a folder would be read, with what is certain, doubtful and unknown about it."""
    return inspect_folder(root).proposal


def propose_for_error(root: Path, error: str) -> str:
    """The proposal for the end of an error, or why there is none: the error itself is never lost.

    Args:
        root: the folder.
        error: what is said above; obstacles that repeat a line of it are left out.

    Returns:
        The lines; empty where they would only repeat the error.
    """
    said = [line.strip() for line in error.splitlines() if line.strip()]
    try:
        proposal = propose(root)
    except (ValueError, OSError) as failure:
        return f"A look at {root} found no proposal: {failure}"
    new = tuple(one for one in proposal.obstacles if not any(line in one for line in said))
    return str(replace(proposal, obstacles=new)) if new or proposal.settings else ""


def inspect_folder(root: Path) -> Inspection:
    """Look at a folder: every name, the headers of some hundred files, the pixels of up to twelve captures.

    Nothing is written.

    Raises:
        ParametersError: if `root` is not a folder.
    """
    if not root.is_dir():
        raise ParametersError(f"inspect: must be given an existing folder, got '{root}'; check the path")
    root = root.resolve()
    folder = look_at_folder(root)
    tables, default = look_at_tables(folder)
    reading = propose_reading(folder, tables)
    patches = "roi" if folder.regions else "labels" if folder.label_images else None
    basis = specimens_params(reading.settings, root=root, mask="none", patches=patches)
    captures, left_out = _list_captures(folder, reading, basis)
    labelling = _label_captures(captures, reading, tables, default, basis)
    look = look_at_pixels(captures, basis, folder) if len(captures) else None
    header = folder.common_header()
    labels = propose_labels(labelling.table)
    settings = (
        *reading.settings,
        *labelling.settings,
        *(look.settings if look else ()),
        *(propose_encoding(header) if reading.settings else ()),
        *labels,
        *propose_beside(folder, tables, labelling.table),
    )
    obstacles = (
        *reading.obstacles,
        *describe_masks(folder.masks),
        *_unread(look),
        *_left_out(captures, left_out),
        *labelling.obstacles,
        *doubts_of_values(labelling.table),
        *_disagreements(labelling, labels),
        *_sides(labelling),
        *(_workbooks(folder) if not labelling.n_labelled else ()),
    )
    pairs = None
    if reading.word_pairs is not None:
        pairs = tabulate_pairs(captures, labelling.join)
        settings = tuple(one for one in settings if one.key != "specimens.metadata")
    proposal = Proposal(root, settings, obstacles, pairs)
    return Inspection(folder, tables, captures, left_out, labelling, look, proposal)


def _list_captures(
    folder: Folder, reading: Reading, basis: SpecimensParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    if not any(one.value is not None for one in reading.settings):
        return pd.DataFrame(columns=CAPTURE_COLUMNS), pd.DataFrame(columns=REJECTED_COLUMNS)
    if reading.word_pairs is not None:
        return list_pairs(folder.images, reading.word_pairs, folder.root)
    path = find_metadata(folder.root, basis) if basis.rgb_column else None
    metadata = clean_labels(read_metadata(path, basis), basis)[0] if path else None
    captures, left_out = discover_captures(folder.root, basis, metadata)
    masks = {str(file) for file in folder.masks}
    return (
        captures[~captures["filename"].isin(masks)].reset_index(drop=True),
        left_out[~left_out["filename"].isin(masks)].reset_index(drop=True),
    )


def _label_captures(
    captures: pd.DataFrame,
    reading: Reading,
    tables: tuple[Table, ...],
    default: Table | None,
    basis: SpecimensParams,
) -> Labelling:
    if reading.word_pairs is None:
        return choose_table(captures, tables, default, basis)
    # A table that stood there before that of the pairs calls them by file or as specimens.
    own = _without_columns(basis)
    ways = [choose_table(one, tables, default, own) for one in (captures, as_called(captures))]
    return max(ways, key=lambda one: one.n_labelled)


def _without_columns(basis: SpecimensParams) -> SpecimensParams:
    return basis.model_copy(update={"rgb_column": None, "uv_column": None})


def _unread(look: Look | None) -> tuple[str, ...]:
    """What the files of the sample that cannot be read say."""
    if look is None or not look.rejected:
        return ()
    first = look.rejected[0]
    stops = "; the run stops at so many" if len(look.rejected) > _MOST_REJECTED * look.n_sampled else ""
    return (
        f"{len(look.rejected)} of {look.n_sampled} captures looked at cannot be used, such as "
        f"{first.filename}: {first.reason} [{first.code}]{stops}",
    )


def _left_out(captures: pd.DataFrame, left_out: pd.DataFrame) -> tuple[str, ...]:
    """Images that make no capture, where they are so many that the run would stop."""
    faults = left_out[~left_out["code"].isin(NO_FAULTS)]
    share = len(faults) / max(len(captures) + len(faults), 1)
    if not len(captures) or share <= _MOST_REJECTED:
        return ()
    code = faults["code"].mode()[0]
    filename, _, reason = faults[faults["code"] == code].iloc[0]
    return (
        f"{len(faults)} images make no capture, such as {filename}: {reason} [{code}]; the run stops at so "
        f"many. {advise(code)} Or raise quality.max_rejected_share",
    )


def _disagreements(labelling: Labelling, labels: tuple[Setting, ...]) -> tuple[str, ...]:
    """Labels of which the captures of one specimen say different classes."""
    if labelling.table is None or labelling.join is None:
        return ()
    joined = labelling.join.captures
    names = [str(name) for name in joined if name not in {*CAPTURE_COLUMNS, "specimen_id", "flags"}]
    _, found = settle_labels(joined, names, specimens_params(labels))
    return tuple(f"{labelling.table.path.name}: {one.describe()}" for one in found)


def _sides(labelling: Labelling) -> tuple[str, ...]:
    found = "" if labelling.join is None else describe_unlabelled_sides(labelling.join.captures)
    return (found,) if found else ()


def _workbooks(folder: Folder) -> tuple[str, ...]:
    if not folder.workbooks:
        return ()
    names = ", ".join(map(str, folder.workbooks[:3]))
    return (
        f"{names}: workbooks are not read; save the sheet of labels as CSV UTF-8, metadata.csv beside the "
        "images",
    )
