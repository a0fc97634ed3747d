"""Nodes of `report` that are no section: what is drawn of a variant, and the page from its sections."""

from typing import Any

import pandas as pd

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.params.root import validate_parameters
from xmodal_pipeline.reporting import embeddings as reported
from xmodal_pipeline.reporting.page.build import build_appendix, build_report
from xmodal_pipeline.reporting.section import Section, join_sections
from xmodal_pipeline.reporting.similarity import umap
from xmodal_pipeline.reporting.similarity.umap import MappedCaptures

EmbeddingTables = tuple[pd.DataFrame, pd.DataFrame]
"""Embeddings and projections of one variant."""


def gather_embeddings(embeddings: pd.DataFrame, projections: pd.DataFrame) -> EmbeddingTables:
    """One variant's tables, under a name that a node of all variants may read."""
    return embeddings, projections


def choose_variant(
    histories: pd.DataFrame, reporting: ReportingParams, **variants: EmbeddingTables
) -> reported.ChosenVariant:
    """The variant that is drawn where one is: the one asked for, else the best on validation."""
    return reported.choose_variant(histories, reporting, variants)


def map_captures(reporting: ReportingParams, **variants: EmbeddingTables) -> MappedCaptures:
    """Where the captures lie in the features of every variant."""
    return umap.map_captures(reporting, variants)


def gather_sections(**parts: Section) -> list[Section]:
    """A group of sections in the order in which they are named."""
    return list(parts.values())


def arrange_sections(*groups: list[Section]) -> tuple[list[Section], dict[str, bytes]]:
    """All sections in reading order, and every figure for print (PDF) and for slides (PNG)."""
    arranged = join_sections(section for group in groups for section in group)
    files = {
        name: content
        for section in arranged
        for figure in section.all_figures
        for name, content in figure.files.items()
        if name.endswith((".png", ".pdf"))
    }
    return arranged, files


def write_report(
    sections: list[Section],
    study: Study,
    parameters: dict[str, Any],
    specimen_index: pd.DataFrame,
    rejected_captures: pd.DataFrame,
    chosen_variant: reported.ChosenVariant,
) -> str:
    """The report as one HTML file."""
    return build_report(
        sections,
        study=study,
        parameters=validate_parameters(parameters),
        specimen_index=specimen_index,
        rejected=len(rejected_captures),
        chosen=chosen_variant,
    )


def write_appendix(
    sections: list[Section], study: Study, parameters: dict[str, Any], specimen_index: pd.DataFrame
) -> str:
    """What few readers ask for, as one HTML file beside the report."""
    return build_appendix(
        sections, study=study, parameters=validate_parameters(parameters), specimen_index=specimen_index
    )
