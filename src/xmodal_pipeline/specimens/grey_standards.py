"""The table of grey standards: which photograph shows which standard, where, and how bright it really is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from xmodal_pipeline.imaging.calibration import Disc
from xmodal_pipeline.imaging.raw import Modality
from xmodal_pipeline.params.columns import column_name
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.metadata import clean_labels
from xmodal_pipeline.specimens.tables import read_table

KEY_COLUMNS = ("filename", "x", "y", "radius")
STANDARDS_ONLY = "standards_only"
_MAX_REFLECTANCE = 1.5
"""No diffuse standard is brighter; what is, is in percent."""


@dataclass(frozen=True)
class GreyStandard:
    """One standard in one photograph."""

    where: str
    """Table and row, for messages."""
    filename: str
    """The photograph, relative to the study's folder, posix style."""
    modality: Modality | None
    """Which photograph of a pair it is; None for a stack."""
    disc: Disc
    reflectance: dict[str, float]
    """Measured, unit scale, by band of the photograph."""
    standards_only: bool
    """Whether the photograph shows no specimen, so that it is no capture."""
    group: str | None
    """The table's own value of `specimens.calibrate_by`, cleaned as labels are; None where it has none."""


def read_standards(root: Path, specimens: SpecimensParams) -> list[GreyStandard]:
    """Read `specimens.grey_standards`; nothing where the study has none.

    One row per standard and photograph: `filename` relative to `root`; `x`, `y`, `radius` of a disc inside
    the standard, in px, right and down from the top left corner of the photograph as EXIF orientation shows
    it; and one column per band of the layout with the standard's reflectance in that band, in unit scale. Of
    a pair, the row of each photograph fills in that photograph's bands and leaves the others empty. Optional:
    `standards_only` (`yes` or `no`), `yes` for a photograph without a specimen, which is then no capture;
    and a column named like `specimens.calibrate_by`, needed for those photographs.

    Raises:
        FileNotFoundError: if the table is absent.
        ValueError: naming table and row, where a column, a photograph or a number is missing or wrong.
    """
    if specimens.grey_standards is None:
        return []
    path = _find(root, specimens.grey_standards)
    table = read_table(path, "grey_standards")
    bands = {*specimens.band_layout.rgb, *specimens.band_layout.uv}
    table = table.rename(columns=lambda header: header if header in bands else column_name(header))
    for column in table.columns:
        table[column] = table[column].str.strip()
    _check_columns(path, table, specimens)
    groups = _groups(table, specimens)
    standards = [
        _standard(
            f"grey_standards '{path.name}' row {number}",
            {str(name): str(cell) for name, cell in row.items()},
            group,
            specimens,
        )
        for number, ((_, row), group) in enumerate(zip(table.iterrows(), groups, strict=True), start=1)
    ]
    _check_photographs(path, root, standards)
    return standards


def list_standards_only(standards: Sequence[GreyStandard]) -> frozenset[str]:
    """The photographs that show no specimen."""
    return frozenset(standard.filename for standard in standards if standard.standards_only)


def _find(root: Path, named: Path) -> Path:
    for path in (named, root / named):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"specimens.grey_standards: must be an existing file, got '{named}'; check the path"
    )


def _check_columns(path: Path, table: pd.DataFrame, specimens: SpecimensParams) -> None:
    layout = specimens.band_layout
    # The UV photograph of a pair may have fewer bands than the layout.
    bands = (*layout.rgb, *(layout.uv[:1] if specimens.is_pair else layout.uv))
    missing = [name for name in (*KEY_COLUMNS, *bands) if name not in table]
    if missing:
        raise ValueError(
            f"grey_standards '{path.name}': must have the columns {[*KEY_COLUMNS, *bands]}, lacks {missing}; "
            "one row per standard and photograph, one column of reflectance per band"
        )


def _groups(table: pd.DataFrame, specimens: SpecimensParams) -> list[str | None]:
    if specimens.calibrate_by not in table:
        return [None] * len(table)
    cleaned, _ = clean_labels(table[[specimens.calibrate_by]], specimens)
    return [None if pd.isna(value) else str(value) for value in cleaned[specimens.calibrate_by]]


