"""What is left of a claim without the flagged captures of its species: in a clause, and in a table."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from xmodal_pipeline.evaluation.schema import COLOUR, UV_CLAIMS
from xmodal_pipeline.reporting.section import PageTable, table_of
from xmodal_pipeline.reporting.uv_value.rows import (
    TEST,
    clear_where,
    rank_uv_value,
    say_features,
    say_where,
    write_error,
)
from xmodal_pipeline.reporting.words import ModalityNames, list_words, with_interval, write_species

_KEYS = [*TEST, "features"]


@dataclass(frozen=True, eq=False)
class Unflagged:
    """Claims measured again without flagged captures.

    Attributes:
        rows: of `uv_value`, those of `specimens` unflagged.
        flagged: the captures of `specimen_index` that carry a flag.
    """

    rows: pd.DataFrame
    flagged: pd.DataFrame

    @classmethod
    def of(cls, uv_value: pd.DataFrame, specimen_index: pd.DataFrame) -> "Unflagged":
        """From the whole table, and all captures."""
        again = uv_value[uv_value["specimens"] == "unflagged"]
        return cls(clear_where(again), specimen_index[specimen_index["flags"].fillna("") != ""])

    def count(self, claim: Any) -> int:
        """Flagged captures of the species and view of a row."""
        if self.flagged.empty:
            return 0
        is_own = self.flagged["species"] == claim.species
        if claim.view and "view" in self.flagged:
            is_own &= self.flagged["view"] == claim.view
        return int(is_own.sum())

    def find(self, claim: Any) -> Any:
        """The row that repeats a claim; None where too few specimens are left of it."""
        is_same = (self.rows[_KEYS] == [getattr(claim, key) for key in _KEYS]).all(axis=1)
        return next(self.rows[is_same].dropna(subset="uv_adds").itertuples(), None)

    def say(self, claim: Any) -> str:
        """`without its 17 flagged captures 9.1 (4.0 to 18.0), still claimed`; empty where it has none."""
        flagged = self.count(claim)
        if not flagged:
            return ""
        again = self.find(claim)
        which = f"without its {flagged} flagged captures" if flagged > 1 else "without its flagged capture"
        which += "" if claim.features == COLOUR else " (same encoder)"
        if again is None:
            return f"{which} too few are left to test"
        amount = f"{again.uv_adds:.1f} ({again.low:.1f} to {again.high:.1f})"
        return f"{which} {amount}, {_stands(again)}"

    def say_others(self, uv_value: pd.DataFrame) -> str:
        """Whether claims about species without a flagged capture stand where those of others are left out."""
        ranked = rank_uv_value(uv_value)
        claims = ranked[ranked["verdict"].isin(UV_CLAIMS) & ~ranked["is_pooled"]]
        others = [claim for claim in claims.itertuples() if not self.count(claim)]
        if self.rows.empty or not others:
            return ""
        again = [(claim, self.find(claim)) for claim in others]
        lost = [
            f"{write_species(str(claim.species))} by {say_features(str(claim.features))}"
            for claim, left in again
            if left is None or left.verdict not in UV_CLAIMS
        ]
        if lost:
            return f"Without any flagged capture no longer claimed elsewhere: {list_words(lost)}."
        return "Without any flagged capture all other claims stand."

    def tabulate(self, uv_value: pd.DataFrame, names: ModalityNames) -> PageTable:
        """Every claim of a species with flagged captures, beside what it is without them."""
        ranked = rank_uv_value(uv_value)
        ranked = ranked.assign(where=say_where(ranked))
        claims = ranked[ranked["verdict"].isin(UV_CLAIMS) & ~ranked["is_pooled"]]
        rows: list[tuple[str, ...]] = []
        claim: Any
        for claim in claims.itertuples():
            if not self.count(claim):
                continue
            again = self.find(claim)
            left = ("too few", "", "", "cannot be tested")
            if again is not None:
                n = f"{again.n_1:.0f} + {again.n_2:.0f}"
                amount = with_interval(again.uv_adds, again.low, again.high)
                left = (n, amount, write_error(again), _stands(again))
            rows.append(
                (
                    write_species(str(claim.species)),
                    str(claim.where),
                    say_features(str(claim.features)),
                    str(self.count(claim)),
                    with_interval(claim.uv_adds, claim.low, claim.high),
                    *left,
                )
            )
        return table_of(
            "Claims without the flagged captures of their species",
            ("Species", "Label", "By", "Flagged", f"{names.uv} adds, all", "n left", "Without", "", "Claim"),
            rows,
            3,
            note="The same test and correction on captures without any flag; exploratory.",
            last_is_text=True,
            source="uv_value_csv",
        )


def _stands(again: Any) -> str:
    return "still claimed" if again.verdict in UV_CLAIMS else "no longer claimed"
