"""Labels that disagree between the captures of one specimen, which is left out of them and no other."""

from dataclasses import dataclass

import pandas as pd

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.columns import column_kind

_TRAITS = ("species", "sex", "clade")
"""Of a specimen, however many of them disagree."""
_OF_CAPTURES = ("view",)


@dataclass(frozen=True)
class Disagreement:
    """A label of which the captures of some specimens say different classes."""

    label: str
    specimens: dict[str, tuple[str, ...]]
    """Their classes, by specimen."""

    def describe(self) -> str:
        """The label with its specimens; one line."""
        shown = [f"{name} ({', '.join(classes)})" for name, classes in list(self.specimens.items())[:5]]
        more = f" and {len(self.specimens) - 5} more" if len(self.specimens) > 5 else ""
        return f"{self.label} disagrees between captures of {', '.join(shown)}{more}: unlabelled there"


def settle_labels(
    captures: pd.DataFrame, labels: list[str], specimens: SpecimensParams
) -> tuple[pd.DataFrame, tuple[Disagreement, ...]]:
    """Make each label one class per specimen, or missing where its captures disagree.

    Species, sex, clade and `specimens.label` belong to the specimen. Another label does where it is one
    class in at least half of the specimens with several labelled captures; else it describes captures, as
    `view` and what calibrates or confounds do, and stays as it is.

    Args:
        captures: with `specimen_id`, `flags` and labels.
        labels: the columns that are labels.
        specimens: which labels are of captures, and which one the study is about.

    Returns:
        The captures, those concerned flagged LABELS_DISAGREE; and what disagreed.
    """
    of_captures = {*_OF_CAPTURES, *specimens.confounders, specimens.calibrate_by}
    traits = {*_TRAITS, specimens.label}
    settled, flags = captures.copy(), captures["flags"].astype(object)
    found: list[Disagreement] = []
    for label in labels:
        if label in of_captures or column_kind(captures[label], label) not in ("classes", "text"):
            continue
        known = captures.dropna(subset=label).groupby("specimen_id")[label]
        n_classes, n_captures = known.nunique(), known.size()
        differing = n_classes.index[n_classes > 1]
        is_trait = label in traits or 2 * len(differing) <= int((n_captures > 1).sum())
        if not len(differing) or not is_trait:
            continue
        is_concerned = captures["specimen_id"].isin(differing)
        settled.loc[is_concerned, label] = pd.NA
        flags = flags.where(~is_concerned, flags.map(_flagged))
        classes = {str(name): tuple(map(str, known.get_group(name).unique())) for name in differing}
        found.append(Disagreement(label, classes))
    return settled.assign(flags=flags), tuple(found)


def _flagged(flags: str) -> str:
    codes = [code for code in flags.split(";") if code]
    code = CaptureCode.LABELS_DISAGREE.value
    return ";".join(codes if code in codes else [*codes, code])
