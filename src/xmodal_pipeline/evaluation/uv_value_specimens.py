"""From tables per capture to one row per specimen and view."""

from collections.abc import Sequence

import pandas as pd

_NOT_FEATURES = ("capture_id", "specimen_id", "partition", "modality")


def specimen_rows(
    rgb: pd.DataFrame, uv: pd.DataFrame, index: pd.DataFrame, names: Sequence[str]
) -> pd.DataFrame:
    """Mean features and first known labels of every specimen in every view.

    Args:
        rgb: one row per capture (`capture_id` as column or index), or per specimen (`specimen_id` as index),
            in which case its views were averaged before and the view is "".
        uv: likewise; rows missing in either, or in the index, are left out.
        index: `specimen_index`.
        names: its columns wanted, beside species and clade.

    Returns:
        Rows by (view, specimen_id), sorted; columns (rgb | uv, feature) and (meta, name).

    Raises:
        ValueError: if a table names neither captures nor specimens.
    """
    keys = {name: _key(frame, name) for name, frame in (("rgb", rgb), ("uv", uv))}
    tables = {
        name: (frame if frame.index.name == keys[name] else frame.set_index(keys[name])).drop(
            columns=[column for column in _NOT_FEATURES if column in frame.columns and column != keys[name]]
        )
        for name, frame in (("rgb", rgb), ("uv", uv))
    }
    features = pd.concat(tables, axis=1, join="inner")
    known = _with_view(index) if keys["rgb"] == "capture_id" else index.assign(view="")
    by_key = known.drop_duplicates(keys["rgb"]).set_index(keys["rgb"], drop=False).rename_axis(None)
    by_key = by_key.loc[by_key.index.intersection(features.index), ["view", "specimen_id"]]
    means = features.loc[by_key.index].groupby([by_key["view"], by_key["specimen_id"]]).mean()
    clade = ["clade"] if "clade" in index.columns else []
    wanted = list(dict.fromkeys(["species", *clade, *names]))
    labels = known.groupby(["view", "specimen_id"])[wanted].first()
    return means.join(pd.concat({"meta": labels}, axis=1))


def _with_view(index: pd.DataFrame) -> pd.DataFrame:
    if "view" not in index.columns:
        return index.assign(view="")
    return index.assign(view=index["view"].astype(object).where(index["view"].notna(), ""))


def _key(frame: pd.DataFrame, name: str) -> str:
    if frame.index.name in ("capture_id", "specimen_id"):
        return str(frame.index.name)
    if "capture_id" in frame.columns:
        return "capture_id"
    raise ValueError(
        f"uv_value_table: {name} features must have capture_id as column or index, got columns "
        f"{list(frame.columns[:5])}; keep the capture_id of each row"
    )
