"""How many specimens each class of each label has."""

from typing import Final

import pandas as pd

from xmodal_pipeline.evaluation.specimen_tables import SPECIES, label_columns

COLUMNS: Final = ("label", "class", "species", "n_specimens", "n_captures")


def class_balance(index: pd.DataFrame) -> pd.DataFrame:
    """Specimens and captures per class, over all species and within each.

    Args:
        index: `specimen_index`; a specimen counts under the first known value of its captures.

    Returns:
        Columns `COLUMNS`, one row per label, class and species that occur together. `species` is missing in
        the rows over all species, which come first; `class` is missing where specimens have no label.
    """
    rows = []
    specimens = index.groupby("specimen_id")
    facts = specimens[label_columns(index)].first().assign(n_captures=specimens.size())
    for label in label_columns(index):
        rows.append(_count(facts, label, [label]))
        if SPECIES in facts and label != SPECIES:
            rows.append(_count(facts.dropna(subset=SPECIES), label, [SPECIES, label]))
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat([part.astype({"class": "string", "species": "string"}) for part in rows])
    return table[list(COLUMNS)].reset_index(drop=True)


def _count(facts: pd.DataFrame, label: str, by: list[str]) -> pd.DataFrame:
    groups = facts.groupby(by, dropna=False)["n_captures"].agg(["size", "sum"]).reset_index()
    counts = groups.rename(columns={"size": "n_specimens", "sum": "n_captures"})
    species = counts[SPECIES] if len(by) > 1 else pd.NA
    return pd.DataFrame(
        {
            "label": label,
            "class": counts[label],
            "species": species,
            "n_specimens": counts["n_specimens"],
            "n_captures": counts["n_captures"],
        }
    )
