"""What the report and its appendix are made of: tables, figures, sentences and reasons."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xmodal_pipeline.reporting.figure import ReportFigure


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
    source: str = ""
    """The dataset it was made from, a key of `files.TABLES`."""


def table_of(
    caption: str,
    header: Iterable[str],
    rows: Iterable[Iterable[str]],
    first_numeric: int,
    *,
    note: str = "",
    is_folded: bool = False,
    last_is_text: bool = False,
    source: str = "",
) -> PageTable:
    """A table whose columns are numbers from `first_numeric` on, but for the last where that is text."""
    names = tuple(header)
    numeric = frozenset(range(first_numeric, len(names) - last_is_text))
    return PageTable(caption, names, [tuple(row) for row in rows], numeric, note, is_folded, source)


@dataclass(frozen=True)
class Finding:
    """One sentence, and whether it claims that something is there."""

    text: str
    is_claim: bool


@dataclass(frozen=True, eq=False)
class Part:
    """What chapters and sections share.

    Tables without rows drop out, and figures that were not drawn leave their reason.
    """

    key: str
    title: str = ""
    """Of a section, the question."""
    lead: str = ""
    figures: tuple[ReportFigure, ...] = ()
    tables: tuple[PageTable, ...] = ()
    reasons: tuple[str, ...] = ()
    """Why something is not there."""


@dataclass(frozen=True, eq=False)
class Chapter(Part):
    """A part of the appendix: what few readers ask for."""

    is_evaluated: bool = False
    """Its numbers depend on the evaluation protocol, which stands above the first such chapter."""


@dataclass(frozen=True, eq=False)
class Section(Part):
    """The answer to one question of a reader, or a share of it: shares of one key stand together."""

    headline: str = ""
    """The answer in one sentence, for the first screen."""
    opening: ReportFigure | None = None
    """The figure of the first screen."""
    findings: tuple[Finding, ...] = ()
    """The answer in sentences with their numbers."""
    methods: Mapping[str, str] = field(default_factory=dict)
    """Sentences of the Methods paragraph by subject; "" where there is nothing to say."""
    tags: tuple[str, ...] = ()
    """What a reader must know of everything in it, beside its title."""
    facts: tuple[tuple[str, str], ...] = ()
    """What a reader must know of the whole report: in a word for the first screen, and in a sentence."""
    explorer: dict[str, Any] | None = None
    """The payload of the interactive maps."""
    chapters: tuple[Chapter, ...] = ()
    """What the appendix holds on it."""

    @property
    def all_figures(self) -> tuple[ReportFigure, ...]:
        """Those of the report, then those of the appendix."""
        opening = () if self.opening is None else (self.opening,)
        return opening + self.figures + tuple(one for chapter in self.chapters for one in chapter.figures)


def join_sections(parts: Iterable[Section]) -> list[Section]:
    """Sections in the order of their keys' first parts; the first title and lead of a key stand.

    A key that no part gives a title has no place on the page of this study.
    """
    joined: dict[str, Section] = {}
    for part in parts:
        one = joined.get(part.key)
        joined[part.key] = part if one is None else _join(one, part)
    return [section for section in joined.values() if section.title]


def _join(one: Section, other: Section) -> Section:
    return Section(
        key=one.key,
        title=one.title or other.title,
        lead=one.lead or other.lead,
        figures=one.figures + other.figures,
        tables=one.tables + other.tables,
        reasons=one.reasons + other.reasons,
        headline=one.headline or other.headline,
        opening=one.opening or other.opening,
        findings=one.findings + other.findings,
        methods={**one.methods, **other.methods},
        tags=tuple(dict.fromkeys(one.tags + other.tags)),
        facts=one.facts + other.facts,
        explorer=one.explorer or other.explorer,
        chapters=one.chapters + other.chapters,
    )
