"""How much of one modality the other predicts, as a table."""

from collections.abc import Mapping
from typing import Any, Final

from xmodal_pipeline.reporting.names import ModalityNames, number
from xmodal_pipeline.reporting.report_tables import PageTable, table_of
from xmodal_pipeline.reporting.seeds import SeedSpread

_TARGETS: Final = {"r2_uv_given_rgb": ("uv", "rgb"), "r2_rgb_given_uv": ("rgb", "uv")}
_MEASURES: Final = ("within", "repeatability", "within_corrected", "between")


def tabulate_predictability(
    metrics: Mapping[str, Mapping[str, Any]], names: ModalityNames, spread: SeedSpread
) -> PageTable:
    """A row per variant and direction; those without any number are left out."""
    rows = []
    for variant, results in metrics.items():
        part = results.get("predictability", {})
        for target, (sought, given) in _TARGETS.items():
            measured = part.get(target)
            if not isinstance(measured, Mapping) or not _has_number(measured):
                continue
            shown = [
                spread.beside(_write(measured.get(measure)), (variant, "predictability", target, measure))
                for measure in _MEASURES
            ]
            counts = (str(part.get("n", "–")), str(part.get("n_species", "–")))
            what = f"{names.label(sought)} from {names.label(given)}"
            rows.append((f"{names.label(variant)}{spread.mark(variant)}", what, *shown, *counts))
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
    )


def explain_predictability(metrics: Mapping[str, Mapping[str, Any]], names: ModalityNames) -> list[str]:
    """Why variants with both modalities have no predictability at all, a line per reason."""
    reasons: dict[str, list[str]] = {}
    for variant, results in metrics.items():
        part = results.get("predictability", {})
        measured = [part[target] for target in _TARGETS if isinstance(part.get(target), Mapping)]
        if measured and not any(_has_number(one) for one in measured):
            reason = "; ".join(
                dict.fromkeys(_reason(one[m]) for one in measured for m in ("within", "between"))
            )
            reasons.setdefault(reason, []).append(names.label(variant))
    return [f"Predictability of {', '.join(who)}: {reason}." for reason, who in reasons.items()]


def _has_number(measured: Mapping[str, Any]) -> bool:
    return any(isinstance(measured.get(measure), float) for measure in _MEASURES)


def _reason(cell: Any) -> str:
    return str(cell.get("not_applicable", "")) if isinstance(cell, Mapping) else ""


def _write(cell: Any) -> str:
    if isinstance(cell, float):
        return number(cell)
    return "too few" if _reason(cell).startswith("too few") else "–"
