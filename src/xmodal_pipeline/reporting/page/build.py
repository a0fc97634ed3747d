"""The report and its appendix: HTML files that hold all they show and ask the network for nothing."""

import base64
import datetime
import functools
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Any, Final, TypeVar

import jinja2
import pandas as pd
from markupsafe import Markup

from xmodal_pipeline.evaluation.specimen_tables import SPECIES
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.dotted import dotted
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.reporting.data.captures import count_classes, count_flags, hash_captures
from xmodal_pipeline.reporting.embeddings import ChosenVariant, say_choice
from xmodal_pipeline.reporting.figure import ReportFigure
from xmodal_pipeline.reporting.files import locate_figure, locate_table
from xmodal_pipeline.reporting.page.prose import Prose
from xmodal_pipeline.reporting.section import Chapter, PageTable, Part, Section, table_of
from xmodal_pipeline.reporting.words import ModalityNames, begin, write_species

MAX_BYTES: Final = 25 * 1024 * 1024
"""What mail servers and reviewers' systems still take."""
_HEADLINES: Final = ("uv_value", "traits", "retrieval")
"""Sections whose answers open the report."""
_METHODS: Final = (
    *("specimens", "rejects", "calibration", "registration", "split"),
    *("training", "choice", "evaluation", "alignment", "uv_value"),
)
"""Subjects of the Methods paragraph in a paper's order; others follow."""
_ERROR_RATE: Final = (
    "Sentences of one kind (which photograph tells a trait; from which it is easier to read; retrieval above "
    "chance; gains over baselines in one task; a common order of specimens) are corrected together: at most "
    "5 % of studies in which there is nothing would read a false one. Of claims on what is added, about one "
    "trait, expect at most 5 % false on average, if the noise stays below that beside each."
)
"""What sentences that claim something may be trusted for."""
_REFERENCES: Final = {
    "Loshchilov & Hutter 2019": "arXiv:1711.05101",
    "Radford et al. 2021": "arXiv:2103.00020",
    "Chen et al. 2020": "arXiv:2002.05709",
    "Dufumier et al. 2025": "arXiv:2409.07402",
    "Mantel 1967": "Cancer Res. 27:209",
    "Freedman & Lane 1983": "J. Bus. Econ. Stat. 1:292",
    "Benjamini & Hochberg 1995": "J. R. Stat. Soc. B 57:289",
    "Westfall & Young 1993": "Resampling-Based Multiple Testing (Wiley)",
}
"""Where each work that a sentence may name is found; those that are named close the paragraph."""
_NOTHING: Final = "Nothing to show: this study has no such results."
_PACKAGES: Final = (
    *("xmodal-pipeline", "kedro", "torch", "lightning", "timm", "kornia", "numpy", "scipy", "pandas"),
    *("scikit-learn", "umap-learn", "matplotlib", "plotly"),
)
_NAMED: Final = ("xmodal-pipeline", "torch", "scikit-learn")
"""Packages that the Methods paragraph names."""
_FOLDER: Final = resources.files("xmodal_pipeline.reporting.page")
T = TypeVar("T")


@dataclass(frozen=True)
class _Picture:
    """A figure as the page shows it."""

    name: str
    title: str
    caption: str
    files: str
    sources: tuple[str, ...]
    narrow_source: str
    """What a phone shows: the single-column version, where it is one page and no photograph."""
    is_narrow: bool


def build_report(
    sections: Sequence[Section],
    *,
    study: Study,
    parameters: Parameters,
    specimen_index: pd.DataFrame,
    rejected: int,
    chosen: ChosenVariant,
) -> str:
    """The report as one HTML file: a first screen, then a section per question.

    Args:
        sections: in reading order, one per key.
        study: whose report it is.
        parameters: of the run; those of the specimens are the study's.
        specimen_index: of the accepted captures.
        rejected: captures.
        chosen: the variant whose learnt numbers it shows.

    Returns:
        HTML that loads nothing; a content security policy forbids it to.

    Raises:
        ValueError: if the file would exceed 25 MB.
    """
    names = ModalityNames.of(study)
    by_key = {section.key: section for section in sections}
    explorers = [section.explorer for section in sections if section.explorer is not None]
    openings = [section.opening for section in sections if section.opening is not None]
    page = _template("report.html").render(
        title=_title(parameters, names),
        study=parameters.study,
        date=_today(),
        css=_asset("report.css"),
        prose=Prose(_species(specimen_index), names),
        counts=_count(specimen_index, rejected),
        flags=[(str(code), int(n)) for code, n in count_flags(specimen_index).items()],
        facts=[fact for section in sections for fact in section.facts],
        headlines=[
            begin(by_key[key].headline) for key in _HEADLINES if key in by_key and by_key[key].headline
        ],
        has_claims=any(map(_has_claims, sections)),
        nothing_added="uv_value" in by_key and not _has_claims(by_key["uv_value"]),
        uv=names.uv,
        opening=_lay_out_figures(openings[:1], parameters.study),
        choice=say_choice(chosen, parameters.evaluation.uv_value_features, names),
        error_rate=_ERROR_RATE,
        protocol=_write_protocol(parameters.evaluation),
        sections=[_lay_out_section(section, parameters.study) for section in sections],
        explorer=_explorer_context(explorers[0]) if explorers else None,
    )
    return _within_limit(page)


