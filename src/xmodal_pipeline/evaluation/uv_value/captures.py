"""From tables per capture to rows of one view and patch, with what is known of their specimens."""

from collections.abc import Iterator, Sequence

import pandas as pd

from xmodal_pipeline.imaging.patches import FRAME, WHOLE

_NOT_FEATURES = ("capture_id", "specimen_id", "partition", "modality", "patch")


def capture_rows(
    rgb: pd.DataFrame, uv: pd.DataFrame, index: pd.DataFrame, names: Sequence[str]
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Rows of every patch and view, one per capture.

    A whole frame is left out where anything else is measured, and a patch that is the whole specimen in every
    capture.

    Args:
        rgb: one row per capture, or per capture and `patch`, with `capture_id` as column or index.
        uv: likewise; rows missing in either, or in the index, are left out.
        index: `specimen_index`.
        names: its columns wanted, beside species and clade.

    Yields:
        Patch ("" without patches), view ("" without views), and a table by capture with the columns
        (rgb | uv, feature) and (meta, specimen_id | species | clade | name), sorted by specimen. What is
        known of a specimen in a view is the first that is known of it.

    Raises:
        ValueError: if a table does not name captures.
    """
    sides = {name: _by_capture(frame, name) for name, frame in (("rgb", rgb), ("uv", uv))}
    known = _meta(index, names)
    patches = [p for p in sides["rgb"]["patch"].unique() if p in set(sides["uv"]["patch"])]
    if len(patches) > 1:
        # A frame holds the background too: regions drawn on the specimen are asked instead.
        patches = [patch for patch in patches if patch != FRAME]
    found = {patch: {name: _features_of(patch, frame) for name, frame in sides.items()} for patch in patches}
    for patch, tables in found.items():
        if patch != WHOLE and WHOLE in found and _are_equal(tables, found[WHOLE]):
            continue  # the region is the mask: its tests would be those of the whole specimen again
        rows = pd.concat(tables, axis=1, join="inner").join(pd.concat({"meta": known}, axis=1), how="inner")
        for view, here in rows.groupby(("meta", "view"), sort=True):
            yield str(patch), str(view), here.sort_values(("meta", "specimen_id"), kind="stable")


def _features_of(patch: str, frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[frame["patch"] == patch]
    return rows.drop(columns=[column for column in _NOT_FEATURES if column in frame])


def _are_equal(tables: dict[str, pd.DataFrame], others: dict[str, pd.DataFrame]) -> bool:
    return all(table.sort_index().equals(others[name].sort_index()) for name, table in tables.items())


def _meta(index: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """What is known of each capture's specimen in its view, by capture."""
    views = index["view"].astype(object) if "view" in index else pd.Series("", index.index, dtype=object)
    known = index.assign(view=views.where(views.notna(), "")).drop_duplicates("capture_id")
    clade = ["clade"] if "clade" in index.columns else []
    wanted = list(dict.fromkeys(["species", *clade, *names]))
    firsts = known.groupby(["view", "specimen_id"])[wanted].first()
    return known.set_index("capture_id")[["view", "specimen_id"]].join(firsts, on=["view", "specimen_id"])


def _by_capture(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    if frame.index.name != "capture_id":
        if "capture_id" not in frame.columns:
            raise ValueError(
                f"uv_value_table: {name} features must have capture_id as column or index, got columns "
                f"{list(frame.columns[:5])}; keep the capture_id of each row"
            )
        frame = frame.set_index("capture_id")
    return frame if "patch" in frame else frame.assign(patch="")
