"""Which specimens train, validate and test."""

import numpy as np
import pandas as pd

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.params.split import SplitParams

PARTITIONS = ("train", "validation", "test")


def assign_partitions(specimen_index: pd.DataFrame, params: SplitParams) -> pd.DataFrame:
    """Divide specimens (never captures) into train, validation and test.

    Specimens are shuffled within each class of `params.stratify`, so that every class keeps the shares
    as nearly as its size allows. With `params.held_out`, whole classes of that label go to one
    partition instead.

    Returns:
        `specimen_id, partition`, one row per specimen, in order of first appearance.

    Raises:
        RunStoppedError: if `held_out` is not a label, or a partition would be empty.
    """
    specimens = specimen_index.drop_duplicates("specimen_id").reset_index(drop=True)
    if params.held_out is not None and params.held_out not in specimens:
        raise RunStoppedError(
            f"split.held_out: must be a label of the study, got '{params.held_out}'; "
            f"the labels are {sorted(set(specimens.columns))}"
        )
    rng = np.random.default_rng(params.seed)
    units = specimens[params.held_out].fillna("") if params.held_out else specimens["specimen_id"]
    strata = (
        specimens[params.stratify].fillna("") if params.stratify in specimens else pd.Series("", units.index)
    )
    if params.held_out:
        strata = pd.Series("", units.index)
    partition = _deal(units, strata, params, rng)
    table = pd.DataFrame({"specimen_id": specimens["specimen_id"], "partition": partition})
    missing = set(PARTITIONS) - set(table["partition"])
    if missing:
        raise RunStoppedError(
            f"split: every partition must get a specimen, got none in {sorted(missing)} of {len(table)} "
            f"specimens; add specimens or raise the share of {sorted(missing)[0]}"
        )
    return table


def _deal(units: pd.Series, strata: pd.Series, params: SplitParams, rng: np.random.Generator) -> list[str]:
    """Deal units out stratum by stratum, each to the partition that is furthest behind its share.

    Error diffusion: after any number of units each partition is within one of its share, so small
    strata are balanced against one another instead of all rounding the same way.
    """
    first = pd.DataFrame({"unit": units, "stratum": strata}).drop_duplicates("unit")
    order = first.iloc[rng.permutation(len(first))].sort_values("stratum", kind="stable")["unit"]
    shares = np.array([getattr(params, name) for name in PARTITIONS])
    counts = np.zeros(len(PARTITIONS))
    dealt: dict[str, str] = {}
    for n, unit in enumerate(order, start=1):
        behind = int(np.argmax(shares * n - counts))
        counts[behind] += 1
        dealt[unit] = PARTITIONS[behind]
    return [dealt[unit] for unit in units]