def build_appendix(
    sections: Sequence[Section], *, study: Study, parameters: Parameters, specimen_index: pd.DataFrame
) -> str:
    """What few readers ask for as one HTML file: tables of everything, methods, settings.

    Args:
        sections: in reading order, with their chapters.
        study: whose report it is.
        parameters: of the run; those of the specimens are the study's.
        specimen_index: of the accepted captures.

    Returns:
        HTML that loads nothing.

    Raises:
        ValueError: if the file would exceed 25 MB.
    """
    names = ModalityNames.of(study)
    known = parameters.model_copy(update={"specimens": study.settings})
    chapters = [
        _lay_out_chapter(chapter, parameters.study) for section in sections for chapter in section.chapters
    ]
    page = _template("appendix.html").render(
        title=_title(parameters, names),
        study=parameters.study,
        date=_today(),
        css=_asset("report.css"),
        prose=Prose(_species(specimen_index), names),
        chapters=chapters,
        first_evaluated=next((i for i, chapter in enumerate(chapters) if chapter["is_evaluated"]), -1),
        methods=write_methods(sections, specimen_index),
        versions=_tabulate_versions(known, specimen_index),
        settings=_tabulate_parameters(known, with_calibration=study.colour_units != "uncalibrated"),
        protocol=_write_protocol(parameters.evaluation),
    )
    return _within_limit(page)


def _has_claims(section: Section) -> bool:
    return any(finding.is_claim for finding in section.findings)


def _within_limit(page: str) -> str:
    size = len(page.encode())
    if size > MAX_BYTES:
        raise ValueError(
            f"report: size must be at most {MAX_BYTES} bytes, got {size}; lower reporting.max_points"
        )
    return page


def _title(parameters: Parameters, names: ModalityNames) -> str:
    return parameters.reporting.title or f"What {names.uv} shows beyond {names.rgb}"


def _today() -> str:
    return datetime.datetime.now(tz=datetime.UTC).date().isoformat()


def _species(specimen_index: pd.DataFrame) -> list[str]:
    """The species as the report writes them."""
    if SPECIES not in specimen_index:
        return []
    return [write_species(str(name)) for name in specimen_index[SPECIES].dropna().unique()]


def write_methods(sections: Iterable[Section], specimen_index: pd.DataFrame) -> str:
    """One paragraph in the past tense, each sentence from the tables and parameters in force."""
    sentences = [*_ordered((section.methods for section in sections), _METHODS), _software(specimen_index)]
    text = " ".join(sentence for sentence in sentences if sentence)
    named = "; ".join(f"{work}, {place}" for work, place in _REFERENCES.items() if work in text)
    return f"{text} References: {named}." if named else text


