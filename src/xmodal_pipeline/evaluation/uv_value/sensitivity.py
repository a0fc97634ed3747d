"""Does a claim rest on captures that carry a flag? The captures without one, to measure it again."""

import pandas as pd


def leave_out_flagged(uv_value: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame | None:
    """The captures without any flag, or None where no species that was tested has a flagged one.

    Args:
        uv_value: of all captures.
        index: `specimen_index`, with `flags`: codes joined by `;`, empty without.
    """
    tested = uv_value.loc[(uv_value["scope"] == "species") & (uv_value["verdict"] != "too_few"), "species"]
    is_flagged = index["flags"].fillna("") != ""
    if tested.empty or not index.loc[is_flagged, "species"].isin(tested).any():
        return None
    return index[~is_flagged]
