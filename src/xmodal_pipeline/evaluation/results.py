"""What a measurement leaves: numbers with what they are read against, and what each specimen adds to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from xmodal_pipeline.evaluation.schema import COMPARISON_COLUMNS, COMPARISON_NUMBERS

Cell = dict[str, Any]
"""An entry of `metrics`: numbers, or the reason why there is none."""


def not_applicable(reason: str) -> Cell:
    """What stands where a number does not apply or cannot be computed."""
    return {"not_applicable": reason}


def too_few(found: str) -> Cell:
    """The reason `too few`, with what was found: a table shows n, never a number that n cannot carry."""
    return not_applicable(f"too few: {found}")


@dataclass(frozen=True, kw_only=True)
class Number:
    """A row of `comparison`, an entry of `metrics`; without a value there is a text or a reason.

    The fields are those of `schema.COMPARISON_COLUMNS`; `interval` is low and high.
    """

    task: str
    metric: str = ""
    value: float | None = None
    interval: Sequence[float] | None = None
    n: int | None = None
    chance: float | None = None
    p: float | None = None
    label: str = ""
    source: str = ""
    direction: str = ""
    k: int | None = None
    stratum: str = ""
    text: str = ""
    reason: str = ""

    @property
    def cell(self) -> float | Cell | None:
        """The value, or {"not_applicable": reason}."""
        return not_applicable(self.reason) if self.reason else self.value


@dataclass(frozen=True, kw_only=True, eq=False)
class Contribution:
    """What each specimen adds to one number of a model: by these, models are compared."""

    task: str
    label: str
    metric: str
    source: str
    """What was measured: a source, or `rgb+uv` in retrieval."""
    specimens: NDArray[Any]
    """(specimens,) that have a part in the number, each once."""
    values: NDArray[np.float64]
    """(specimens,): they add up to the number."""
    strata: NDArray[np.int64]
    """(specimens,): what resamples keep, such as the class."""
    folds: int = 0
    """Of the cross-fit behind it; 0 where nothing was fitted."""


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a model's results, such as its retrieval."""

    cells: dict[str, Any]
    """As in `metrics`: what the public function of that name returns, and more."""
    numbers: list[Number]
    contributions: list[Contribution] = field(default_factory=list)


def lack(task: str, cell: Cell) -> Part:
    """A part that does not apply: one row with the reason."""
    return Part(cell, [Number(task=task, **read_cell(cell))])


def read_cell(cell: float | Cell) -> dict[str, Any]:
    """A cell as the value or the reason of a `Number`."""
    return {"reason": cell["not_applicable"]} if isinstance(cell, dict) else {"value": cell}


def plain_numbers(task: str, cells: Mapping[str, float | Cell], n: int, label: str = "") -> list[Number]:
    """Cells without chance or interval, by metric."""
    return [
        Number(task=task, metric=metric, n=n, label=label, **read_cell(cell))
        for metric, cell in cells.items()
    ]


def entries(numbers: Iterable[Number]) -> dict[str, Any]:
    """As public functions return them: the metric, with `_ci` and `_p` where it has these."""
    result: dict[str, Any] = {}
    for one in numbers:
        if one.reason:
            result |= missing_entries([one.metric], one.reason)
            continue
        result[one.metric] = one.value
        if one.interval is not None:
            result[f"{one.metric}_ci"] = list(one.interval)
        if one.p is not None:
            result[f"{one.metric}_p"] = one.p
    return result


def missing_entries(metrics: Iterable[str], reason: str) -> dict[str, Any]:
    """The entries of metrics that do not apply."""
    names = [f"{metric}{ending}" for metric in metrics for ending in ("", "_ci")]
    return dict.fromkeys(names, not_applicable(reason))


def tabulate_numbers(numbers: Iterable[Number], *, protocol: str, kind: str, name: str = "") -> pd.DataFrame:
    """Rows of `comparison`, in the order of the numbers.

    Args:
        numbers: of one model.
        protocol: name of the evaluation protocol.
        kind: variant or baseline.
        name: of the model, if it is known yet.
    """
    shared = {"name": name, "kind": kind, "protocol": protocol}
    rows = []
    for one in numbers:
        low, high = one.interval or (None, None)
        rows.append(asdict(one) | shared | {"low": low, "high": high})
    table = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
    return table.astype(dict.fromkeys(COMPARISON_NUMBERS, "float64") | {"k": "Int64"})


def tabulate_contributions(
    found: Sequence[Contribution], specimens: NDArray[Any], *, name: str = ""
) -> pd.DataFrame:
    """A row per number and specimen: what the specimen adds to the number.

    Args:
        found: of one model.
        specimens: ids of all specimens of the study, sorted.
        name: of the model, if it is known yet.

    Returns:
        `name, task, label, metric, source, specimen_id, value, stratum, folds`. Words are categories: at
        100,000 specimens a word per row would be most of the memory.
    """
    sizes = [len(one.values) for one in found]
    words = {"name": [name] * len(found)} | {
        column: [getattr(one, column) for one in found] for column in ("task", "label", "metric", "source")
    }
    coded = {column: pd.factorize(np.array(each, object)) for column, each in words.items()}
    places = [np.searchsorted(specimens, one.specimens) for one in found]
    return pd.DataFrame(
        {
            **{column: _categories(codes.repeat(sizes), known) for column, (codes, known) in coded.items()},
            "specimen_id": _categories(_joined(places, np.int32), specimens),
            "value": _joined([one.values for one in found], np.float64),
            "stratum": _joined([one.strata for one in found], np.int32),
            "folds": np.array([one.folds for one in found], np.int16).repeat(sizes),
        }
    )


def stack_contributions(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of `tabulate_contributions` one below the other; words stay categories."""
    return pd.DataFrame(
        {
            name: union_categoricals([table[name] for table in tables])
            if isinstance(tables[0][name].dtype, pd.CategoricalDtype)
            else pd.concat([table[name] for table in tables], ignore_index=True)
            for name in tables[0]
        }
    )


def _categories(codes: NDArray[Any], words: NDArray[Any]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, pd.Index(words, dtype=object))


def _joined(parts: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype, copy=False)
