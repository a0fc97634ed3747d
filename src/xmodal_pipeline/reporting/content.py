"""What the report is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.seeds import ONE_SEED, SeedSpread


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame()


@dataclass(frozen=True, eq=False)
class ReportTables:
    """The tables of a study. A part that a study does not have stays empty and drops out of the report."""

    parameters: Parameters
    specimen_index: pd.DataFrame
    rejected_captures: pd.DataFrame = field(default_factory=_no_rows)
    registration_qa: pd.DataFrame = field(default_factory=_no_rows)
    calibration: pd.DataFrame = field(default_factory=_no_rows)
    """One row per group and band; empty without grey standards."""
    quality_report: pd.DataFrame = field(default_factory=_no_rows)
    band_histograms: pd.DataFrame = field(default_factory=_no_rows)
    class_balance: pd.DataFrame = field(default_factory=_no_rows)
    confounding: pd.DataFrame = field(default_factory=_no_rows)
    species_tips: pd.DataFrame = field(default_factory=_no_rows)
    """Species beside the tips of the tree; empty without one."""
    modality_information: pd.DataFrame = field(default_factory=_no_rows)
    partitions: pd.DataFrame = field(default_factory=_no_rows)
    histories: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    embeddings: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    projections: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`metrics_{variant}` by variant."""
    baselines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`metrics_baselines` by baseline."""
    comparison: pd.DataFrame = field(default_factory=_no_rows)
    differences: pd.DataFrame = field(default_factory=_no_rows)
    """Of `compare_tables`: between variants, and between each variant and each baseline."""
    seed_spread: pd.DataFrame = field(default_factory=_no_rows)
    """Of the pipeline `ablation`; empty where seeds were not varied."""
    uv_value: pd.DataFrame = field(default_factory=_no_rows)
    diagnostics: pd.DataFrame = field(default_factory=_no_rows)
    """code, variant, finding, advice."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the training runs behind the tables."""

    @property
    def beside_baselines(self) -> dict[str, Mapping[str, Any]]:
        """Metrics of the variants, then of the baselines, whose names stand in brackets as in every table."""
        return {**self.metrics, **{f"[{name}]": results for name, results in self.baselines.items()}}

    @property
    def names(self) -> ModalityNames:
        """Display names of the two modalities."""
        return ModalityNames(self.parameters.specimens.rgb_name, self.parameters.specimens.uv_name)

    @property
    def is_one_seed(self) -> bool:
        """Whether learnt numbers come from one training run."""
        return len(set(self.seeds)) == 1 and bool(self.histories)

    @property
    def spread(self) -> SeedSpread:
        """The spread between seeds, where it is known."""
        return SeedSpread(self.seed_spread, ONE_SEED if self.is_one_seed else "")

    @property
    def calibration_caution(self) -> str:
        """A clause on the calibration lines that are flagged; empty where none is."""
        flagged = int(self.calibration["flagged"].sum()) if len(self.calibration) else 0
        return f"{flagged} of {len(self.calibration)} calibration lines are flagged" if flagged else ""

    @property
    def colour_units(self) -> str:
        """The weakest unit of any capture: one uncalibrated capture makes a study uncalibrated."""
        known = set(self.specimen_index["colour_units"]) if "colour_units" in self.specimen_index else set()
        weakest_first = ("uncalibrated", "relative", "reflectance")
        return next((units for units in weakest_first if units in known), "uncalibrated")

    @property
    def is_linear(self) -> bool:
        """Whether stored values are proportional to light: not in pairs with an sRGB curve."""
        return self.parameters.specimens.is_linear

    @property
    def label(self) -> str:
        """The label that figures are coloured by."""
        return self.parameters.specimens.label or "species"


Pages = tuple[Mapping[str, bytes], ...]
"""Per page its files by ending: png, pdf, and jpg where photographs make a png heavy."""


@dataclass(frozen=True, eq=False)
class ReportFigure:
    """One figure as files, and its words; or the reason why it is missing."""

    name: str
    """File name without width and ending."""
    section: str
    title: str
    caption: str
    versions: Mapping[str, Pages] = field(default_factory=dict)
    """The pages by width, `single` and `double` column; empty: not drawn."""
    reason: str = ""
    is_narrow: bool = False
    """The report shows the single-column version."""

    @property
    def pages(self) -> Pages:
        """The pages that the report shows; none if nothing was drawn."""
        return self.versions.get("single" if self.is_narrow else "double", ())

    @property
    def file_names(self) -> dict[str, tuple[dict[str, str], ...]]:
        """Per width and page the names of its files by ending; pages are numbered where there are several."""
        return {
            width: tuple(
                {
                    ending: f"{self.name}_{width}{f'_{number}' if len(pages) > 1 else ''}.{ending}"
                    for ending in page
                }
                for number, page in enumerate(pages, start=1)
            )
            for width, pages in self.versions.items()
        }

    @property
    def files(self) -> dict[str, bytes]:
        """The files of all pages in both widths by name."""
        return {
            names[ending]: content
            for width, pages in self.versions.items()
            for names, page in zip(self.file_names[width], pages, strict=True)
            for ending, content in page.items()
        }
