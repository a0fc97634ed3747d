"""The pipeline `report`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.report import nodes
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant, per_variant
from xmodal_pipeline.variants import DEFAULT_VARIANTS

_TABLES = [
    "study",
    "specimen_index",
    "rejected_captures",
    "registration_qa",
    "calibration",
    "quality_report",
    "class_balance",
    "confounding",
    "species_tips",
    "modality_information",
    "partitions",
    "leaks",
    "metrics_baselines",
    "comparison",
    "differences",
    "uv_value",
    "known_seed_spread",
]


@datasets_named_by_variant()
def create_pipeline() -> Pipeline:
    """Tables and stores to figures and one HTML file."""
    own = ["history", "diagnostics", "embeddings", "projections"]
    gather = Node(
        nodes.gather_variant,
        own,
        "results",
        name="gather_variant",
    )
    return Pipeline(
        [
            per_variant([gather], own=own, suffixed=["results"]),
            Node(
                nodes.gather_tables,
                {"parameters": "parameters"}
                | {name: name for name in _TABLES}
                | {f"results_{name}": f"results_{name}" for name in DEFAULT_VARIANTS}
                | {f"metrics_{name}": f"metrics_{name}" for name in DEFAULT_VARIANTS},
                "report_tables",
                name="gather_tables",
            ),
            Node(
                nodes.draw_figures,
                [
                    "report_tables",
                    "prepared",
                    "contact_sheet",
                    "registration_figure",
                    "band_figure",
                    "class_balance_figure",
                    "augmented_views",
                ],
                ["drawn_figures", "figures"],
                name="draw_figures",
            ),
            Node(
                nodes.write_report,
                ["report_tables", "drawn_figures", "prepared"],
                "report",
                name="write_report",
            ),
        ],
        namespace="report",
        prefix_datasets_with_namespace=False,
    )
