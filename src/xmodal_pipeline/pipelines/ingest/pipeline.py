"""The pipeline `ingest`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.exporting import export_tables
from xmodal_pipeline.pipelines.ingest import nodes
from xmodal_pipeline.pipelines.tags import DESCRIBES, FIGURES, OVERVIEW, TABLES, Check

_EXPORTED = ("specimen_index", "registration_qa", "quality_report", "colour_table", "receptor_table")


def create_pipeline() -> Pipeline:
    """Captures to index, rejects, registration QA, quality report, colour table and figures."""
    return Pipeline(
        [
            Node(
                nodes.provide_captures,
                ["params:specimens", "params:simulation", "params:quality", "simulated_captures"],
                ["capture_folder", "simulated_truth"],
                name="provide_captures",
                tags=Check.SPECIMENS,
            ),
            Node(
                nodes.list_captures,
                ["capture_folder", "params:specimens"],
                ["capture_list", "unusable_files", "label_changes"],
                name="list_captures",
            ),
            Node(
                nodes.decide_study,
                ["capture_folder", "params:specimens", "capture_list", "params:registration"],
                "study",
                name="decide_study",
                tags=OVERVIEW,
            ),
            Node(
                nodes.calibrate,
                ["study", "capture_list", "params:quality"],
                "calibration",
                name="calibrate_captures",
            ),
            Node(
                nodes.examine,
                [
                    "study",
                    "capture_list",
                    "unusable_files",
                    "calibration",
                    "params:registration",
                    "params:quality",
                ],
                [
                    "specimen_index",
                    "rejected_captures",
                    "registration_qa",
                    "quality_report",
                    "colour_table",
                    "receptor_table",
                    "band_histograms",
                ],
                name="examine_captures",
            ),
            Node(
                export_tables,
                list(_EXPORTED),
                [f"{name}_csv" for name in _EXPORTED],
                name="export_tables",
                tags=TABLES,
            ),
            Node(
                nodes.match_tree,
                ["study", "specimen_index"],
                "species_tips",
                name="match_tree",
            ),
            Node(
                nodes.describe_labels,
                ["study", "specimen_index"],
                ["class_balance", "confounding"],
                name="describe_labels",
            ),
            Node(
                nodes.describe_modalities,
                ["colour_table", "specimen_index"],
                "modality_information",
                name="describe_modalities",
            ),
            Node(
                nodes.make_thumbnails,
                ["study", "specimen_index", "registration_qa", "calibration", "params:quality"],
                "thumbnails",
                name="make_thumbnails",
                tags=FIGURES,
            ),
            Node(
                nodes.draw_qa_figures,
                [
                    *("study", "specimen_index", "registration_qa", "band_histograms", "thumbnails"),
                    "params:registration",
                ],
                ["contact_sheet", "registration_figure", "band_figure", "class_balance_figure"],
                name="draw_qa_figures",
                tags=[FIGURES, DESCRIBES],
            ),
            Node(
                nodes.check_rejected_share,
                ["specimen_index", "rejected_captures", "contact_sheet", "params:quality"],
                "ingest_summary",
                name="check_rejected_share",
            ),
        ],
        namespace="ingest",
        prefix_datasets_with_namespace=False,
    )
