"""The rows of `uv_value`: their order, and how each is called."""

from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import COLOUR
from xmodal_pipeline.imaging.patches import WHOLE
from xmodal_pipeline.reporting.style import GREY, PALETTE
from xmodal_pipeline.reporting.words import write_p

VERDICTS: Final = {
    "uv_only": (PALETTE[0], "o"),
    "uv_adds": (PALETTE[2], "s"),
    "rgb_suffices": (PALETTE[1], "^"),
    "unresolved": (GREY, "D"),
    "too_few": ("#999999", "x"),
}
"""Colour and marker of each verdict of `uv_value`, strongest first."""


def write_test(row: Any) -> str:
    """What a row of `uv_value` tests: the label, and the view, patch and features where these tell apart."""
    features = "" if row.features == COLOUR else row.features
    where = ", ".join(str(part) for part in (row.view, row.patch, features) if part and part != WHOLE)
    return f"{row.label} ({where})" if where else str(row.label)


def rank_uv_value(uv_value: pd.DataFrame) -> pd.DataFrame:
    """The primary rows of `uv_value`: by lower limit, highest first, then too few, then pooled rows."""
    rows = uv_value[uv_value["family"] == "primary"]
    ranked = rows.assign(is_pooled=rows["scope"] != "species").sort_values(
        ["is_pooled", "low", "uv_adds"], ascending=[True, False, False], na_position="last", kind="stable"
    )
    return ranked.reset_index(drop=True)


def write_error(row: Any) -> str:
    """q, or p where there is no q; empty without either."""
    name = "q" if pd.notna(row.q) else "p"
    value = getattr(row, name)
    return "" if pd.isna(value) else write_p(name, value)
