"""The pipeline `ingest`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.ingest import nodes


def create_pipeline() -> Pipeline:
    """Captures to index, rejects, registration QA, quality report, colour table and figures."""
    return Pipeline(
        [
            Node(
                nodes.provide_captures,
                ["params:specimens", "params:simulation", "params:quality", "simulated_captures"],
                ["captures", "simulated_truth"],
                name="provide_captures",
            ),
            Node(
                nodes.list_captures,
                "captures",
                ["capture_list", "unusable_files", "label_changes"],
                name="list_captures",
            ),
            Node(
                nodes.examine,
                ["captures", "capture_list", "unusable_files", "params:registration", "params:quality"],
                ["specimen_index", "rejected_captures", "registration_qa", "quality_report", "colour_table"],
                name="examine_captures",
            ),
            Node(
                nodes.make_thumbnails,
                ["captures", "specimen_index", "registration_qa", "params:quality"],
                "thumbnails",
                name="make_thumbnails",
            ),
            Node(
                nodes.draw_contact_sheet,
                ["captures", "specimen_index", "thumbnails"],
                "contact_sheet",
                name="draw_contact_sheet",
            ),
            Node(
                nodes.check_rejected_share,
                ["specimen_index", "rejected_captures", "contact_sheet", "params:quality"],
                "ingest_summary",
                name="check_rejected_share",
            ),
        ]
    )
