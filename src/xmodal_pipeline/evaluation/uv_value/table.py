"""`uv_value` over a study: every feature set, view, patch and label, corrected together."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from xmodal_pipeline.evaluation.schema import COLOUR
from xmodal_pipeline.evaluation.uv_value.captures import capture_rows
from xmodal_pipeline.evaluation.uv_value.inputs import FeaturesConstantError
from xmodal_pipeline.evaluation.uv_value.value import Part, judge_parts, prepare_part
from xmodal_pipeline.evaluation.uv_value.verdict import COLUMNS, EXPLORATORY, PRIMARY
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.specimens.columns import column_kind

logger = logging.getLogger(__name__)


def uv_value_table(
    features: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    index: pd.DataFrame,
    params: EvaluationParams,
    label: str | Sequence[str] | None = None,
    *,
    blocks: Sequence[str] = (),
) -> pd.DataFrame:
    """Run `uv_value` for each feature set x view x patch x two-class label of a study.

    The unit is the specimen: features are averaged over its captures of one view, which also tell the noise
    of RGB. Benjamini and Hochberg's correction runs per label over species x views x patches of the sets in
    `params.uv_value_features` together, the primary family; every other set is exploratory and corrected by
    itself. A set other than `colour` is an embedding.

    Args:
        features: per set its RGB and its UV table; see `capture_rows`.
        index: `specimen_index`: capture_id, specimen_id, species, labels; view and clade where there are any.
        params: minimum_n, uv_value_margin, uv_value_features.
        label: column or columns of the index with two classes; default sex where the index has it. A label
            without two classes in a view is not tested there, which the log says.
        blocks: nuisance columns of the index. Within classes of each (year, session) the label is compared; a
            number (size) is held constant as a covariate. Captures without one are left out.

    Returns:
        Columns as `uv_value`; no rows when there is nothing to test.

    Raises:
        ValueError: if a label or block is not a column of the index.
    """
    labels = _label_names(label, index)
    for name in (*labels, *blocks):
        if name not in index.columns:
            raise ValueError(
                f"uv_value_table: label or block must be a column of specimen_index, got '{name}'; "
                f"known: {', '.join(index.columns)}"
            )
    if "species" not in index.columns:
        logger.warning(
            "uv_value: not tested, specimen_index has no species: the metadata need a column 'species'"
        )
        return pd.DataFrame(columns=list(COLUMNS))
    parts = []
    for features_name, (rgb, uv) in features.items():
        for patch, view, rows in capture_rows(rgb, uv, index, [*labels, *blocks]):
            for label_name in labels:
                names = {"label": label_name, "view": view, "patch": patch, "features": features_name}
                part = _test_label(rows, params, names, blocks)
                if part is not None:
                    parts.append(part)
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return judge_parts(parts, margin=params.uv_value_margin)


def _test_label(
    rows: pd.DataFrame, params: EvaluationParams, names: dict[str, str], blocks: Sequence[str]
) -> Part | None:
    """The part of one label, view, patch and feature set; None, and a line in the log, if there is none."""
    where = " ".join(value for value in names.values() if value)
    numbers = [name for name in blocks if column_kind(rows["meta"][name], name) == "number"]
    # An unknown session is no session of its own: nobody knows who was in it.
    lacks = np.asarray(rows["meta"][list(blocks)].isna()).any(axis=1)
    if lacks.any():
        logger.warning(
            "uv_value: %s leaves out %d captures without %s", where, lacks.sum(), " or ".join(blocks)
        )
    rows = rows.loc[rows.index[np.flatnonzero(~lacks)]]
    meta = rows["meta"].astype(object).where(rows["meta"].notna(), None)
    classes = meta.loc[meta["species"].notna(), names["label"]].nunique()
    if classes != 2:
        logger.warning("uv_value: %s not tested, label must hold two classes, got %d", where, classes)
        return None
    groups = [name for name in blocks if name not in numbers]
    given = {
        "labels": meta[names["label"]].to_numpy(),
        "species": meta["species"].to_numpy(),
        "clade": meta["clade"].to_numpy() if "clade" in meta else None,
        "blocks": pd.Series(list(zip(*(meta[name] for name in groups), strict=True))) if groups else None,
    }
    try:
        part = prepare_part(
            (rows["rgb"].to_numpy(float), rows["uv"].to_numpy(float), meta[numbers].to_numpy(float)),
            given,
            meta["specimen_id"].to_numpy(),
            minimum_n=params.minimum_n,
            is_learnt=names["features"] != COLOUR or None,
            names=names,
            family=PRIMARY if names["features"] in params.uv_value_features else EXPLORATORY,
        )
    except FeaturesConstantError as error:
        logger.warning("uv_value: %s not tested, %s", where, error)
        return None
    aside = part.rows.loc[part.rows["set_aside"].astype(bool), "set_aside"]
    if len(aside):
        logger.warning("uv_value: %s sets aside specimens far from their class: %s", where, "; ".join(aside))
    return part


def _label_names(label: str | Sequence[str] | None, index: pd.DataFrame) -> list[str]:
    if label is None:
        return ["sex"] if "sex" in index.columns else []
    return [label] if isinstance(label, str) else list(label)
