"""In which classes flags are more frequent than elsewhere, by one corrected test per class."""

from collections.abc import Hashable
from typing import NamedTuple

import pandas as pd
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use

from xmodal_pipeline.evaluation.corrections import holm
from xmodal_pipeline.evaluation.schema import ALPHA
from xmodal_pipeline.reporting.words import p_value, write_species
from xmodal_pipeline.specimens.columns import column_kind
from xmodal_pipeline.specimens.discovery import FILE_COLUMNS


class _Class(NamedTuple):
    """Flagged and all specimens of one class, and of the others with that label."""

    code: str
    label: str
    value: Hashable
    flagged: int
    size: int
    others_flagged: int
    others: int

    @property
    def p(self) -> float:
        """Of at least as many flagged specimens in the class, had the flags been dealt at random."""
        flagged = self.flagged + self.others_flagged
        return float(scipy.stats.hypergeom.sf(self.flagged - 1, self.size + self.others, flagged, self.size))


def find_unequal(specimen_index: pd.DataFrame) -> list[str]:
    """Per code and label, the class in which the code is most surely more frequent than in the others.

    Fisher's exact test of every class against the others, over all codes and labels one family (Holm 1979).
    A specimen counts once in a class, flagged where any of its captures there is: what one capture of it has,
    the others tend to have too.
    """
    codes = specimen_index["flags"].fillna("").str.split(";")
    known = [code for code in dict.fromkeys(codes.explode()) if code]
    labels = [
        name
        for name in specimen_index.columns
        if name not in FILE_COLUMNS and column_kind(specimen_index[name], name) == "classes"
    ]
    classes = [
        one for code in known for label in labels for one in _list_classes(specimen_index, codes, code, label)
    ]
    ranked = sorted(zip(holm([one.p for one in classes]), classes, strict=True), key=lambda pair: pair[0])
    best: dict[tuple[str, str], str] = {}
    for p, one in ranked:
        if p <= ALPHA:
            best.setdefault((one.code, one.label), _say(one, float(p)))
    return list(best.values())


def _list_classes(specimen_index: pd.DataFrame, codes: pd.Series, code: str, label: str) -> list[_Class]:
    """Every class of a label that has another beside it."""
    owners = [specimen_index[label], specimen_index["specimen_id"]]
    by_specimen = codes.map(lambda own: code in own).groupby(owners, observed=True).any()
    by_class = by_specimen.groupby(level=label).agg(["sum", "size"]).astype(int)
    n_flagged, n = by_class.sum()
    return [
        _Class(code, label, value, flagged, size, n_flagged - flagged, n - size)
        for value, flagged, size in by_class.itertuples()
        if len(by_class) > 1
    ]


def _say(one: _Class, p: float) -> str:
    which = write_species(str(one.value)) if one.label == "species" else f"{one.label} {one.value}"
    return (
        f"{one.code} is more frequent in {which}: {one.flagged} of {one.size} specimens, "
        f"{one.others_flagged} of {one.others} elsewhere (corrected {p_value(p)})."
    )
