"""The spread between seeds, as it stands beside learnt numbers."""

import functools
from dataclasses import dataclass
from typing import Final

import pandas as pd

from xmodal_pipeline.reporting.names import number

ONE_SEED: Final = "one seed: exploratory"
"""What stands beside a learnt number whose spread is not known."""
_KEYS: Final = ["name", "task", "label", "metric"]


@dataclass(frozen=True, eq=False)
class SeedSpread:
    """Standard deviations over trainings that differ in their seed alone, of the pipeline `ablation`."""

    rows: pd.DataFrame
    """`name, task, label, metric, sd, n_seeds`; empty where only one seed was trained."""
    otherwise: str = ONE_SEED
    """Said of a variant without a spread; empty where its numbers come from several seeds."""

    @property
    def is_known(self) -> bool:
        """Whether any number has a spread."""
        return bool(self._known)

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

    def find(self, name: str, task: str, label: str, metric: str) -> tuple[float, int] | None:
        """The standard deviation of one number and the seeds behind it, or None."""
        return self._known.get((name, task, label, metric))

    def beside(self, text: str, key: tuple[str, str, str, str], digits: int = 2) -> str:
        """The number in `text` with its spread behind it, where there is one."""
        found = self.find(*key)
        return text if found is None else f"{text}, SD {number(found[0], digits)}"

    def mark(self, variant: str) -> str:
        """What stands behind a variant's name: nothing where its spread is known, or that of none is."""
        is_marked = self.is_known and all(name != variant for name, *_ in self._known)
        return f" ({self.otherwise})" if is_marked and self.otherwise else ""
