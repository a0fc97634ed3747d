"""The spread between seeds, as it stands beside learnt numbers."""

from collections.abc import Sequence
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
    """Said of a number without a spread."""

    @property
    def is_known(self) -> bool:
        """Whether any number has a spread."""
        return not self._known.empty

    @property
    def most_seeds(self) -> int:
        """The largest number of seeds behind a spread; 0 without one."""
        return int(self._known["n_seeds"].max()) if self.is_known else 0

    @property
    def _known(self) -> pd.DataFrame:
        return self.rows.dropna(subset=["sd"]) if len(self.rows) else self.rows

    def find(self, name: str, task: str, label: str, metric: str) -> tuple[float, int] | None:
        """The standard deviation of one number and the seeds behind it, or None."""
        if not self.is_known:
            return None
        rows = self._known
        mine = rows[(rows[_KEYS] == [name, task, label, metric]).all(axis=1)]
        return None if mine.empty else (float(mine["sd"].iloc[0]), int(mine["n_seeds"].iloc[0]))

    def describe(self, name: str, task: str, label: str, metrics: Sequence[str], digits: int = 2) -> str:
        """`0.03 / 0.02 (5 seeds)`, one number per metric; without any, the words for that."""
        found = [self.find(name, task, label, metric) for metric in metrics]
        seeds = {n for _, n in filter(None, found)}
        if not seeds:
            return self.otherwise
        numbers = " / ".join("–" if one is None else number(one[0], digits) for one in found)
        return f"{numbers} ({' to '.join(map(str, sorted(seeds)))}\u00a0seeds)"

    def beside(self, text: str, key: tuple[str, str, str, str], digits: int = 3) -> str:
        """The number in `text` with its spread behind it, where there is one."""
        found = self.find(*key)
        return text if found is None else f"{text} (SD {number(found[0], digits)})"
