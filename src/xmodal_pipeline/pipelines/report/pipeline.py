"""The pipeline `report`: a node per section of the page, the page, and its appendix."""

from collections.abc import Callable

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.params.variants import DEFAULT_VARIANTS, STRATEGIES
from xmodal_pipeline.pipelines.report import nodes
from xmodal_pipeline.pipelines.tags import DESCRIBES, FIGURES, OVERVIEW
from xmodal_pipeline.pipelines.train.pipeline import stack_results
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant, per_variant
from xmodal_pipeline.reporting.classification.accuracies import classification_section
from xmodal_pipeline.reporting.data.captures import captures_section
from xmodal_pipeline.reporting.data.colour import colour_section
from xmodal_pipeline.reporting.data.labels import labels_section
from xmodal_pipeline.reporting.data.registration import registration_section
from xmodal_pipeline.reporting.planted import planted_section
from xmodal_pipeline.reporting.retrieval.gallery import picture_gallery
from xmodal_pipeline.reporting.retrieval.recall import retrieval_section
from xmodal_pipeline.reporting.section import Section
from xmodal_pipeline.reporting.similarity.maps import explorer_section, maps_section
from xmodal_pipeline.reporting.similarity.structures import similarity_section
from xmodal_pipeline.reporting.training.curves import diagnostics_section, training_section
from xmodal_pipeline.reporting.uv_value.maps import uv_maps_section
from xmodal_pipeline.reporting.uv_value.section import uv_value_section

_DRAWABLE = [variant for variant in DEFAULT_VARIANTS if variant in STRATEGIES]
"""Variants that see both modalities."""
_COMPARED = ("study", "comparison", "differences", "known_seed_spread", "chosen_variant")
_SECTIONS: dict[str, dict[str, tuple[Callable[..., Section], list[str] | dict[str, str]]]] = {
    "opening": {
        "planted": (planted_section, ["study", "simulated_truth", "uv_value", "known_uv_value_seeds"]),
    },
    "images": {
        "captures": (
            captures_section,
            ["study", "specimen_index", "rejected_captures", "partitions", "params:split", "contact_sheet"],
        ),
        "registration": (
            registration_section,
            ["study", "registration_qa", "params:registration", "registration_figure"],
        ),
        "colour": (colour_section, ["study", "calibration", "quality_report", "band_figure"]),
    },
    "answers": {
        "retrieval": (retrieval_section, [*_COMPARED, "gallery_figure"]),
        "similarity": (
            similarity_section,
            [
                *("study", "comparison", "known_seed_spread", "chosen_variant", "specimen_index"),
                *("params:reporting", "params:evaluation"),
            ],
        ),
        "classification": (classification_section, [*_COMPARED, "params:evaluation"]),
        "uv_value": (
            uv_value_section,
            [
                *("study", "uv_value", "known_uv_value_seeds", "specimen_index", "calibration"),
                "params:evaluation",
            ],
        ),
        "uv_maps": (uv_maps_section, {"study": "study"} | {name: f"{name}.uv_maps" for name in _DRAWABLE}),
    },
    "trust": {
        "training": (
            training_section,
            [
                *("study", "histories", "augmented_views", "known_seed_spread"),
                *("params:training", "params:loss"),
            ],
        ),
        "diagnostics": (diagnostics_section, ["study", "diagnostics"]),
        "labels": (
            labels_section,
            [
                *("study", "class_balance", "confounding", "species_tips", "modality_information"),
                "class_balance_figure",
            ],
        ),
    },
    "maps": {
        "umap": (maps_section, ["study", "specimen_index", "mapped_captures", "chosen_variant"]),
        "explorer": (
            explorer_section,
            ["study", "specimen_index", "mapped_captures", "prepared", "chosen_variant"],
        ),
    },
}
"""Sections and shares of sections in reading order, in groups that one node takes: what makes each, and from
which datasets."""


@datasets_named_by_variant()
def create_pipeline() -> Pipeline:
    """Tables and prepared captures to figures, the report and its appendix."""
    own = Pipeline(
        [*_choose_what_is_drawn(), *_describe(), *_lay_out_page()],
        namespace="report",
        prefix_datasets_with_namespace=False,
        tags=FIGURES,
    )
    return stack_results(DEFAULT_VARIANTS) + own


def _choose_what_is_drawn() -> list[Node | Pipeline]:
    gather = Node(nodes.gather_embeddings, ["embeddings", "projections"], "embedding_tables", name="gather")
    own = ["embeddings", "projections"]
    drawable = {variant: f"embedding_tables_{variant}" for variant in _DRAWABLE}
    return [
        per_variant([gather], own=own, suffixed=["embedding_tables"], variants=_DRAWABLE),
        Node(
            nodes.choose_variant,
            {"histories": "histories", "reporting": "params:reporting"} | drawable,
            "chosen_variant",
            name="choose_variant",
        ),
        Node(
            nodes.map_captures,
            {"reporting": "params:reporting"} | drawable,
            "mapped_captures",
            name="map_captures",
        ),
        Node(
            picture_gallery,
            ["study", "chosen_variant", "prepared", "specimen_index", "params:reporting"],
            "gallery_figure",
            name="picture_gallery",
        ),
    ]


def _describe() -> list[Node]:
    """A node per section, and one per group that gathers them in order."""
    described = [
        Node(make, inputs, f"section_{part}", name=f"describe_{part}", tags=DESCRIBES)
        for parts in _SECTIONS.values()
        for part, (make, inputs) in parts.items()
    ]
    gathered = [
        Node(
            nodes.gather_sections,
            {part: f"section_{part}" for part in parts},
            f"sections_{group}",
            name=f"gather_{group}",
        )
        for group, parts in _SECTIONS.items()
    ]
    return described + gathered


def _lay_out_page() -> list[Node]:
    return [
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
            tags=[OVERVIEW, DESCRIBES],
        ),
        Node(
            nodes.write_appendix,
            ["page_sections", "study", "parameters", "specimen_index"],
            "appendix",
            name="write_appendix",
            tags=DESCRIBES,
        ),
    ]
