"""Retrieval beyond recall over all held-out specimens: other galleries and other measures."""

from typing import Final

import pandas as pd

from xmodal_pipeline.reporting.evaluation_figures import DIRECTIONS
from xmodal_pipeline.reporting.names import ModalityNames, number
from xmodal_pipeline.reporting.report_tables import PageTable, table_of, with_interval

_GALLERIES: Final = {
    "retrieval": "all",
    "retrieval_within_species": "species",
    "retrieval_opposite_views": "warped",
}
_MEASURES: Final = {
    "recall@1": "recall@1",
    "mrr": "MRR",
    "median_rank": "Median rank",
    "pairwise": "Pairwise",
}


def tabulate_galleries(comparison: pd.DataFrame, names: ModalityNames) -> PageTable:
    """A row per name, direction and gallery, with chance behind recall@1."""
    rows = []
    mine = comparison[comparison["task"].isin(_GALLERIES) & comparison["label"].isin(DIRECTIONS)]
    mine = mine[mine["name"] != "chance"]
    for (name, direction, task), part in mine.groupby(["name", "label", "task"], sort=False):
        by_metric = part.drop_duplicates("metric").set_index("metric")
        measures = [
            with_interval(*by_metric.loc[metric, ["value", "low", "high"]])
            if metric in by_metric.index
            else "–"
            for metric in _MEASURES
        ]
        chance = number(by_metric["chance"].get("recall@1"), 3)
        n = number(part["n"].max(), 0)
        title = names.label(str(name)) if (part["kind"] == "variant").all() else f"[{names.label(str(name))}]"
        rows.append((title, names.label(str(direction)), _GALLERIES[str(task)], *measures, chance, n))
    header = ("Name", "Direction", "Gallery", *_MEASURES.values(), "Chance @1", "n")
    return table_of(
        "Other galleries and measures, with 95 % intervals; baselines in brackets",
        header,
        rows,
        3,
        note="Species: only specimens of the query's species compete. Warped: query and gallery are "
        " warped independently, so that outline and pose do not give the match away. Pairwise: how often "
        "the match ranks above a random other specimen, whatever the size of the gallery (0.5 by chance).",
        is_folded=True,
    )
