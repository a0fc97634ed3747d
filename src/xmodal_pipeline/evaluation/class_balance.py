"""How many specimens each class of each label has."""

from typing import Final

import pandas as pd

from xmodal_pipeline.evaluation.specimen_tables import SPECIES, label_columns

COLUMNS: Final = ("label", "class", "species", "n_specimens", "n_captures")


def class_balance(index: pd.DataFrame) -> pd.DataFrame:
    """Specimens and captures per class, over all species and within each.

    Args:
        index: `specimen_index`; a specimen counts once in every class that a capture of it has, as one
            photographed in two sessions does. A capture without a value has that of the specimen's first.

    Returns:
        Columns `COLUMNS`, one row per label, class and species that occur together. `species` is missing in
        the rows over all species, which come first; `class` is missing where specimens have no label.
    """
    rows = []
    labels = label_columns(index)
    known = index[labels].fillna(index.groupby("specimen_id")[labels].transform("first"))
    facts = index[["specimen_id"]].join(known)
    for label in labels:
        rows.append(_count(facts, label, [label]))
        if SPECIES in facts and label != SPECIES:
            rows.append(_count(facts.dropna(subset=SPECIES), label, [SPECIES, label]))
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat([part.astype({"class": "string", "species": "string"}) for part in rows])
    return table[list(COLUMNS)].reset_index(drop=True)


def _count(facts: pd.DataFrame, label: str, by: list[str]) -> pd.DataFrame:
    groups = facts.groupby(by, dropna=False)["specimen_id"].agg(["nunique", "size"]).reset_index()
    counts = groups.rename(columns={"nunique": "n_specimens", "size": "n_captures"})
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
