"""The report's tables as plain text cells, ready for a page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from xmodal_pipeline.errors import advise
from xmodal_pipeline.reporting.comparison_rows import SOURCES, classification_rows, retrieval_rows
from xmodal_pipeline.reporting.content import ReportTables
from xmodal_pipeline.reporting.evaluation_figures import VERDICTS, rank_uv_value
from xmodal_pipeline.reporting.names import ModalityNames, number, write_species, write_test
from xmodal_pipeline.reporting.seeds import ONE_SEED, SeedSpread

_MISSING = "–"
_SPECIMENS = {"all": "all", "test": "test only"}
_LONGEST_WORD = 20
"""Longer texts in a result are remarks, not measures."""


@dataclass(frozen=True)
class PageTable:
    """A table with a caption; the first column names the row, `numeric` columns are aligned right."""

    caption: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numeric: frozenset[int] = frozenset()
    note: str = ""
    """How to read it."""
    is_folded: bool = False
    """Shown on demand: long, or of use to few readers."""


def with_interval(value: Any, low: Any, high: Any) -> str:
    """`0.55 (0.43 to 0.67)`; without limits the value alone."""
    if value is None or pd.isna(value):
        return "too few"
    if low is None or pd.isna(low) or pd.isna(high):
        return number(value)
    return f"{number(value)} ({number(low)} to {number(high)})"


def table_of(
    caption: str,
    header: Iterable[str],
    rows: Iterable[Iterable[str]],
    first_numeric: int,
    *,
    note: str = "",
    is_folded: bool = False,
    last_is_text: bool = False,
) -> PageTable:
    """A table whose columns are numbers from `first_numeric` on, but for the last where that is text."""
    names = tuple(header)
    numeric = frozenset(range(first_numeric, len(names) - last_is_text))
    return PageTable(caption, names, [tuple(row) for row in rows], numeric, note, is_folded)


def tabulate_rejects(rejected: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Rejected captures by code, with an example and what to do."""
    rows = [
        (
            str(code),
            names.rename(advise(str(code))),
            names.rename(str(part.iloc[0]["reason"])),
            str(len(part)),
        )
        for code, part in sorted(rejected.groupby("code"), key=lambda item: -len(item[1]))
    ]
    return table_of("Rejected captures by code", ("Code", "What to do", "First reason", "Captures"), rows, 3)


