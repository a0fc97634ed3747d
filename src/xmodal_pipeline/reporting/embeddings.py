"""The variant that is drawn where one is, and what figures read of its embeddings."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.schema import COLOUR
from xmodal_pipeline.evaluation.specimen_tables import first_captures, known_views
from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.words import ModalityNames, list_words

_NAMED: Final = "named beforehand (reporting.variant)"
_BEST: Final = "the best by recall@1 on validation specimens"
_FIRST: Final = "the first of those trained, as validation specimens were too few to rank them"
_UNMEASURED: Final = (-1.0, -1.0)


class ChosenVariant(NamedTuple):
    """The variant that the report draws where it draws one; without a name there is none."""

    name: str = ""
    embeddings: pd.DataFrame = pd.DataFrame()
    projections: pd.DataFrame = pd.DataFrame()
    how: str = ""
    """By what rule it was chosen, in words."""
    linear_share: float = 0.0
    """Share of its similarities that is PCA + CCA."""


def choose_variant(
    histories: pd.DataFrame, params: ReportingParams, tables: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]
) -> ChosenVariant:
    """The variant named in the parameters, else the cross-modal one with the best validation retrieval.

    Test numbers play no part: a choice made on them would flatter every figure that follows. Where validation
    was too small to be measured, the first variant stands.

    Args:
        histories: of all variants.
        params: may name the variant.
        tables: embeddings and projections per variant that sees both modalities.

    Raises:
        ValueError: if the parameters name another variant.
    """
    wanted = params.variant
    if wanted is not None and wanted not in tables:
        raise ValueError(
            f"report: reporting.variant must be one of {list(tables)}, got {wanted!r}; train it or set null"
        )
    how = _NAMED
    if wanted is None and tables:
        reached = {name: _kept_validation(histories[histories["variant"] == name]) for name in tables}
        wanted = max(reached, key=lambda name: reached[name])
        how = _BEST if reached[wanted] > _UNMEASURED else _FIRST
    if wanted is None:
        return ChosenVariant()
    shares = histories.loc[histories["variant"] == wanted, "linear_share"]
    return ChosenVariant(wanted, *tables[wanted], how, float(shares.iloc[-1]) if len(shares) else 0.0)


def say_choice(chosen: ChosenVariant, uv_value_features: Sequence[str], names: ModalityNames) -> str:
    """Of which models the learnt numbers of the report are, and by what rule; empty without a model."""
    if not chosen.name:
        return ""
    asked = [one for one in uv_value_features if one != COLOUR]
    features = list_words([names.label(one) for one in asked])
    other = f"; what {names.uv} adds is asked of {features}" if set(asked) - {chosen.name} else ""
    return (
        f"Learnt numbers here are those of the variant {names.label(chosen.name)}, {chosen.how}{other}. The "
        "appendix has every variant and baseline."
    )


def _kept_validation(history: pd.DataFrame) -> tuple[float, float]:
    """The kept epoch's validation recall@1, then P(match above another); -1 where they were not measured."""
    columns = ["validation_recall_at_1", "validation_match_above_other"]
    kept = history.loc[history["is_kept"].astype(bool), columns].fillna(-1.0)
    recall, match = kept.to_numpy(dtype=float)[-1] if len(kept) else _UNMEASURED
    return float(recall), float(match)


def vectors(table: pd.DataFrame) -> NDArray[np.float32]:
    """(rows, D): the columns x1 … xD of an embedding table, in numeric order."""
    columns = sorted(
        (c for c in table.columns if re.fullmatch(r"x\d+", str(c))), key=lambda c: int(str(c)[1:])
    )
    return table[columns].to_numpy(dtype=np.float32)


def unit_vectors(table: pd.DataFrame) -> NDArray[np.float32]:
    """(rows, D): `vectors` at length 1; a row of zeros stays so."""
    values = vectors(table)
    unit: NDArray[np.float32] = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return unit


def subsample(table: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """The rows of at most `most` captures, chosen by seed, in the table's order."""
    captures = table["capture_id"].unique()
    if len(captures) <= most:
        return table
    chosen = np.random.default_rng(seed).choice(len(captures), size=most, replace=False)
    return table[table["capture_id"].isin(captures[chosen])]


def paired_projections(projections: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of RGB and UV of the same held-out captures, in one order; of all captures if none was."""
    held_out = projections[projections["partition"] == "test"] if "partition" in projections else projections
    shown = held_out if len(held_out) else projections
    rgb, uv = (shown[shown["modality"] == modality] for modality in ("rgb", "uv"))
    shared = rgb["capture_id"][rgb["capture_id"].isin(uv["capture_id"])]
    tables = (table.set_index("capture_id").loc[shared].reset_index() for table in (rgb, uv))
    first, second = tables
    return first, second


def one_view(
    chosen: ChosenVariant, specimen_index: pd.DataFrame, names: ModalityNames
) -> tuple[pd.DataFrame, str]:
    """Projections of one capture per specimen, and which variant and view they are, for a caption."""
    if not chosen.name:
        return chosen.projections, ""
    shown = first_captures(chosen.projections, specimen_index)
    which = f"Variant {names.label(chosen.name)}. "
    view = known_views(specimen_index)[shown["capture_id"].iloc[0]] if len(shown) else ""
    return shown, f"{which}View {view}. " if view else which


def labels_of(specimen_index: pd.DataFrame, label: str) -> pd.Series:
    """The label by capture_id; empty where the study has no such label."""
    if label not in specimen_index:
        return pd.Series(dtype=object)
    return specimen_index.set_index("capture_id")[label]
