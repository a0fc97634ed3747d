"""How the numbers of the tidy tables are written: with interval, n, and the spread between seeds."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import ONE_MODALITY
from xmodal_pipeline.reporting.words import MISSING, ModalityNames, number, small, with_interval

ONE_SEED: Final = "one seed: exploratory"
"""What stands beside a learnt number whose spread is not known."""
_KEYS: Final = ["name", "task", "label", "metric", "stratum"]


@dataclass(frozen=True, eq=False)
class SeedSpread:
    """Standard deviations over trainings that differ in their seed alone, of the pipeline `ablation`."""

    rows: pd.DataFrame
    """`name, task, label, metric, stratum, sd, n_seeds`; empty where only one seed was trained."""

    @property
    def is_known(self) -> bool:
        """Whether any number has a spread."""
        return bool(self._known)

    @property
    def tags(self) -> tuple[str, ...]:
        """What stands beside the title of a section of learnt numbers."""
        return () if self.is_known else (ONE_SEED,)

    @property
    def most_seeds(self) -> int:
        """The largest number of seeds behind a spread; 0 without one."""
        return max((seeds for _, seeds in self._known.values()), default=0)

    @functools.cached_property
    def _known(self) -> dict[tuple[str, ...], tuple[float, int]]:
        if self.rows.empty:
            return {}
        rows = self.rows.dropna(subset=["sd"]).drop_duplicates(_KEYS)
        keys = rows[_KEYS].astype(str).itertuples(index=False, name=None)
        return dict(zip(keys, zip(rows["sd"], rows["n_seeds"], strict=True), strict=True))

    def find(self, row: Any) -> tuple[float, int] | None:
        """The standard deviation of a row of `comparison` and the seeds behind it, or None."""
        return self._known.get(tuple(str(getattr(row, key)) for key in _KEYS))

    def beside(self, text: str, row: Any, digits: int = 2) -> str:
        """The number in `text` with its spread behind it, where there is one."""
        found = self.find(row)
        return text if found is None else f"{text}, SD {number(found[0], digits)}"

    def mark(self, variant: str) -> str:
        """What stands behind a variant's name: nothing where its spread is known, or that of none is."""
        is_marked = self.is_known and all(name != variant for name, *_ in self._known)
        return f" ({ONE_SEED})" if is_marked else ""


def write_name(name: str, kind: str, names: ModalityNames, spread: SeedSpread) -> str:
    """A variant, marked where its spread between seeds is missing; a baseline in brackets."""
    return f"{names.model(name)}{spread.mark(name)}" if kind == "variant" else f"[{names.model(name)}]"


def write_value(row: Any, spread: SeedSpread) -> str:
    """The number of a row of the tidy table with its interval and, where it is known, its SD over seeds."""
    return spread.beside(with_interval(row.value, row.low, row.high), row)


def write_known(row: Any, spread: SeedSpread, *, with_p: bool = False) -> str:
    """As `write_value`, and a dash where there is no row or it has no number; the p-value on request."""
    if row is None or pd.isna(row.value):
        return MISSING
    text = write_value(row, spread)
    return f"{text}, p {small(row.p, 3)}" if with_p and pd.notna(row.p) else text


def rows_by(part: pd.DataFrame, column: str) -> dict[Any, Any]:
    """The rows of the tidy table by the value of a column, the first of each."""
    return {getattr(row, column): row for row in part.drop_duplicates(column).itertuples(index=False)}


def by_label(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one label together, labels in the order in which they come."""
    labels = {label: i for i, label in enumerate(rows["label"].unique())}
    return rows.iloc[rows["label"].map(labels).argsort(kind="stable")]


def by_label_and_name(
    rows: pd.DataFrame, names: ModalityNames, spread: SeedSpread
) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Label and name as they are written, with their rows."""
    for (label, name), part in by_label(rows).groupby(["label", "name"], sort=False):
        title = write_name(str(name), str(part["kind"].iloc[0]), names, spread)
        yield (names.rename(str(label)), title), part


def list_reasons(comparison: pd.DataFrame, task: str, names: ModalityNames) -> list[str]:
    """What could not be computed, a line per reason: of which variants, and which labels or measures.

    That a model of one modality has nothing across both goes without saying.
    """
    rows = comparison[(comparison["task"] == task) & (comparison["kind"] == "variant")]
    rows = rows[~rows["reason"].str.startswith(ONE_MODALITY)]
    rows = rows[(rows["reason"] != "") & (rows["stratum"] == "")]
    what = rows["label"].where(rows["label"] != "", rows["metric"])
    names_of: dict[tuple[str, str], dict[str, None]] = {}
    for name, subject, reason in zip(rows["name"], what, rows["reason"], strict=True):
        names_of.setdefault((str(subject), str(reason)), {})[names.model(str(name))] = None
    subjects_of: dict[tuple[str, str], list[str]] = {}
    for (subject, reason), who in names_of.items():
        subjects = subjects_of.setdefault((", ".join(who), reason), [])
        subjects += [names.label(subject)] if subject else []
    return [
        f"{' of '.join(filter(None, (', '.join(subjects), who)))}: {names.rename(reason)}"
        for (who, reason), subjects in subjects_of.items()
    ]
