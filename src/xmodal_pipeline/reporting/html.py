"""The report: one HTML file that holds its figures, tables and explorer and asks the network for nothing."""

import base64
import datetime
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any, Final

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from xmodal_pipeline.reporting import report_tables as pages
from xmodal_pipeline.reporting.content import ReportFigure, ReportTables
from xmodal_pipeline.reporting.difference_table import tabulate_gains
from xmodal_pipeline.reporting.explorer import Explorer
from xmodal_pipeline.reporting.label_tables import (
    tabulate_balance,
    tabulate_confounding,
    tabulate_information,
    tabulate_tips,
)
from xmodal_pipeline.reporting.methods import count_classes, write_methods
from xmodal_pipeline.reporting.predictability_table import explain_predictability, tabulate_predictability
from xmodal_pipeline.reporting.probe_tables import (
    tabulate_claims,
    tabulate_controls,
    tabulate_differences,
    tabulate_improvements,
    tabulate_nearest,
    tabulate_test_only,
)
from xmodal_pipeline.reporting.provenance import hash_captures, package_versions
from xmodal_pipeline.reporting.report_tables import PageTable
from xmodal_pipeline.reporting.retrieval_tables import tabulate_galleries
from xmodal_pipeline.reporting.selection import choose_variant
from xmodal_pipeline.reporting.sentences import (
    Finding,
    find_alignment,
    find_differences,
    find_gains,
    find_retrieval,
    find_uv_value,
)

