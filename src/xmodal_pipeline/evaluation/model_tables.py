"""One model as tables: what every measure is taken from, whether the model learnt or not."""

from dataclasses import dataclass

import pandas as pd

from xmodal_pipeline.errors import ParametersError

_KEYS = ["capture_id", "specimen_id", "partition", "modality"]


@dataclass(frozen=True, eq=False)
class ModelTables:
    """One trained model's tables, or a baseline's."""

    embeddings: pd.DataFrame
    projections: pd.DataFrame | None = None
    opposite_views: pd.DataFrame | None = None
    unpaired: str = ""
    """Why there are no projections."""

    def known(self) -> list[pd.DataFrame]:
        """The tables that there are."""
        return [one for one in (self.embeddings, self.projections, self.opposite_views) if one is not None]


def check_table(name: str, table: pd.DataFrame, index: pd.DataFrame, partitions: pd.DataFrame) -> None:
    """A table of another run must describe the captures of this study, in its partitions.

    Args:
        name: of the run, for the message.
        table: capture_id, specimen_id, partition, modality, x1 … xD.
        index: `specimen_index`.
        partitions: specimen_id, partition.

    Raises:
        ParametersError: naming the run and the first capture or specimen that differs.
    """
    missing = [column for column in [*_KEYS, "x1"] if column not in table]
    if missing:
        raise ParametersError(
            f"compare.runs.{name}: table must have the columns {', '.join(_KEYS)}, x1 … xD, got none of "
            f"{missing}; give the embeddings.parquet of a run"
        )
    if table.duplicated(["capture_id", "modality"]).any():
        raise ParametersError(f"compare.runs.{name}: a capture must have one row per modality, got several")
    for modality, rows in table.groupby("modality"):
        differing = sorted(set(rows["capture_id"]) ^ set(index["capture_id"]))
        if differing:
            raise ParametersError(
                f"compare.runs.{name}: {modality} rows must be of the captures of this study "
                f"({len(index)}), got {len(rows)} that differ in {len(differing)}, the first "
                f"'{differing[0]}'; embed this study's captures with that model"
            )
    here = partitions.set_index("specimen_id")["partition"]
    moved = table.loc[table["specimen_id"].map(here) != table["partition"], "specimen_id"]
    if len(moved):
        raise ParametersError(
            f"compare.runs.{name}: specimens must be in the partitions of this study, got another for "
            f"{moved.nunique()}, the first '{moved.iloc[0]}': what is tested here may have trained there; "
            "use the same split.seed and shares"
        )
