"""The rows of `uv_value`: their order, and how each is called."""

from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import COLOUR
from xmodal_pipeline.evaluation.uv_value.verdict import is_found_by_pattern, is_found_without_colour
from xmodal_pipeline.imaging.patches import WHOLE
from xmodal_pipeline.reporting.style import GREY, PALETTE
from xmodal_pipeline.reporting.words import list_words, p_value

_BY_PATTERN: Final = "by pattern, not by mean colour"
_OPEN: Final = "by learnt features, while mean colour leaves it open"
_SEXES: Final = {"f": "females", "m": "males"}

VERDICTS: Final = {
    "uv_only": (PALETTE[0], "o"),
    "uv_adds": (PALETTE[4], "s"),
    "rgb_suffices": (PALETTE[1], "^"),
    "unresolved": (GREY, "D"),
    "too_few": ("#999999", "x"),
}
"""Colour and marker of each verdict of `uv_value`, strongest first: blues where UV tells, as UV is blue."""


TEST: Final = ["species", "label", "view", "patch"]
"""What tells one test from another, whatever the features."""


def say_where(rows: pd.DataFrame) -> pd.Series:
    """What each row of `uv_value` tests: the label, and view and patch where the rows differ in them."""
    told = [column for column in ("view", "patch") if rows[column].nunique() > 1]
    parts = [[str(part) for part in row if part] for row in rows[told].to_numpy()]
    texts = [
        f"{label} ({', '.join(where)})" if where else str(label)
        for label, where in zip(rows["label"], parts, strict=True)
    ]
    return pd.Series(texts, index=rows.index, dtype=object)


def say_features(features: str) -> str:
    """How a set of features is called in front of a reader."""
    return "mean colour" if features == COLOUR else "learnt features"


def say_class(name: str) -> str:
    """How the specimens of a class are called; `females` of sex."""
    return _SEXES.get(name, name)


def compare_with_colour(rows: pd.DataFrame) -> pd.DataFrame:
    """With `way`: how claims of learnt features stand to a mean colour that claims nothing; "" elsewhere."""
    way = pd.Series("", index=rows.index, dtype=object)
    way[is_found_without_colour(rows)] = _OPEN
    way[is_found_by_pattern(rows)] = _BY_PATTERN
    return rows.assign(way=way)


def say_ways(claims: pd.DataFrame) -> str:
    """`by mean colour and by learnt features`.

    Args:
        claims: of one species, with `way`.
    """
    ways = set(claims["way"])
    if "" not in ways:
        return _BY_PATTERN if _BY_PATTERN in ways else _OPEN
    by = sorted({say_features(str(one)) for one in claims["features"]}, reverse=True)
    return list_words([f"by {one}" for one in by])


def clear_where(rows: pd.DataFrame) -> pd.DataFrame:
    """View and patch as "" where a row has none, and a patch that is the whole specimen likewise."""
    where = rows[["view", "patch"]].fillna("").replace(WHOLE, "")
    return rows.assign(view=where["view"], patch=where["patch"])


def rank_uv_value(uv_value: pd.DataFrame) -> pd.DataFrame:
    """The primary rows of `uv_value`: by lower limit, highest first, then too few, then pooled rows."""
    rows = clear_where(uv_value[uv_value["family"] == "primary"])
    ranked = rows.assign(is_pooled=rows["scope"] != "species").sort_values(
        ["is_pooled", "low", "uv_adds"], ascending=[True, False, False], na_position="last", kind="stable"
    )
    return ranked.reset_index(drop=True)


def write_error(row: Any) -> str:
    """q, or p where there is no q; empty without either."""
    name = "q" if pd.notna(row.q) else "p"
    value = getattr(row, name)
    return "" if pd.isna(value) else p_value(value, name)