def tabulate_flags(specimen_index: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Captures used but flagged, by code, with what to do."""
    codes = specimen_index["flags"].fillna("").str.split(";").explode()
    counts = codes[codes != ""].value_counts()
    rows = [(str(code), names.rename(advise(str(code))), str(count)) for code, count in counts.items()]
    return table_of("Captures used but flagged", ("Code", "What to do", "Captures"), rows, 2)


def tabulate_registration(registration_qa: pd.DataFrame) -> PageTable:
    """Per status: captures, median and largest shift, median margin and residual."""
    rows = []
    for status, part in registration_qa.groupby("status"):
        shift = (part["dx_px"] ** 2 + part["dy_px"] ** 2) ** 0.5
        sizes = (number(shift.median()), number(shift.max()), number(part["margin"].median(), 3))
        rows.append((str(status), str(len(part)), *sizes, number(part["residual_px"].median())))
    header = (
        "Status",
        "Captures",
        "Median shift (px)",
        "Largest shift (px)",
        "Median margin",
        "Median residual (px)",
    )
    return table_of("Registration", header, rows, 1)


def tabulate_calibration(calibration: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Per band, over the groups of captures: R², residuals, and standards used and left out."""
    rows = []
    for (modality, band), part in calibration.groupby(["modality", "band"], sort=False):
        r2 = part["r2"]
        rows.append(
            (
                f"{names.label(str(modality))} {band}",
                str(len(part)),
                str(int(part["n_used"].sum())),
                str(int(part["n_saturated"].sum())),
                f"{number(r2.min(), 3)} to {number(r2.max(), 3)}",
                number(part["residual_sd"].median(), 3),
                number(part["max_residual"].max(), 3),
                str(int(part["flagged"].sum())),
            )
        )
    header = (
        "Band",
        "Lines",
        "Standards used",
        "Standards saturated",
        "R²",
        "Median residual SD",
        "Largest residual",
        "Flagged lines",
    )
    return table_of("Calibration with grey standards, residuals in units of reflectance", header, rows, 1)


def tabulate_quality(quality_report: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Per band: mean over captures, spread, signal to noise, and captures saturated or out of range."""
    rows = []
    for (modality, band), part in quality_report.groupby(["modality", "band"], sort=False):
        outside = (part["below_zero_share"] > 0) | (part["above_one_share"] > 0)
        rows.append(
            (
                f"{names.label(str(modality))} {band}",
                number(part["mean"].mean(), 3),
                number(part["mean"].std(), 3),
                number(part["snr"].median(), 1),
                str(int((part["saturated_share"] > 0.01).sum())),
                str(int(outside.sum())),
            )
        )
    header = ("Band", "Mean", "SD over captures", "Median SNR", "Saturated captures", "Outside 0 to 1")
    return table_of("Bands inside the mask", header, rows, 1)


def write_name(name: str, kind: str, names: ModalityNames, spread: SeedSpread) -> str:
    """A variant, marked where its spread between seeds is missing; a baseline in brackets."""
    return f"{names.label(name)}{spread.mark(name)}" if kind == "variant" else f"[{names.label(name)}]"


def write_value(row: Any, spread: SeedSpread) -> str:
    """The number of a row of the tidy table with its interval and, where it is known, its SD over seeds."""
    text = with_interval(row.value, row.low, row.high)
    return spread.beside(text, (str(row.name), str(row.task), str(row.label), str(row.metric)))


def rows_of_metrics(part: pd.DataFrame, column: str = "metric") -> dict[Any, Any]:
    """The rows of the tidy table by measure, the first of each."""
    return {getattr(row, column): row for row in part.drop_duplicates(column).itertuples(index=False)}


def tabulate_retrieval(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """Every variant and [baseline]: recall at each k with its interval and spread, chance, n."""
    recall = retrieval_rows(comparison)
    ks = sorted(recall["k"].unique())
    rows = []
    for (name, direction), part in recall.groupby(["name", "direction"], sort=False):
        by_k = rows_of_metrics(part, "k")
        shares = [write_value(by_k[k], spread) if k in by_k else _MISSING for k in ks]
        chance = number(part["chance"].iloc[0], 3)
        title = write_name(str(name), str(part["kind"].iloc[0]), names, spread)
        rows.append((title, names.label(str(direction)), *shares, chance, number(part["n"].max(), 0)))
    columns = ("Name", "Direction", *(f"recall@{k}" for k in ks), f"Chance @{ks[0] if ks else 1}", "n")
    return table_of("Recall with 95 % intervals; baselines in brackets", columns, rows, 2)


def tabulate_classification(comparison: pd.DataFrame, names: ModalityNames, spread: SeedSpread) -> PageTable:
    """Every label, variant and [baseline]: balanced accuracy from each source with its spread, chance, n."""
    accuracy = classification_rows(comparison)
    by_label = accuracy["label"].map({label: i for i, label in enumerate(accuracy["label"].unique())})
    accuracy = accuracy.iloc[by_label.argsort(kind="stable")]
    known = set(accuracy.loc[accuracy["value"].notna(), "source"])
    sources = [source for source in (*SOURCES, "") if source in known]
    rows = []
    for (label, name), part in accuracy.groupby(["label", "name"], sort=False):
        by_source = rows_of_metrics(part, "source")
        missing = "too few" if part["value"].isna().all() else _MISSING
        accuracies = [write_value(by_source[s], spread) if s in by_source else missing for s in sources]
        title = write_name(str(name), str(part["kind"].iloc[0]), names, spread)
        chance, n = number(part["chance"].max()), number(part["n"].max(), 0)
        rows.append((names.rename(str(label)), title, *accuracies, chance, n))
    header = ("Label", "Name", *(names.label(s) or "itself" for s in sources), "Chance", "n")
    return table_of("Balanced accuracy with 95 % intervals; baselines in brackets", header, rows, 2)


def tabulate_uv_value(uv_value: pd.DataFrame, names: ModalityNames) -> PageTable:
    """The primary rows of `uv_value`, ranked."""
    rows = []
    for row in rank_uv_value(uv_value).itertuples():
        aucs = (number(row.auc_rgb), number(row.auc_uv), number(row.auc_both))
        amount = with_interval(row.uv_adds, row.low, row.high)
        n = f"{row.n_1:.0f} + {row.n_2:.0f}"
        errors = (number(row.p, 4), number(row.q, 3))
        rows.append(
            (
                write_species(str(row.species)),
                write_test(row),
                names.label(str(row.verdict)),
                n,
                *aucs,
                amount,
                *errors,
            )
        )
    auc = (f"AUC {names.rgb}", f"AUC {names.uv}", "AUC both")
    header = ("Species", "Label", "Verdict", "n", *auc, f"{names.uv} adds (95 % interval)", "p", "q")
    features = names.rename(" or ".join(rank_uv_value(uv_value)["features"].unique()))
    return table_of(f"What {names.uv} adds to {names.rgb}, measured by {features}", header, rows, 3)


def tabulate_exploratory(uv_value: pd.DataFrame, names: ModalityNames, *, is_one_seed: bool) -> PageTable:
    """Verdicts of `uv_value` per set of features other than the primary one, counted over species."""
    rows = uv_value[uv_value["family"] != "primary"].reset_index(drop=True)
    if "scope" in rows:
        rows = rows[rows["scope"] == "species"]
    of = rows["specimens"] if "specimens" in rows else pd.Series("all", index=rows.index)
    table = []
    for (features, which), part in rows.groupby(["features", of], sort=False):
        counts = part["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)
        table.append((names.label(str(features)), _SPECIMENS[str(which)], *map(str, counts)))
    header = ("Features", "Specimens", *map(names.label, VERDICTS))
    caption = "Exploratory: verdicts from learnt features, each set corrected by itself"
    return table_of(
        f"{caption} ({ONE_SEED})" if is_one_seed else caption,
        header,
        table,
        2,
        note="Test only: the same test on the specimens that the encoders never saw, by themselves.",
    )


def tabulate_measures(
    metrics: Mapping[str, Mapping[str, Any]], part: str, names: ModalityNames, spread: SeedSpread
) -> PageTable:
    """Alignment or geometry: one row per measure, one column per variant, with the spread if known."""
    columns = {
        variant: flat
        for variant, results in metrics.items()
        if (flat := _numbers(results.get(part))) and "not_applicable" not in results.get(part, {})
    }
    measures = list(dict.fromkeys(measure for flat in columns.values() for measure in flat))
    rows = [
        (
            names.label(measure),
            *(
                spread.beside(flat[measure], (variant, part, "", measure), digits=3)
                if measure in flat
                else _MISSING
                for variant, flat in columns.items()
            ),
        )
        for measure in measures
    ]
    return table_of(
        part.capitalize(), ("Measure", *(f"{names.label(one)}{spread.mark(one)}" for one in columns)), rows, 1
    )


def _numbers(part: Any, prefix: str = "") -> dict[str, str]:
    """Numbers and words of a possibly nested result, by name; intervals and lists are left out."""
    if not isinstance(part, Mapping):
        return {}
    flat: dict[str, str] = {}
    for key, value in part.items():
        if isinstance(value, Mapping):
            flat |= {} if "not_applicable" in value else _numbers(value, f"{prefix}{key}_")
        elif isinstance(value, str) and len(value) < _LONGEST_WORD:
            flat[f"{prefix}{key}"] = value
        elif isinstance(value, int):
            flat[f"{prefix}{key}"] = str(value)
        elif isinstance(value, float):
            flat[f"{prefix}{key}"] = number(value, 3)
    return flat


def list_not_applicable(
    metrics: Mapping[str, Mapping[str, Any]], part: str, names: ModalityNames
) -> list[str]:
    """What could not be computed, a line per reason: of which variants, and which labels or measures."""
    variants_of: dict[tuple[str, str], list[str]] = {}
    for variant, results in metrics.items():
        found = results.get(part)
        if not isinstance(found, Mapping):
            continue
        parts = {"": found} if "not_applicable" in found else found
        for label, cell in parts.items():
            if isinstance(cell, Mapping) and "not_applicable" in cell:
                key = (label, str(cell["not_applicable"]))
                variants_of.setdefault(key, []).append(names.label(variant))
    labels_of: dict[tuple[str, str], list[str]] = {}
    for (label, reason), variants in variants_of.items():
        labels = labels_of.setdefault((", ".join(variants), reason), [])
        labels += [names.label(label)] if label else []
    return [
        f"{' of '.join(filter(None, (', '.join(labels), who)))}: {names.rename(reason)}"
        for (who, reason), labels in labels_of.items()
    ]


def tabulate_diagnostics(diagnostics: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Coded diagnostics with what to do; whatever columns the table has, in its order."""
    header = [names.label(str(column)).capitalize() for column in diagnostics.columns]
    rows = [[names.rename(str(value)) for value in row] for row in diagnostics.itertuples(index=False)]
    return table_of("Diagnostics", header, rows, len(header))


def tabulate_parameters(tables: ReportTables) -> PageTable:
    """Every parameter with its value; uncalibrated studies without those that only calibration uses."""
    flat = _flatten(tables.parameters.model_dump(mode="json"))
    if tables.colour_units == "uncalibrated":
        flat = {key: value for key, value in flat.items() if "reflectance" not in f"{key} {value}".lower()}
    return table_of("Parameters", ("Parameter", "Value"), flat.items(), 2)


def _flatten(tree: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(tree, dict) and tree:
        return {
            path: value
            for key, part in tree.items()
            for path, value in _flatten(part, f"{prefix}{key}.").items()
        }
    return {prefix.removesuffix("."): "null" if tree is None else str(tree)}
