"""How much of one modality the other predicts: table, and why there is none."""

from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import PREDICTABILITY, TOO_FEW
from xmodal_pipeline.reporting.cells import SeedSpread, rows_by, write_name
from xmodal_pipeline.reporting.section import PageTable, table_of
from xmodal_pipeline.reporting.words import MISSING, ModalityNames, number

_TARGETS: Final = {"r2_uv_given_rgb": ("uv", "rgb"), "r2_rgb_given_uv": ("rgb", "uv")}
_MEASURES: Final = ("within", "repeatability", "within_corrected", "between")


def tabulate_predictability(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """A row per name and direction; those without any number are left out."""
    known = comparison[comparison["task"] == PREDICTABILITY]
    n_species = known[known["metric"] == "n_species"].set_index("name")["value"]
    rows = []
    for (name, target), part in known[known["label"] != ""].groupby(["name", "label"], sort=False):
        if part["value"].isna().all():
            continue
        by_metric = rows_by(part, "metric")
        sought, given = (names.label(modality) for modality in _TARGETS[str(target)])
        rows.append(
            (
                write_name(str(name), str(part["kind"].iloc[0]), names, spread),
                f"{sought} from {given}",
                *(_write(by_metric.get(measure), spread) for measure in _MEASURES),
                number(part["n"].max(), 0),
                number(n_species.get(str(name)), 0),
            )
        )
    header = ("Name", "What", "Within species", "Repeatability", "Within ÷ repeatability", "New species")
    return table_of(
        "Predictability, R² on held-out specimens",
        (*header, "n", "Species"),
        rows,
        2,
        note="Share of the variance of one modality's embedding that ridge regression on the other predicts: "
        "for specimens about the mean of their species, and for the mean of a species not fitted on. 1 is "
        "all of it, 0 or less nothing beyond the mean. Repeatability, from several captures of a specimen, "
        f"is the most that can be expected. What is not predicted is {names.uv}'s own or noise.",
        source="comparison_csv",
    )


def explain_predictability(comparison: pd.DataFrame, names: ModalityNames) -> list[str]:
    """Why variants with both modalities have no predictability at all, a line per reason."""
    is_mine = (comparison["task"] == PREDICTABILITY) & (comparison["kind"] == "variant")
    known = comparison[is_mine & (comparison["label"] != "")]
    reasons: dict[str, list[str]] = {}
    for name, part in known.groupby("name", sort=False):
        if part["value"].isna().all():
            why = part.loc[part["metric"].isin(["within", "between"]), "reason"]
            reasons.setdefault("; ".join(dict.fromkeys(why)), []).append(names.label(str(name)))
    return [f"Predictability of {', '.join(who)}: {reason}." for reason, who in reasons.items()]


def _write(row: Any, spread: SeedSpread) -> str:
    if row is None or pd.isna(row.value):
        return "too few" if row is not None and str(row.reason).startswith(TOO_FEW) else MISSING
    return spread.beside(number(row.value), row)
