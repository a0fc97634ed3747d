"""From tables of captures to what is compared: pairs of modalities, and one row per specimen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.specimens.columns import MOST_CLASSES, column_kind
from xmodal_pipeline.specimens.discovery import FILE_COLUMNS

Floats = NDArray[np.float32] | NDArray[np.float64]

SPECIES = "species"
CLADE = "clade"
VIEW = "view"
_NOT_LABELS = {*FILE_COLUMNS, VIEW}


@dataclass(frozen=True)
class Pairs:
    """RGB and UV of the same captures, row by row."""

    rgb: Floats
    uv: Floats
    specimens: NDArray[Any]
    species: NDArray[Any] | None
    views: NDArray[Any]

    def rows(self, chosen: NDArray[np.bool_]) -> "Pairs":
        """Some of the captures, by a mask; all of them are not copied."""
        if chosen.all():
            return self
        species = None if self.species is None else self.species[chosen]
        return Pairs(self.rgb[chosen], self.uv[chosen], self.specimens[chosen], species, self.views[chosen])

    def split_views(self) -> list["Pairs"]:
        """One gallery per view of at least two captures; all captures in one where there are no views."""
        codes = pd.factorize(self.views)[0]
        sizes = np.bincount(codes)
        return [self.rows(codes == code) for code in np.flatnonzero(sizes > 1)]

    def one_view(self) -> "Pairs":
        """The captures of the view that most specimens have: another view is no repeat of it."""
        return self.rows(self.views == main_view(self.specimens, self.views))

    def one_per_specimen(self) -> "Pairs":
        """The first capture of each specimen in the view that most have."""
        inside = self.one_view()
        return inside.rows(~pd.Series(inside.specimens).duplicated().to_numpy())


def main_view(specimens: ArrayLike, views: ArrayLike) -> str:
    """The view that most specimens have, the first by name of equals; "" where there are no views."""
    table = pd.DataFrame({"specimen": specimens, "view": views}, dtype=object)
    counts = table.groupby("view")["specimen"].nunique()
    return str(counts.idxmax()) if len(counts) else ""


def known_views(index: pd.DataFrame) -> pd.Series:
    """The view of every capture, in the order of the index; "" where there is none."""
    if VIEW not in index:
        return pd.Series("", index["capture_id"], dtype=object)
    views = index.set_index("capture_id")[VIEW].astype(object)
    return views.where(views.notna(), "")


def first_captures(table: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """The rows of one capture per specimen: its first in the view that most specimens of the table have.

    Args:
        table: capture_id, specimen_id and more, such as embeddings.
        index: `specimen_index`; captures that it lacks are left out.
    """
    known = index.drop_duplicates("capture_id")
    mine = known[known["capture_id"].isin(table["capture_id"])]
    views = known_views(mine).to_numpy()
    first = mine[views == main_view(mine["specimen_id"], views)].drop_duplicates("specimen_id")
    return table[table["capture_id"].isin(first["capture_id"])]


def pair_captures(
    table: pd.DataFrame, index: pd.DataFrame, *, partition: str, every_capture: bool = False
) -> Pairs:
    """RGB and UV rows of the same captures of one partition, in the order of the index.

    Args:
        table: capture_id, specimen_id, partition, modality, x1 … xD.
        index: `specimen_index`; species and view are taken from it where it has them.
        partition: whose specimens.
        every_capture: keep all captures of a specimen, not only the first of each view.

    Raises:
        RunStoppedError: if the index lacks a capture of the table.
    """
    # Places, not rows: of a large table only what is returned is copied.
    is_inside = (table["partition"] == partition).to_numpy()
    sides = {
        name: pd.Series(places, index=table["capture_id"].to_numpy()[places])
        for name in ("rgb", "uv")
        for places in [np.flatnonzero(is_inside & (table["modality"] == name).to_numpy())]
    }
    known = index.drop_duplicates("capture_id").set_index("capture_id")
    unknown = sides["rgb"].index.difference(known.index)
    if len(unknown):
        raise RunStoppedError(
            f"evaluate: every capture must be in the specimen index, got '{unknown[0]}' and "
            f"{len(unknown) - 1} more without; run 'embed' again on the current study"
        )
    both = known.index.intersection(sides["rgb"].index).intersection(sides["uv"].index)
    facts = known.loc[both]
    facts = facts.assign(**{VIEW: known_views(facts.reset_index())})
    if not every_capture:
        facts = facts[~facts.duplicated(["specimen_id", VIEW])]
    return Pairs(
        rgb=_take(table, sides["rgb"].loc[facts.index]),
        uv=_take(table, sides["uv"].loc[facts.index]),
        specimens=facts["specimen_id"].to_numpy(dtype=object),
        species=_objects(facts[SPECIES]) if SPECIES in facts and facts[SPECIES].notna().any() else None,
        views=facts[VIEW].to_numpy(dtype=object),
    )


def _take(table: pd.DataFrame, places: pd.Series) -> Floats:
    """Row by row in memory: the same last digits whether views are chosen afterwards or not."""
    rows = table.iloc[places]
    return np.ascontiguousarray(rows[feature_columns(rows)].to_numpy())


def specimen_features(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Mean over the captures of each specimen, per modality; specimens in the order of their ids."""
    return {
        str(modality): rows.groupby("specimen_id")[feature_columns(rows)].mean().astype(np.float64)
        for modality, rows in table.groupby("modality")
    }


def specimen_labels(index: pd.DataFrame) -> pd.DataFrame:
    """Labels of specimens: columns of 2 to 50 classes, the same in all captures of a specimen.

    Dates and measured numbers are no classes (`column_kind`).
    """
    candidates = _label_candidates(index)
    grouped = index.groupby("specimen_id")[candidates]
    constant = grouped.nunique().max() <= 1
    labels = grouped.first()
    classes = labels.nunique()
    kept = [name for name in candidates if constant[name] and 2 <= classes[name] <= MOST_CLASSES]
    return labels[kept]


def labels_of_species(index: pd.DataFrame) -> set[str]:
    """Labels that every species has one class of: the species, its clade, its genus.

    Nobody who knows the species can be surpassed there, and no class can be exchanged within a species.
    """
    if SPECIES not in index:
        return set()
    labels = specimen_labels(index)
    species = index.groupby("specimen_id")[SPECIES].first().reindex(labels.index)
    return {str(name) for name in labels if (labels[name].groupby(species).nunique() <= 1).all()}


def label_columns(index: pd.DataFrame) -> list[str]:
    """Columns of the index that hold labels of at most 50 classes, whatever a specimen's captures say."""
    return [name for name in _label_candidates(index) if 1 <= index[name].nunique() <= MOST_CLASSES]


def _label_candidates(index: pd.DataFrame) -> list[str]:
    return [
        str(name)
        for name in index.columns
        if name not in _NOT_LABELS and column_kind(index[name], str(name)) in ("classes", "text")
    ]


def describe_labels(index: pd.DataFrame) -> str:
    """The label columns of the index, for messages."""
    return ", ".join(column for column in index.columns if column not in _NOT_LABELS) or "none"


def feature_columns(table: pd.DataFrame) -> list[str]:
    """x1 … xD in order, D being the dimension of these rows: other modalities may have more."""
    columns = [column for column in table.columns if column[0] == "x" and column[1:].isdigit()]
    is_filled = table[columns].notna().any().to_numpy()
    return columns[: int(np.flatnonzero(is_filled)[-1]) + 1] if is_filled.any() else columns


def _objects(column: pd.Series) -> NDArray[Any]:
    """Values as objects, missing as None."""
    return column.astype(object).where(column.notna(), None).to_numpy(dtype=object)