MAX_BYTES: Final = 25 * 1024 * 1024
"""What mail servers and reviewers' systems still take."""


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything that goes into the file."""

    tables: ReportTables
    figures: Sequence[ReportFigure] = ()
    explorer: Explorer | None = None
    explorer_reason: str = "no coordinates were computed"
    """Why there is no explorer, where there is none."""


@dataclass(frozen=True)
class Section:
    """One numbered part of the page; with nothing in it, its reasons stand alone."""

    key: str
    title: str
    lead: str = ""
    figures: tuple[dict[str, Any], ...] = ()
    tables: tuple[PageTable, ...] = ()
    reasons: tuple[str, ...] = ()
    is_learnt: bool = False
    """Shows what depends on the seed of a training run, without its spread between seeds."""
    is_colour: bool = False
    """Makes a claim about colour."""
    is_evaluated: bool = False
    """Its numbers depend on the evaluation protocol, which stands above them."""


def build_report(content: ReportContent) -> str:
    """The whole report as one HTML file.

    Args:
        content: tables, figures and explorer.

    Returns:
        HTML that loads nothing; a content security policy forbids it to.

    Raises:
        ValueError: if the file would exceed 25 MB.
    """
    tables = content.tables
    claims, others = _split_findings(tables)
    page = _template("report.html").render(
        title=_title(tables),
        study=tables.parameters.study,
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        css=_asset("report.css"),
        claims=claims,
        others=others,
        counts=_count(tables),
        variant=tables.names.label(choose_variant(tables) or ""),
        sections=_sections(content),
        explorer=_explorer_context(content.explorer),
        explorer_reason=tables.names.rename(content.explorer_reason),
        methods=write_methods(tables),
        settings=(pages.tabulate_parameters(tables), _versions(tables)),
        protocol=_protocol(tables),
        seeds=tables.seeds,
        is_one_seed=tables.is_one_seed,
        most_seeds=tables.spread.most_seeds,
        is_uncalibrated=tables.colour_units == "uncalibrated",
        caution=tables.calibration_caution,
        names=tables.names,
    )
    return _checked(page)


def build_explorer(explorer: Explorer, *, title: str) -> str:
    """The explorer alone, as one HTML file.

    Args:
        explorer: of `make_explorer`.
        title: of the page.

    Returns:
        HTML that loads nothing.

    Raises:
        ValueError: if the file would exceed 25 MB.
    """
    context = _explorer_context(explorer)
    return _checked(
        _template("explorer.html").render(title=title, css=_asset("report.css"), explorer=context)
    )


def _checked(page: str) -> str:
    size = len(page.encode())
    if size > MAX_BYTES:
        raise ValueError(
            f"report: size must be at most {MAX_BYTES} bytes, got {size}; lower reporting.max_points"
        )
    return page


@functools.cache
def _template(name: str) -> jinja2.Template:
    folder = resources.files("xmodal_pipeline.reporting")
    loader = jinja2.FunctionLoader(lambda file: folder.joinpath(file).read_text(encoding="utf-8"))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)


def _asset(name: str) -> Markup:
    """A file of this package that goes into the page as it is."""
    return Markup(resources.files("xmodal_pipeline.reporting").joinpath(name).read_text(encoding="utf-8"))


def _explorer_context(explorer: Explorer | None) -> dict[str, Markup] | None:
    """Data and scripts; `<` is escaped in the data, so that no label can end the script element."""
    if explorer is None:
        return None
    data = json.dumps(explorer.payload, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return {
        "data": Markup(data),
        "plotly": Markup(get_plotlyjs()),
        "script": _asset("report.js"),
    }


def _title(tables: ReportTables) -> str:
    names = tables.names
    return tables.parameters.reporting.title or f"What {names.uv} shows that {names.rgb} does not"


def _split_findings(tables: ReportTables) -> tuple[list[Finding], list[Finding]]:
    names, variant = tables.names, choose_variant(tables)
    found = [
        *find_uv_value(tables.uv_value, names, caution=tables.calibration_caution),
        *find_differences(tables.metrics, names, variant=variant),
        *find_retrieval(tables.comparison, tables.differences, names, variant=variant, spread=tables.spread),
        *find_gains(tables.differences, names, variant=variant),
        *find_alignment(tables.metrics, names, variant=variant),
    ]
    return [f for f in found if f.is_claim], [f for f in found if not f.is_claim]


def _count(tables: ReportTables) -> list[tuple[str, str]]:
    index = tables.specimen_index
    counts = [(str(len(index)), "captures"), (str(index["specimen_id"].nunique()), "specimens")]
    counts += [(text.split(" ", 1)[0], text.split(" ", 1)[1]) for text in count_classes(index)]
    return [*counts, (str(len(tables.rejected_captures)), "rejected")]


def _versions(tables: ReportTables) -> PageTable:
    facts = {
        **package_versions(),
        "seeds of training": ", ".join(map(str, tables.seeds)),
        "seed of the split": str(tables.parameters.split.seed),
        "seed of the evaluation": str(tables.parameters.evaluation.seed),
        "evaluation protocol": tables.parameters.evaluation.protocol,
        "data SHA-256": hash_captures(tables.specimen_index),
    }
    return pages.table_of("Versions, seeds and data", ("What", "Value"), facts.items(), 2)


def _protocol(tables: ReportTables) -> str:
    params = tables.parameters.evaluation
    return (
        f"Protocol {params.protocol}: {params.folds} folds, C from {len(params.c_values)} values in "
        f"{params.inner_folds} inner folds, {params.bootstraps} bootstraps, {params.permutations} "
        f"permutations, {params.reference_permutations} for references and controls."
    )


def _sections(content: ReportContent) -> list[Section]:
    tables = content.tables
    sections = [
        _data_section(tables),
        Section("training", "Training", "How the models learnt, without labels."),
        _retrieval_section(tables),
        _classification_section(tables),
        _uv_value_section(tables),
        Section(
            "umap",
            "Maps",
            "Two-dimensional maps for looking, not for testing: distances between clusters are not evidence.",
            is_learnt=True,
        ),
        _similarity_section(tables),
        _diagnostics_section(tables),
    ]
    return [_with_figures(section, content.figures) for section in sections]


def _with_figures(section: Section, figures: Sequence[ReportFigure]) -> Section:
    """Add the section's figures; those that could not be drawn leave a line."""
    mine = [figure for figure in figures if figure.section == section.key]
    drawn = tuple(_figure_context(figure) for figure in mine if figure.pages)
    missing = tuple(f"{figure.title} not shown: {figure.reason}." for figure in mine if not figure.pages)
    tables = tuple(table for table in section.tables if table.rows)
    reasons = (*section.reasons, *missing)
    if not (drawn or tables or reasons):
        reasons = ("Nothing to show: this study has no such results.",)
    lead = section.lead if drawn or tables else ""
    return replace(section, lead=lead, figures=drawn, tables=tables, reasons=reasons)


def _figure_context(figure: ReportFigure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "title": figure.title,
        "caption": figure.caption,
        "sources": tuple(_source(page) for page in figure.pages),
        "is_narrow": figure.is_narrow,
    }


def _source(page: Mapping[str, bytes]) -> str:
    """The lightest picture of a page as an address that holds it."""
    ending, mime = ("jpg", "jpeg") if "jpg" in page else ("png", "png")
    return f"data:image/{mime};base64,{base64.b64encode(page[ending]).decode()}"


