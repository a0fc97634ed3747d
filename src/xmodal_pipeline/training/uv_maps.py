"""Where on the body the claims of `uv_value` lie: what moved one variant, averaged over specimens."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.schema import UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.captures import capture_rows
from xmodal_pipeline.evaluation.uv_value.discriminant import uv_direction
from xmodal_pipeline.evaluation.uv_value.features import embedding_features
from xmodal_pipeline.evaluation.uv_value.verdict import PRIMARY
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training.checkpoint import Checkpoint
from xmodal_pipeline.training.influence import map_uv_influence

_KINDS = {
    **dict.fromkeys(("label", "species", "view", "class"), "str"),
    **dict.fromkeys(("n", "n_class", "row", "column"), "int64"),
    **dict.fromkeys(("coverage", "uv", "influence"), "float64"),
}
COLUMNS = tuple(_KINDS)
_MAPPED = 4
"""Specimens per class: their mean is smooth enough to look at, and each takes some hundred passes."""


def map_claims(
    checkpoint: Checkpoint,
    prepared: Prepared,
    embeddings: pd.DataFrame,
    index: pd.DataFrame,
    uv_value: pd.DataFrame,
) -> pd.DataFrame:
    """Mean UV image and mean influence of each place, per class of every claim made by this variant.

    Claims are those of the primary family, by species. A map describes a claim and makes none: the direction
    is fitted on the specimens that are shown.

    Args:
        checkpoint: the variant.
        prepared: the captures that it embedded.
        embeddings: its features of all captures.
        index: `specimen_index`.
        uv_value: what was claimed.

    Returns:
        A row per pixel that belongs to a specimen: `row` and `column` from the top left, `coverage` (share of
        the `n` specimens that have it), `uv` (mean of the bands, unit scale) and `influence` (how far UV
        there says that a specimen is of this class, in SDs within classes along the direction that tells the
        classes apart given RGB). Up to four specimens per class, the first of `n_class` by name, one capture
        each. No rows without a claim.
    """
    claims = uv_value[
        (uv_value["features"] == checkpoint.config.name)
        & (uv_value["family"] == PRIMARY)
        & (uv_value["scope"] == "species")
        & (uv_value["specimens"] == "all")
        & uv_value["verdict"].isin(UV_CLAIMS)
    ]
    maps = []
    for label, of_label in claims.groupby("label", sort=False):
        for _, view, captures in capture_rows(*embedding_features(embeddings), index, [str(label)]):
            for species in of_label.loc[of_label["view"] == view, "species"]:
                own = captures[captures["meta"]["species"] == species]
                own = own[own["meta"][label].notna()]
                found = _map_species(checkpoint, prepared, own, str(label))
                maps.append(found.assign(label=label, species=species, view=view))
    if not maps:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _KINDS.items()})
    return pd.concat(maps, ignore_index=True)[list(COLUMNS)].astype(_KINDS)


def _map_species(
    checkpoint: Checkpoint, prepared: Prepared, captures: pd.DataFrame, label: str
) -> pd.DataFrame:
    """Both classes of one species in one view; `captures` as `capture_rows` yields them."""
    specimen = captures["meta"]["specimen_id"]
    rgb, uv = (captures[side].groupby(specimen, sort=True).mean().to_numpy(float) for side in ("rgb", "uv"))
    shown = captures.groupby(specimen, sort=True).head(1)
    labels = shown["meta"][label].to_numpy()
    first, second = sorted(set(labels))
    direction = uv_direction(rgb, uv, labels == second)
    scores = uv @ direction
    squares = sum(
        np.sum((scores[own] - scores[own].mean()) ** 2) for own in (labels == first, labels == second)
    )
    direction = direction / np.sqrt(squares / (len(scores) - 2))
    rows = {name: row for row, name in enumerate(prepared.capture_ids)}
    parts = []
    for name, sign in ((first, -1), (second, 1)):
        chosen = np.array([rows[capture] for capture in shown.index[labels == name][:_MAPPED]])
        influence = sign * map_uv_influence(checkpoint, prepared, chosen, direction)
        part = _average(prepared.uv[chosen], prepared.masks[chosen, 1] > 0, influence)
        parts.append(part.assign(**{"class": name, "n": len(chosen), "n_class": int(np.sum(labels == name))}))
    return pd.concat(parts)


def _average(
    uv: NDArray[np.float16], masks: NDArray[np.bool_], influence: NDArray[np.float32]
) -> pd.DataFrame:
    """Pixels that any specimen has, each averaged over those that have it.

    Args:
        uv: (n, bands, side, side).
        masks: (n, side, side).
        influence: (n, side, side), 0 outside the mask.
    """
    count = masks.sum(axis=0)
    row, column = np.nonzero(count)
    here = count[row, column]
    total = (uv.astype(np.float32).mean(axis=1) * masks).sum(axis=0)
    return pd.DataFrame(
        {
            "row": row,
            "column": column,
            "coverage": here / len(masks),
            "uv": total[row, column] / here,
            "influence": influence.sum(axis=0)[row, column] / here,
        }
    )