def _standard(where: str, row: dict[str, str], group: str | None, specimens: SpecimensParams) -> GreyStandard:
    x, y, radius = (_number(where, name, row[name]) for name in KEY_COLUMNS[1:])
    if radius <= 0:
        raise ValueError(f"{where}: radius must be positive, got {radius:g}; give it in px")
    only = row.get(STANDARDS_ONLY, "").casefold()
    if only not in ("yes", "no", ""):
        raise ValueError(f"{where}: {STANDARDS_ONLY} must be yes or no, got {only!r}")
    if only == "yes" and group is None:
        raise ValueError(
            f"{where}: a photograph of standards only must name its '{specimens.calibrate_by}', got none; "
            "set specimens.calibrate_by and fill in the column of that name"
        )
    reflectance = _reflectance(where, row, specimens)
    return GreyStandard(
        where=where,
        filename=str(PurePosixPath(row["filename"].replace("\\", "/"))),
        modality=_modality(where, reflectance, specimens),
        disc=Disc(x, y, radius),
        reflectance=reflectance,
        standards_only=only == "yes",
        group=group,
    )


def _reflectance(where: str, row: dict[str, str], specimens: SpecimensParams) -> dict[str, float]:
    layout = specimens.band_layout
    found = {band: _number(where, band, row[band]) for band in (*layout.rgb, *layout.uv) if row.get(band, "")}
    wrong = {band: value for band, value in found.items() if not 0 <= value <= _MAX_REFLECTANCE}
    if wrong:
        raise ValueError(
            f"{where}: reflectance must be in unit scale, 0 to {_MAX_REFLECTANCE:g}, got {wrong}; "
            "a 99 % standard is 0.99: divide percent by 100"
        )
    return found


def _modality(where: str, reflectance: dict[str, float], specimens: SpecimensParams) -> Modality | None:
    """The photograph of a pair whose bands are filled in."""
    layout = specimens.band_layout
    sides = {"rgb": layout.rgb, "uv": layout.uv}
    has = {name: [band for band in bands if band in reflectance] for name, bands in sides.items()}
    if not specimens.is_pair:
        if len(reflectance) < len(layout.rgb) + len(layout.uv):
            raise ValueError(
                f"{where}: every band must have a reflectance, {[*layout.rgb, *layout.uv]}, "
                f"got {list(reflectance)}; fill in the others"
            )
        return None
    if has["rgb"] == list(layout.rgb) and not has["uv"]:
        return "rgb"
    if has["uv"] and not has["rgb"]:
        return "uv"
    raise ValueError(
        f"{where}: must fill in the bands of this one photograph, {list(layout.rgb)} or {list(layout.uv)}, "
        f"got {list(reflectance)}; the other photograph of the pair has rows of its own"
    )


def _number(where: str, column: str, text: str) -> float:
    try:
        value = float(text.replace(",", "."))  # decimal comma, in files separated by semicolons
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{where}: {column} must be a number, got {text!r}; correct the table")
    return value


def _check_photographs(path: Path, root: Path, standards: Sequence[GreyStandard]) -> None:
    absent = sorted({s.filename for s in standards if not (root / s.filename).is_file()})
    if absent:
        raise ValueError(
            f"grey_standards '{path.name}': every filename must be a file under '{root}', "
            f"{len(absent)} are not: {absent[:5]}; give paths relative to specimens.root"
        )
    first: dict[str, GreyStandard] = {}
    for standard in standards:
        other = first.setdefault(standard.filename, standard)
        if _of_photograph(standard) != _of_photograph(other):
            raise ValueError(
                f"{standard.where}: the rows of one photograph must agree in bands, {STANDARDS_ONLY} and "
                f"group, got {_of_photograph(standard)} after {_of_photograph(other)} for "
                f"'{other.filename}'; correct the table"
            )


def _of_photograph(standard: GreyStandard) -> tuple[object, ...]:
    return sorted(standard.reflectance), standard.standards_only, standard.group
