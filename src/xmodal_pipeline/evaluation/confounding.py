"""Does a label go together with a nuisance, such as the session it was photographed in?"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.errors import Trouble
from xmodal_pipeline.evaluation.permutation import permutation_p
from xmodal_pipeline.evaluation.schema import ALPHA
from xmodal_pipeline.evaluation.specimen_tables import SPECIES, specimen_labels
from xmodal_pipeline.specimens.columns import column_kind

Integers = NDArray[np.int64]

logger = logging.getLogger(__name__)

LABEL_CONFOUNDED: Final = Trouble.LABEL_CONFOUNDED.value
"""Code of a label that goes together with a confounder."""
MIN_ASSOCIATION: Final = 0.3
"""Cramér's V, or the root of η², from which on the confounder alone tells two equal classes apart with a
balanced accuracy of (1 + .3) / 2 = .65: where `uv_value` begins to say that a modality separates them."""
COLUMNS: Final = (
    "confounder",
    "label",
    "statistic",
    "value",
    "raw",
    "p",
    "value_within_species",
    "p_within_species",
    "n",
    "code",
    "advice",
)


class Association(NamedTuple):
    """How strongly two columns go together."""

    value: float
    """Cramér's V or η², 0 to 1, without the bias of small tables; NaN where nothing can vary."""
    raw: float
    """The same as it comes."""
    p: float
    """Share of permutations with at least this association."""


def confounding_table(
    index: pd.DataFrame, confounders: Sequence[str], *, permutations: int = 999, seed: int = 0
) -> pd.DataFrame:
    """Association of every confounder with every label; the unit is the specimen.

    Categorical: Cramér's V, without bias as Bergsma (2013). A confounder of more than ten distinct values,
    all numbers: η², without bias as ε². Within species: the same with the sums of χ² (of
    squares) and of their expectations taken over species, so that one species gives the overall formula.

    Args:
        index: `specimen_index`; of a specimen with several captures the first known value counts.
        confounders: its columns to test, against its labels of 2 to 50 classes.
        permutations: behind each p; confounder values are permuted over specimens, or within species.
        seed: of the permutations.

    Returns:
        Rows by confounder and label, columns `COLUMNS`; `statistic` is cramers_v or eta_squared. `code` is
        LABEL_CONFOUNDED where V or the root of η², overall or within species, is at least `MIN_ASSOCIATION`
        with p ≤ .05; `advice` then says what to do.

    References:
        Bergsma (2013) J. Korean Stat. Soc. 42:323; Kelley (1935) PNAS 21:554 for ε².
    """
    labels = specimen_labels(index).drop(columns=list(confounders), errors="ignore")
    values = index.groupby("specimen_id")[list(dict.fromkeys(confounders))].first().reindex(labels.index)
    species = labels[SPECIES] if SPECIES in labels else pd.Series(pd.NA, index=labels.index)
    rows = []
    for confounder in values.columns:
        for label in labels.columns:
            known = pd.DataFrame({"x": values[confounder], "y": labels[label], "stratum": species})
            rows.append(_row(known, confounder, label, permutations, np.random.default_rng(seed)))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for row in table[table["code"] != ""].itertuples():
        logger.warning("%s: %s with %s; %s", row.code, row.label, row.confounder, row.advice)
    return table


def _row(
    known: pd.DataFrame, confounder: str, label: str, permutations: int, rng: np.random.Generator
) -> dict[str, object]:
    known = known.dropna(subset=["x", "y"])
    is_number = column_kind(known["x"], confounder) == "number"
    x = (
        pd.to_numeric(known["x"]).to_numpy(np.float64)
        if is_number
        else pd.factorize(known["x"])[0].astype(np.int64)
    )
    y = pd.factorize(known["y"])[0].astype(np.int64)
    associate = association_of_number if is_number else association_of_classes
    overall = associate(x, y, np.zeros(len(known), np.int64), permutations=permutations, rng=rng)
    within = Association(np.nan, np.nan, np.nan)
    inside = known["stratum"].notna().to_numpy()
    if label != SPECIES and inside.any():
        stratum = pd.factorize(known["stratum"][inside])[0].astype(np.int64)
        within = associate(x[inside], y[inside], stratum, permutations=permutations, rng=rng)
    advice = _advise(confounder, label, overall, within, is_numeric=is_number)
    return {
        "confounder": confounder,
        "label": label,
        "statistic": "eta_squared" if is_number else "cramers_v",
        "value": overall.value,
        "raw": overall.raw,
        "p": overall.p,
        "value_within_species": within.value,
        "p_within_species": within.p,
        "n": len(known),
        "code": LABEL_CONFOUNDED if advice else "",
        "advice": f"{advice} More in {Trouble.LABEL_CONFOUNDED.page}." if advice else "",
    }


def _is_strong(found: Association, *, is_numeric: bool) -> bool:
    correlation = np.sqrt(found.value) if is_numeric else found.value
    return bool(correlation >= MIN_ASSOCIATION and found.p <= ALPHA)


