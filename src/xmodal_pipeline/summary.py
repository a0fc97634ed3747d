"""What a run ends with on the screen: what came in, what was found, and where to look."""

from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import CatalogProtocol

from xmodal_pipeline.evaluation.schema import UV_CLAIMS

_SHOWN = 5
_PAGES = {
    "contact_sheet": "contact sheet",
    "colour_figure": "figure",
    "compared_figures": "figures",
    "ablation_figures": "figures",
    "report": "report",
}
"""Outputs that a person opens, and what they are called."""


def summarise_run(made: set[str], catalog: CatalogProtocol[Any, Any], study: str) -> list[str]:
    """At most a dozen lines on the outputs that a run made.

    Args:
        made: names of its outputs.
        catalog: where they are.
        study: its name.
    """
    lines = []
    if {"specimen_index", "rejected_captures"} <= made:
        lines += _describe_captures(catalog)
    for name in ("uv_value", "uv_value_colour"):
        if name in made:
            lines.append(describe_claims(catalog.load(name)))
    lines += [f"{word}: {_where(catalog, name)}" for name, word in _PAGES.items() if name in made]
    return [f"study {study}", *(f"  {line}" for line in lines)] if lines else []


def _describe_captures(catalog: CatalogProtocol[Any, Any]) -> list[str]:
    from xmodal_pipeline.specimens.listing import account_for

    index, rejected = catalog.load("specimen_index"), catalog.load("rejected_captures")
    return [f"{index['specimen_id'].nunique()} specimens", *account_for(index, rejected).split("; ")]


def describe_claims(uv_value: pd.DataFrame) -> str:
    """In how many species UV adds, in which, and where only a learnt feature shows it; one line."""
    from xmodal_pipeline.evaluation.uv_value.verdict import is_found_by_pattern

    rows = uv_value[(uv_value["family"] == "primary") & (uv_value["scope"] == "species")]
    if rows.empty:
        return "what UV adds: nothing to test (the metadata need 'species', and a label of two classes)"
    parts = []
    for label, of_label in rows.groupby("label", sort=False):
        tested = of_label.loc[of_label["verdict"] != "too_few", "species"].unique()
        found = list(of_label.loc[of_label["verdict"].isin(UV_CLAIMS), "species"].unique())
        is_pattern = is_found_by_pattern(of_label)
        patterns = [name for name in found if is_pattern[of_label["species"] == name].any()]
        few = of_label["species"].nunique() - len(tested)
        named = f": {_list_names(found)}" if found else ""
        by_pattern = f"; by pattern, not by mean colour, in {_list_names(patterns)}" if patterns else ""
        parts.append(
            f"UV adds about {label} in {len(found)} of {len(tested)} species tested"
            f"{f' ({few} more have too few specimens)' if few else ''}{named}{by_pattern}"
        )
    return "; ".join(parts)


def _list_names(species: list[str]) -> str:
    return ", ".join(species[:_SHOWN]) + (" …" if len(species) > _SHOWN else "")


def _where(catalog: CatalogProtocol[Any, Any], name: str) -> str:
    """Path of an output, from where the user stands as far as that is shorter."""
    path = Path(str(catalog[name]._describe()["filepath"]))
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
