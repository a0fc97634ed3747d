"""What a caller gives to `uv_value`, checked and coded."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from xmodal_pipeline.evaluation.uv_value_design import Design, Floats, count_components, reduce_features

_POOL_MINIMUM_N = 2
"""Specimens per class with which a species enters the pooled rows."""


class FeaturesConstantError(ValueError):
    """Nothing can be tested because a modality does not vary within cells."""


def check_features(values: ArrayLike, name: str) -> Floats:
    """Features as (specimens, features) in float64, refused unless finite."""
    features = np.asarray(values, dtype=np.float64)
    if features.ndim != 2:
        raise ValueError(
            f"uv_value: {name} must be (specimens, features), got shape {features.shape}; pass a 2-d array"
        )
    if not np.isfinite(features).all():
        rows = np.flatnonzero(~np.isfinite(features).all(axis=1))
        raise ValueError(
            f"uv_value: {name} must be finite, got NaN or infinity in {len(rows)} rows, first {rows[0]}; "
            "leave these specimens out"
        )
    return features


def align_specimens(n: int, n_uv: int, given: dict[str, ArrayLike | None]) -> pd.DataFrame:
    """What is known of each specimen, one column per name; a name that is not given is an empty string."""
    if n_uv != n:
        raise ValueError(
            f"uv_value: uv must have one row per row of rgb, got {n_uv} for {n}; align by specimen"
        )
    columns = {}
    for name, values in given.items():
        column = pd.Series(
            "" if values is None else values, index=None if values is not None else range(n), dtype=object
        )
        if len(column) != n:
            raise ValueError(
                f"uv_value: {name} must have one entry per row of rgb, got {len(column)} for {n}; "
                "align by specimen"
            )
        columns[name] = column.reset_index(drop=True)
    return pd.DataFrame(columns)


def build_design(used: pd.DataFrame) -> tuple[Design, pd.Index, pd.Index]:
    """Codes of the labelled specimens, in sorted order of their names."""
    stratum, strata = pd.factorize(used["species"], sort=True)
    label, classes = pd.factorize(used["labels"], sort=True)
    if len(classes) != 2:
        raise ValueError(
            f"uv_value: labels must hold two classes, got {len(classes)}: {list(classes[:5])}; "
            "choose another label"
        )
    block = pd.factorize(used["blocks"], use_na_sentinel=False)[0]
    return Design.build(stratum.astype(np.int64), block.astype(np.int64), label == 1), strata, classes


def reduce_both(rgb: Floats, uv: Floats, design: Design, *, components: int) -> tuple[Floats, Floats]:
    """Both modalities as the same number of whitened components, rows in the order of the design."""
    rgb, uv = rgb[design.order], uv[design.order]
    p = count_components(rgb, uv, design, components=components)
    if p == 0:
        raise FeaturesConstantError(
            "uv_value: rgb and uv must vary within species and class, got constant features or no class with "
            "two specimens; check for dead bands"
        )
    return reduce_features(rgb, design, p), reduce_features(uv, design, p)


def list_pools(used: pd.DataFrame, strata: pd.Index, design: Design) -> tuple[pd.DataFrame, Floats]:
    """Names and scopes of the pooled rows, and the (R, S) strata in each; at least two strata make a pool."""
    clades = used.dropna(subset="clade").groupby("species")["clade"].first().reindex(strata)
    is_pooled = design.counts.min(axis=1) >= _POOL_MINIMUM_N
    pools = [("all species", "all", is_pooled)]
    pools += [
        (f"clade {name}", "clade", is_pooled & (clades == name).to_numpy())
        for name in sorted(clades.dropna().unique(), key=str)
        if name != ""
    ]
    pools = [pool for pool in pools if pool[2].sum() > 1]
    groups = np.array([pool[2] for pool in pools], dtype=np.float64).reshape(len(pools), len(strata))
    return pd.DataFrame([pool[:2] for pool in pools], columns=["species", "scope"]), groups
