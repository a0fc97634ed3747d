"""Every dataset of every pipeline has an entry or a factory, and lies where it should."""

from pathlib import PurePath

from xmodal_pipeline.params.variants import VARIANTS
from xmodal_pipeline.reporting.files import FIGURES, TABLES

SECTIONS = (
    *(
        "captures",
        "registration",
        "colour",
        "labels",
        "training",
        "retrieval",
        "classification",
        "uv_value",
        "uv_maps",
    ),
    *("umap", "explorer", "similarity", "diagnostics"),
)
MEMORY = {
    *("other_contributions", "embedding_tables", "chosen_variant", "mapped_captures", "gallery_figure"),
    *(f"section_{part}" for part in SECTIONS),
    "section_planted",
    *("sections_opening", "sections_images", "sections_answers", "sections_trust"),
    *("sections_maps", "page_sections"),
}
"""What is passed from node to node without a file; `embedding_tables_<variant>` without the variant."""

TABLE, CSV, JSON, FIGURE = "AtomicParquetDataset", "AtomicCSVDataset", "AtomicJSONDataset", "FigureDataset"
CONTRACT = {
    "capture_folder": ("01_raw/smoke/capture_folder.json", "raw", "CaptureFolderDataset"),
    "study": ("02_intermediate/smoke/study.json", "intermediate", "StudyDataset"),
    "prepared": ("04_feature/smoke/prepared", "feature", "PreparedDataset"),
    "simulated_truth": ("01_raw/smoke/simulated_truth.parquet", "raw", TABLE),
    "specimen_index": ("03_primary/smoke/specimen_index.parquet", "primary", TABLE),
    "rejected_captures": ("03_primary/smoke/rejected_captures.parquet", "primary", TABLE),
    "registration_qa": ("03_primary/smoke/registration_qa.parquet", "primary", TABLE),
    "quality_report": ("03_primary/smoke/quality_report.parquet", "primary", TABLE),
    "colour_table": ("03_primary/smoke/colour_table.parquet", "primary", TABLE),
    "colour_table_csv": ("03_primary/smoke/colour_table.csv", "primary", CSV),
    "contact_sheet": ("08_reporting/smoke/contact_sheet", "primary", FIGURE),
    "partitions": ("04_feature/smoke/partitions.parquet", "feature", TABLE),
    "separate.checkpoint": ("06_models/smoke/separate/checkpoint.safetensors", "models", "CheckpointDataset"),
    "separate.training_state": ("06_models/smoke/separate/training_state", "models", "DirectoryDataset"),
    "uv_only.history": ("06_models/smoke/uv_only/history.parquet", "models", TABLE),
    "histories": ("06_models/smoke/histories.parquet", "models", TABLE),
    "diagnostics": ("06_models/smoke/diagnostics.parquet", "models", TABLE),
    "uv_only.diagnostics": ("06_models/smoke/uv_only/diagnostics.json", "models", JSON),
    "concat.embeddings": ("07_model_output/smoke/concat/embeddings.parquet", "model_output", TABLE),
    "concat.projections": ("07_model_output/smoke/concat/projections.parquet", "model_output", TABLE),
    "concat.opposite_views": ("07_model_output/smoke/concat/opposite_views.parquet", "model_output", TABLE),
    "metrics_concat": ("07_model_output/smoke/metrics_concat.json", "model_output", JSON),
    "metrics_baselines": ("07_model_output/smoke/metrics_baselines.json", "model_output", JSON),
    "comparison": ("07_model_output/smoke/comparison.parquet", "model_output", TABLE),
    "uv_value": ("07_model_output/smoke/uv_value.parquet", "model_output", TABLE),
    "separate.uv_maps": ("07_model_output/smoke/separate/uv_maps.parquet", "model_output", TABLE),
    "species_table": ("07_model_output/smoke/species_table.csv", "model_output", CSV),
    "figures": ("08_reporting/smoke/figures", "reporting", "FilesDataset"),
    "report": ("08_reporting/smoke/report.html", "reporting", "ReportDataset"),
    "appendix": ("08_reporting/smoke/appendix.html", "reporting", "AtomicTextDataset"),
}


def datasets(pipelines):
    names = set().union(*(pipeline.datasets() for pipeline in pipelines.values()))
    return sorted(name for name in names if not name.startswith("params:") and name != "parameters")


def test_every_dataset_has_an_entry_and_few_are_kept_in_memory(catalog, pipelines):
    names = datasets(pipelines)
    assert "separate.chekpoint" not in catalog  # no pattern takes just any name
    in_memory = {
        name for name in names if name not in catalog or type(catalog.get(name)).__name__ == "MemoryDataset"
    }
    assert {without_variant(name) for name in in_memory} == MEMORY


def without_variant(name):
    return next((name.removesuffix(f"_{one}") for one in VARIANTS if name.endswith(f"_{one}")), name)


def test_entries_under_contract_lie_where_they_are_looked_for(catalog, project):
    found = {}
    for name in CONTRACT:
        dataset = catalog.get(name)
        where = PurePath(dataset._describe()["filepath"]).relative_to(project / "data")
        found[name] = (str(where), dataset.metadata["kedro-viz"]["layer"], type(dataset).__name__)
    assert found == CONTRACT


def test_every_file_has_a_layer_and_lies_in_the_folder_of_the_study(catalog, project, pipelines):
    for name in datasets(pipelines):
        dataset = catalog.get(name)
        if dataset is not None and type(dataset).__name__ != "MemoryDataset":
            assert dataset.metadata["kedro-viz"]["layer"], name
            said = dataset._describe()
            path = PurePath(str(said.get("filepath", said.get("path"))))
            assert path.relative_to(project / "data").parts[1] == "smoke", name


def test_no_entry_is_left_over(catalog, pipelines):
    names = datasets(pipelines)
    unused = [name for name in catalog if not name.startswith("param") and name not in names]
    assert unused == []
    resolver = catalog.config_resolver
    used = {resolver.match_dataset_pattern(name) for name in names}
    assert set(resolver.list_patterns()) - {"{default}"} <= used  # Kedro's own, for what stays in memory


def test_the_report_names_the_files_behind_its_tables(catalog, project):
    for name, where in TABLES.items():
        path = PurePath(catalog.get(name.replace("*", "concat"))._describe()["filepath"]).relative_to(
            project / "data"
        )
        assert str(path) == where.format(study="smoke").replace("*", "concat"), name
    assert set(FIGURES.values()) <= set(TABLES)