def _data_section(tables: ReportTables) -> Section:
    names = tables.names
    parts = []
    if len(tables.rejected_captures):
        parts.append(pages.tabulate_rejects(tables.rejected_captures, names))
    if "flags" in tables.specimen_index:
        parts.append(pages.tabulate_flags(tables.specimen_index, names))
    if len(tables.registration_qa):
        parts.append(pages.tabulate_registration(tables.registration_qa))
    if len(tables.calibration):
        parts.append(pages.tabulate_calibration(tables.calibration, names))
    if len(tables.quality_report):
        parts.append(pages.tabulate_quality(tables.quality_report, names))
    if len(tables.confounding):
        parts.append(tabulate_confounding(tables.confounding, names))
    if len(tables.class_balance):
        parts.append(tabulate_balance(tables.class_balance, names))
    if len(tables.species_tips):
        parts.append(tabulate_tips(tables.species_tips))
    if len(tables.modality_information):
        parts.append(tabulate_information(tables.modality_information, names))
    lead = "What went in, what was left out and why, and whether the two modalities lie on one another."
    return Section("data", "Data", lead, tables=tuple(parts), is_colour=True)


def _retrieval_section(tables: ReportTables) -> Section:
    names, comparison = tables.names, tables.comparison
    parts: tuple[PageTable, ...] = ()
    if len(comparison):
        parts = (
            pages.tabulate_retrieval(comparison, names, tables.spread),
            tabulate_gains(tables.differences, names, is_retrieval=True),
            tabulate_galleries(comparison, names, tables.spread),
        )
    return Section(
        "retrieval",
        "Retrieval",
        "Can one modality find the other among held-out specimens? This measures identity of the photograph: "
        "outline, pose and species help, so read it beside the baselines.",
        tables=parts,
        reasons=tuple(pages.list_not_applicable(tables.metrics, "retrieval", names)),
        is_learnt=not tables.spread.is_known,
        is_evaluated=True,
    )


def _classification_section(tables: ReportTables) -> Section:
    names, variant = tables.names, choose_variant(tables)
    comparison, metrics, spread = tables.comparison, tables.metrics, tables.spread
    parts = []
    if len(comparison):
        parts = [
            pages.tabulate_classification(comparison, names, spread),
            tabulate_claims(comparison, names, spread),
            tabulate_gains(tables.differences, names, is_retrieval=False),
            tabulate_controls(comparison, names, spread),
            tabulate_test_only(comparison, names, spread),
            tabulate_nearest(comparison, names, spread),
            tabulate_improvements(comparison, names, spread),
        ]
    if variant is not None and variant in metrics:
        parts.append(tabulate_differences(variant, metrics[variant], names, spread))
    return Section(
        "classification",
        "Classification",
        "What linear probes read from each modality. Judge a difference by its own interval, never by one "
        "modality being significant and the other not.",
        tables=tuple(parts),
        reasons=tuple(pages.list_not_applicable(metrics, "classification", names)),
        is_learnt=not spread.is_known,
        is_evaluated=True,
    )


def _uv_value_section(tables: ReportTables) -> Section:
    names = tables.names
    parts = [pages.tabulate_uv_value(tables.uv_value, names)] if len(tables.uv_value) else []
    if "family" in tables.uv_value:
        parts.append(pages.tabulate_exploratory(tables.uv_value, names, is_one_seed=tables.is_one_seed))
    return Section(
        "uv_value",
        f"What {names.uv} adds",
        f"Per species: is there a class difference in {names.uv} beyond what {names.rgb} predicts? The "
        "amount is a squared standardised difference: 0 when nothing linear is added, 1 when the classes lie "
        "one standard deviation apart.",
        tables=tuple(parts),
        is_learnt=tables.parameters.evaluation.uv_value_features != "colour",
        is_colour=True,
        is_evaluated=True,
    )


def _similarity_section(tables: ReportTables) -> Section:
    names = tables.names
    spread = tables.spread
    parts = (
        pages.tabulate_measures(tables.beside_baselines, "alignment", names, spread),
        tabulate_predictability(tables.beside_baselines, names, spread),
        pages.tabulate_measures(tables.beside_baselines, "geometry", names, spread),
    )
    cautions = {
        results["alignment"].get("caution") for results in tables.metrics.values() if "alignment" in results
    }
    reasons = [names.rename(str(caution)) for caution in cautions if caution]
    reasons += [
        line
        for part in ("alignment", "geometry")
        for line in pages.list_not_applicable(tables.metrics, part, names)
    ]
    reasons += explain_predictability(tables.metrics, names)
    return Section(
        "similarity",
        "Similarity and alignment",
        "Do the two modalities order the specimens in the same way, and how much of one does the other "
        "predict?",
        tables=parts,
        reasons=tuple(reasons),
        is_learnt=not spread.is_known,
        is_evaluated=True,
    )


def _diagnostics_section(tables: ReportTables) -> Section:
    if tables.diagnostics.empty:
        return Section("diagnostics", "Diagnostics", reasons=("No diagnostic was raised.",))
    table = pages.tabulate_diagnostics(tables.diagnostics, tables.names)
    return Section(
        "diagnostics", "Diagnostics", "What looked wrong in training, and what to do.", tables=(table,)
    )