def _advise(
    confounder: str, label: str, overall: Association, within: Association, *, is_numeric: bool
) -> str:
    """What to do; empty where nothing is to be done."""
    if _is_strong(within, is_numeric=is_numeric):
        grouping = (
            f" It compares equal values only: group {confounder} into classes in the metadata."
            if is_numeric
            else ""
        )
        return (
            f"Within species, {label} goes together with {confounder}: what looks like {label} may be "
            f"{confounder}. Photograph every class of {label} in every {confounder}; until then trust only "
            f"uv_value, which compares within each {confounder} and says too_few where none holds both."
            + grouping
        )
    if not _is_strong(overall, is_numeric=is_numeric):
        return ""
    if label == SPECIES:
        return (
            f"Species differ in {confounder}: numbers about species may be about {confounder}. Photograph "
            f"every species in every {confounder}, or compare within species."
        )
    return f"Over all species {label} goes together with {confounder}: read {label} within species only."


def association_of_classes(
    x: NDArray[Any], y: Integers, strata: Integers, *, permutations: int, rng: np.random.Generator
) -> Association:
    """Cramér's V of two classifications, over strata.

    Args:
        x: (n,) codes; these are permuted within strata.
        y: (n,) codes.
        strata: (n,) codes; all equal for the ordinary V.
        permutations: behind p.
        rng: of the permutations.
    """
    n = np.bincount(strata)
    x_local, x_classes = _codes_within(x, strata)
    y_local, y_classes = _codes_within(y, strata)
    start = np.cumsum(x_classes * y_classes) - x_classes * y_classes
    base = start[strata] + y_local
    width = y_classes[strata]
    x_count, y_count = (_sizes(codes, strata) for codes in (x_local, y_local))

    def chi_square(order: Integers) -> float:
        cell = base + x_local[order] * width
        observed = np.bincount(cell)[cell]
        # x_count moves with x; y_count and n stay.
        return float((observed * n[strata] / (x_count[order] * y_count)).sum() - len(x))

    least = np.minimum(x_classes, y_classes) - 1
    if not len(x) or not least.any():
        return Association(np.nan, np.nan, np.nan)
    after_first = np.maximum(n - 1, 1)
    bias = n * (x_classes - 1) * (y_classes - 1) / after_first
    shrunk = [(k - 1) - (k - 1) ** 2 / after_first for k in (x_classes, y_classes)]
    room = float((n * np.minimum(*shrunk)).sum())
    found = chi_square(np.arange(len(x)))
    value = np.sqrt(max(found - float(bias.sum()), 0.0) / room) if room > 0 else np.nan
    raw = np.sqrt(found / float((n * least).sum()))
    return Association(float(value), float(raw), _permutation_p(chi_square, found, strata, permutations, rng))


def association_of_number(
    x: NDArray[Any], y: Integers, strata: Integers, *, permutations: int, rng: np.random.Generator
) -> Association:
    """η² of a number over classes, over strata.

    Args:
        x: (n,) numbers; these are permuted within strata.
        y: (n,) codes.
        strata: (n,) codes; all equal for the ordinary η².
        permutations: behind p.
        rng: of the permutations.
    """
    n = np.bincount(strata)
    centred = x - (np.bincount(strata, x) / np.maximum(n, 1))[strata]
    y_local, classes = _codes_within(y, strata)
    group = (np.cumsum(classes) - classes)[strata] + y_local
    sizes = np.bincount(group)
    total = np.bincount(strata, centred**2)

    def between(order: Integers) -> float:
        return float((np.bincount(group, centred[order]) ** 2 / sizes).sum())

    share = (classes - 1) / np.maximum(n - 1, 1)
    room = float((total * (1 - share)).sum())
    if not len(x) or not ((classes > 1) & (total > 0)).any():
        return Association(np.nan, np.nan, np.nan)
    found = between(np.arange(len(x)))
    value = max(found - float((total * share).sum()), 0.0) / room if room > 0 else np.nan
    raw = found / float(total.sum())
    return Association(value, raw, _permutation_p(between, found, strata, permutations, rng))


def _permutation_p(
    statistic: Callable[[Integers], float],
    found: float,
    strata: Integers,
    permutations: int,
    rng: np.random.Generator,
) -> float:
    """(1 + permutations with at least the statistic) / (1 + permutations), values permuted within strata."""
    places = np.argsort(strata, kind="stable")
    order = np.empty(len(strata), np.int64)
    permuted = np.empty(permutations)
    for i in range(permutations):
        order[places] = np.lexsort((rng.random(len(strata)), strata))
        permuted[i] = statistic(order)
    # Sums in another order differ in the last digits: ties must count as ties.
    return permutation_p(found, permuted, slack=1e-9 * max(abs(found), 1.0))


def _codes_within(values: Integers, strata: Integers) -> tuple[Integers, Integers]:
    """Codes from 0 within each stratum, and how many classes each stratum has."""
    span = int(values.max(initial=0)) + 1
    pairs, code = np.unique(strata * span + values, return_inverse=True)
    classes = np.bincount(pairs // span, minlength=int(strata.max(initial=-1)) + 1)
    return code - (np.cumsum(classes) - classes)[strata], classes


def _sizes(local: Integers, strata: Integers) -> Integers:
    """Of each row, how many rows of its stratum share its class."""
    span = int(local.max(initial=0)) + 1
    cell = strata * span + local
    sizes: Integers = np.bincount(cell)[cell]
    return sizes
