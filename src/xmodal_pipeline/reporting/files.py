"""The files behind tables and figures, so that a reader can take any number further."""

from typing import Final

TABLES: Final = {
    "specimen_index": "03_primary/{study}/specimen_index.parquet",
    "rejected_captures": "03_primary/{study}/rejected_captures.parquet",
    "registration_qa": "03_primary/{study}/registration_qa.parquet",
    "calibration": "03_primary/{study}/calibration.parquet",
    "quality_report": "03_primary/{study}/quality_report.parquet",
    "band_histograms": "03_primary/{study}/band_histograms.parquet",
    "class_balance": "03_primary/{study}/class_balance.parquet",
    "confounding": "03_primary/{study}/confounding.parquet",
    "species_tips": "03_primary/{study}/species_tips.parquet",
    "modality_information": "03_primary/{study}/modality_information.parquet",
    "histories": "06_models/{study}/histories.parquet",
    "diagnostics": "06_models/{study}/diagnostics.parquet",
    "comparison_csv": "07_model_output/{study}/comparison.csv",
    "differences": "07_model_output/{study}/differences.parquet",
    "*.uv_maps": "07_model_output/{study}/*/uv_maps.parquet",
    "uv_value_csv": "07_model_output/{study}/uv_value.csv",
}
"""Where the catalog keeps each dataset, below `data/`; `*` stands for a variant."""
FIGURES: Final = {
    "contact_sheet": "specimen_index",
    "registration": "registration_qa",
    "bands": "band_histograms",
    "class_balance": "specimen_index",
    "training": "histories",
    "retrieval": "comparison_csv",
    "retrieval_warped": "comparison_csv",
    "classification": "comparison_csv",
    "uv_value": "uv_value_csv",
    "uv_maps": "*.uv_maps",
}
"""The dataset that a figure draws, by the name of the figure; photographs and embeddings have no table."""


def locate_table(source: str, study: str) -> str:
    """The file of a dataset, from the project's folder; "" for none."""
    return f"data/{TABLES[source].format(study=study)}" if source else ""


def locate_figure(name: str, study: str) -> str:
    """The files of a figure for print, and the table that it draws, if there is one."""
    drawn = f"data/08_reporting/{study}/figures/{name}_*.pdf"
    table = locate_table(FIGURES.get(name, ""), study)
    return f"{drawn} from {table}" if table else drawn
