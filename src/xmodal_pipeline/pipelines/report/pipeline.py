"""The pipeline `report`: a node per section of the page, and the page."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.params.variants import DEFAULT_VARIANTS, STRATEGIES
from xmodal_pipeline.pipelines.report import nodes
from xmodal_pipeline.pipelines.tags import FIGURES, OVERVIEW
from xmodal_pipeline.pipelines.train.pipeline import stack_results
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant, per_variant
from xmodal_pipeline.reporting.classification.accuracies import classification_section
from xmodal_pipeline.reporting.data.captures import captures_section
from xmodal_pipeline.reporting.data.colour import colour_section
from xmodal_pipeline.reporting.data.labels import labels_section
from xmodal_pipeline.reporting.data.registration import registration_section
from xmodal_pipeline.reporting.retrieval.gallery import picture_gallery
from xmodal_pipeline.reporting.retrieval.recall import retrieval_section
from xmodal_pipeline.reporting.similarity.maps import explorer_section, maps_section
from xmodal_pipeline.reporting.similarity.structures import similarity_section
from xmodal_pipeline.reporting.similarity.umap import map_captures
from xmodal_pipeline.reporting.training.curves import diagnostics_section, training_section
from xmodal_pipeline.reporting.uv_value import uv_value_section

_DRAWABLE = [variant for variant in DEFAULT_VARIANTS if variant in STRATEGIES]
"""Variants that see both modalities."""
_SECTIONS = {
    "data": ("captures", "registration", "colour", "labels"),
    "numbers": ("training", "retrieval", "classification", "uv_value"),
    "maps": ("umap", "explorer", "similarity", "diagnostics"),
}
"""Sections and shares of sections in reading order, in groups that one node takes."""


@datasets_named_by_variant()
def create_pipeline() -> Pipeline:
    """Tables and prepared captures to figures and one HTML file."""
    own = Pipeline(
        [*_choose_what_is_drawn(), *_describe_data(), *_describe_models(), *_lay_out_page()],
        namespace="report",
        prefix_datasets_with_namespace=False,
        tags=FIGURES,
    )
    return stack_results(DEFAULT_VARIANTS) + own


def _choose_what_is_drawn() -> list[Node | Pipeline]:
    gather = Node(nodes.gather_embeddings, ["embeddings", "projections"], "embedding_tables", name="gather")
    own = ["embeddings", "projections"]
    return [
        per_variant([gather], own=own, suffixed=["embedding_tables"], variants=_DRAWABLE),
        Node(
            nodes.choose_variant,
            {"histories": "histories", "reporting": "params:reporting"}
            | {variant: f"embedding_tables_{variant}" for variant in _DRAWABLE},
            "chosen_variant",
            name="choose_variant",
        ),
        Node(map_captures, ["chosen_variant", "params:reporting"], "mapped_captures", name="map_captures"),
        Node(
            picture_gallery,
            ["study", "chosen_variant", "prepared", "specimen_index", "params:reporting"],
            "gallery_figure",
            name="picture_gallery",
        ),
    ]


def _describe_data() -> list[Node]:
    return [
        Node(
            captures_section,
            [
                *("study", "specimen_index", "rejected_captures", "partitions", "params:split"),
                "contact_sheet",
            ],
            "section_captures",
            name="describe_captures",
        ),
        Node(
            registration_section,
            ["study", "registration_qa", "params:registration", "registration_figure"],
            "section_registration",
            name="describe_registration",
        ),
        Node(
            colour_section,
            ["study", "calibration", "quality_report", "band_figure"],
            "section_colour",
            name="describe_colour",
        ),
        Node(
            labels_section,
            [
                *("study", "class_balance", "confounding", "species_tips", "modality_information"),
                "class_balance_figure",
            ],
            "section_labels",
            name="describe_labels",
        ),
    ]


def _describe_models() -> list[Node]:
    compared = ["study", "comparison", "differences", "known_seed_spread", "chosen_variant"]
    return [
        Node(
            training_section,
            [
                *("study", "histories", "augmented_views", "known_seed_spread"),
                *("params:training", "params:loss"),
            ],
            "section_training",
            name="describe_training",
        ),
        Node(
            diagnostics_section, ["study", "diagnostics"], "section_diagnostics", name="describe_diagnostics"
        ),
        Node(
            retrieval_section,
            [*compared, "gallery_figure"],
            "section_retrieval",
            name="describe_retrieval",
        ),
        Node(
            classification_section,
            [*compared, "params:evaluation"],
            "section_classification",
            name="describe_classification",
        ),
        Node(
            uv_value_section,
            ["study", "uv_value", "calibration", "params:evaluation"],
            "section_uv_value",
            name="describe_uv_value",
        ),
        Node(
            maps_section,
            ["study", "specimen_index", "mapped_captures", "chosen_variant"],
            "section_umap",
            name="describe_maps",
        ),
        Node(
            explorer_section,
            ["study", "specimen_index", "mapped_captures", "prepared"],
            "section_explorer",
            name="describe_explorer",
        ),
        Node(
            similarity_section,
            [
                *("study", "comparison", "known_seed_spread", "chosen_variant", "specimen_index"),
                *("params:reporting", "params:evaluation"),
            ],
            "section_similarity",
            name="describe_similarity",
        ),
    ]


def _lay_out_page() -> list[Node]:
    gather = [
        Node(
            nodes.gather_sections,
            {part: f"section_{part}" for part in parts},
            f"sections_{group}",
            name=f"gather_{group}",
        )
        for group, parts in _SECTIONS.items()
    ]
    return [
        *gather,
        Node(
            nodes.arrange_sections,
            [f"sections_{group}" for group in _SECTIONS],
            ["page_sections", "figures"],
            name="arrange_sections",
        ),
        Node(
            nodes.write_report,
            [
                *("page_sections", "study", "parameters", "specimen_index", "rejected_captures"),
                "chosen_variant",
            ],
            "report",
            name="write_report",
            tags=OVERVIEW,
        ),
    ]