def package_versions() -> dict[str, str]:
    """Installed versions of Python and of the packages that touch a number; absent ones are left out."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _ordered(parts: Iterable[Mapping[str, T]], order: Sequence[str]) -> list[T]:
    """What sections say about each subject, in this order of subjects; others follow in theirs."""
    said = {subject: text for part in parts for subject, text in part.items()}
    return [said[subject] for subject in dict.fromkeys([*order, *said]) if subject in said]


def _software(specimen_index: pd.DataFrame) -> str:
    versions = package_versions()
    shown = "".join(f", {name} {versions[name]}" for name in _NAMED if name in versions)
    digest = hash_captures(specimen_index)
    data = f"; data SHA-256 {digest[:16]}" if digest else ""
    return f"Software: Python {versions['python']}{shown}{data}."


@functools.cache
def _template(name: str) -> jinja2.Template:
    loader = jinja2.FunctionLoader(lambda file: _FOLDER.joinpath(file).read_text(encoding="utf-8"))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)


def _asset(name: str) -> Markup:
    """A file of this package that goes into the page as it is."""
    return Markup(_FOLDER.joinpath(name).read_text(encoding="utf-8"))


def _explorer_context(payload: dict[str, Any]) -> dict[str, Markup]:
    """Data and scripts; `<` is escaped in the data, so that no label can end the script element."""
    from plotly.offline import (
        get_plotlyjs,  # takes long to load, and commands that draw nothing come here too
    )

    data = json.dumps(payload, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return {"data": Markup(data), "plotly": Markup(get_plotlyjs()), "script": _asset("report.js")}


def _count(specimen_index: pd.DataFrame, rejected: int) -> list[tuple[str, str]]:
    counts = [
        (str(len(specimen_index)), "captures"),
        (str(specimen_index["specimen_id"].nunique()), "specimens"),
    ]
    counts += [(text.split(" ", 1)[0], text.split(" ", 1)[1]) for text in count_classes(specimen_index)]
    return [*counts, (str(rejected), "rejected")]


def _tabulate_versions(parameters: Parameters, specimen_index: pd.DataFrame) -> PageTable:
    facts = {
        **package_versions(),
        "seeds of training": str(parameters.training.seed),
        "seed of the split": str(parameters.split.seed),
        "seed of the evaluation": str(parameters.evaluation.seed),
        "evaluation protocol": parameters.evaluation.protocol,
        "data SHA-256": hash_captures(specimen_index),
    }
    return table_of("Versions, seeds and data", ("What", "Value"), facts.items(), 2)


def _tabulate_parameters(parameters: Parameters, *, with_calibration: bool) -> PageTable:
    """Every parameter with its value; uncalibrated studies without those that only calibration uses."""
    values = dotted(parameters.model_dump(mode="json"))
    flat = {key: "null" if value is None else str(value) for key, value in values}
    note = ""
    if not with_calibration:
        flat = {key: value for key, value in flat.items() if "reflectance" not in f"{key} {value}".lower()}
        note = "Settings that only calibrated captures use are left out."
    return table_of("Parameters", ("Parameter", "Value"), flat.items(), 2, note=note)


def _write_protocol(evaluation: EvaluationParams) -> str:
    return (
        f"Protocol {evaluation.protocol}: {evaluation.folds} folds, C (inverse strength of regularisation) "
        f"from {len(evaluation.c_values)} values in {evaluation.inner_folds} inner folds, "
        f"{evaluation.bootstraps} bootstraps, {evaluation.permutations} permutations, "
        f"{evaluation.reference_permutations} for references and controls."
    )


def _lay_out_section(section: Section, study: str) -> dict[str, Any]:
    """A section as the template reads it: claims first, and the rest of what was found below."""
    claims = [begin(finding.text) for finding in section.findings if finding.is_claim]
    others = [begin(finding.text) for finding in section.findings if not finding.is_claim]
    parts = _lay_out_parts(section, study)
    is_filled = bool(parts["is_filled"] or claims or others or section.explorer or section.facts)
    if not (is_filled or parts["reasons"]):
        parts["reasons"] = [_NOTHING]
    return parts | {
        "tags": section.tags,
        "claims": claims,
        "others": others,
        "lead": section.lead if is_filled else "",
        "chapters": [(chapter.key, chapter.title) for chapter in section.chapters],
        "has_explorer": section.explorer is not None,
    }


def _lay_out_chapter(chapter: Chapter, study: str) -> dict[str, Any]:
    """A chapter as the template reads it."""
    parts = _lay_out_parts(chapter, study)
    if not (parts["is_filled"] or parts["reasons"]):
        parts["reasons"] = [_NOTHING]
    return parts | {
        "lead": chapter.lead if parts["is_filled"] else "",
        "is_evaluated": chapter.is_evaluated and bool(parts["tables"]),
    }


def _lay_out_parts(part: Part, study: str) -> dict[str, Any]:
    """What section and chapter share: without empty tables, with a line per missing figure."""
    drawn = _lay_out_figures(part.figures, study)
    missing = [
        f"{figure.title}: not shown, as {figure.reason}." for figure in part.figures if not figure.pages
    ]
    tables = [(table, locate_table(table.source, study)) for table in part.tables if table.rows]
    return {
        "key": part.key,
        "title": part.title,
        "figures": drawn,
        "tables": tables,
        "reasons": [*part.reasons, *missing],
        "is_filled": bool(drawn or tables),
    }


def _lay_out_figures(figures: Iterable[ReportFigure], study: str) -> list[_Picture]:
    """The figures that were drawn."""
    return [
        _Picture(
            figure.name,
            figure.title,
            figure.caption,
            locate_figure(figure.name, study),
            tuple(_source(page) for page in figure.pages),
            _narrow_source(figure),
            figure.is_narrow,
        )
        for figure in figures
        if figure.pages
    ]


def _narrow_source(figure: ReportFigure) -> str:
    pages = figure.versions.get("single", ())
    is_photographic = any("jpg" in page for page in figure.pages)
    return "" if figure.is_narrow or is_photographic or len(pages) != 1 else _source(pages[0])


def _source(page: Mapping[str, bytes]) -> str:
    """The lightest picture of a page as an address that holds it."""
    ending, mime = ("jpg", "jpeg") if "jpg" in page else ("png", "png")
    return f"data:image/{mime};base64,{base64.b64encode(page[ending]).decode()}"
