"""Per species what phylogenetic methods take: estimates with their errors, and mean embeddings."""

import pandas as pd

from xmodal_pipeline.evaluation.specimen_tables import SPECIES, VIEW, feature_columns, known_views

SPECIES_COLUMNS = (
    *("species", "tip", "label", "classes", "view", "features", "n_1", "n_2"),
    *("uv_adds", "uv_adds_unbiased", "uv_adds_se", "low", "high"),
)


def tabulate_species(uv_value: pd.DataFrame, species_tips: pd.DataFrame) -> pd.DataFrame:
    """`species_table`: what UV adds in each species, to be modelled over a tree elsewhere.

    No p-value goes along: one over species would have to respect their relatedness.

    Args:
        uv_value: of `uv_value_table`; its species rows are taken, those too small without numbers.
        species_tips: of `match_tips`; species without a tip have none.

    Returns:
        The columns of `SPECIES_COLUMNS`, in the order of `uv_value`. `uv_adds_se` is the standard error of
        `uv_adds_unbiased`, which a model over species takes: `uv_adds` is never
        below 0, and its mean too high.
    """
    is_whole = (uv_value["scope"] == "species") & (uv_value["specimens"] == "all")
    rows = uv_value[is_whole]
    rows = rows.assign(tip=rows["species"].map(_tip_of(species_tips)))
    return rows[list(SPECIES_COLUMNS)].reset_index(drop=True)


def average_species(
    embeddings: pd.DataFrame, index: pd.DataFrame, species_tips: pd.DataFrame
) -> pd.DataFrame:
    """Mean embedding of each species: of its specimens, each the mean of its captures of one view.

    Args:
        embeddings: capture_id, specimen_id, partition, modality, x1 … xD.
        index: `specimen_index`; captures without a species are left out.
        species_tips: of `match_tips`.

    Returns:
        `species, tip, view, modality, n_specimens, x1 … xD`, sorted; no rows without species.
    """
    columns = feature_columns(embeddings)
    names = [SPECIES, "tip", VIEW, "modality", "n_specimens", *columns]
    if SPECIES not in index:
        return pd.DataFrame(columns=names)
    known = index.drop_duplicates("capture_id")
    facts = known.set_index("capture_id")[[SPECIES]].assign(**{VIEW: known_views(known)})
    rows = embeddings.join(facts, on="capture_id")
    keys = [SPECIES, VIEW, "modality"]
    specimens = rows.groupby([*keys, "specimen_id"])[columns].mean()
    grouped = specimens.groupby(level=keys)
    table = grouped.mean().assign(n_specimens=grouped.size()).reset_index()
    return table.assign(tip=table[SPECIES].map(_tip_of(species_tips)))[names]


def _tip_of(species_tips: pd.DataFrame) -> dict[str, str]:
    matched = species_tips[species_tips["status"] == "matched"]
    return dict(zip(matched["species"], matched["tip"], strict=True))
