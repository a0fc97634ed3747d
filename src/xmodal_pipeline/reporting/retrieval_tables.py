"""Retrieval beyond recall over all held-out specimens: other galleries and other measures."""

from typing import Final

import pandas as pd

from xmodal_pipeline.reporting.comparison_rows import DIRECTIONS
from xmodal_pipeline.reporting.names import ModalityNames, number
from xmodal_pipeline.reporting.report_tables import (
    PageTable,
    rows_of_metrics,
    table_of,
    write_name,
    write_value,
)
from xmodal_pipeline.reporting.seeds import SeedSpread

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


def tabulate_galleries(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """A row per name, direction and gallery, with chance behind recall@1."""
    rows = []
    mine = comparison[comparison["task"].isin(_GALLERIES) & comparison["label"].isin(DIRECTIONS)]
    mine = mine[mine["name"] != "chance"]
    for (name, direction, task), part in mine.groupby(["name", "label", "task"], sort=False):
        by_metric = rows_of_metrics(part)
        measures = [
            write_value(by_metric[metric], spread) if metric in by_metric else "–" for metric in _MEASURES
        ]
        chance = number(getattr(by_metric.get("recall@1"), "chance", None), 3)
        n = number(part["n"].max(), 0)
        title = write_name(str(name), str(part["kind"].iloc[0]), names, spread)
        rows.append((title, names.label(str(direction)), _GALLERIES[str(task)], *measures, chance, n))
    header = ("Name", "Direction", "Gallery", *_MEASURES.values(), "Chance @1", "n")
    return table_of(
        "Other galleries and measures, with 95 % intervals; baselines in brackets",
        header,
        rows,
        3,
        note="Species: only specimens of the query's species compete. Warped: query and gallery are "
        "warped independently, so that outline and pose do not give the match away. Pairwise: how often "
        "the match ranks above a random other specimen, whatever the size of the gallery (0.5 by chance).",
        is_folded=True,
    )
