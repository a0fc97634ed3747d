"""The pipeline `canonical`."""

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.pipelines.canonical import nodes

_CAPTURES = ["study", "specimen_index", "registration_qa"]
_CHECKED = "ingest_summary"
"""Written once the share of rejects was found good enough."""


def create_pipeline() -> Pipeline:
    """Index and files to what other programs open, per accepted capture. Not a stage of the default run.

    A registered TIFF for GDAL, one for ImageJ, and pictures for talks; `--to-outputs` takes one of them.
    """
    return Pipeline(
        [
            Node(
                nodes.write_captures,
                [*_CAPTURES, _CHECKED],
                "canonical_captures",
                name="write_canonical_captures",
            ),
            Node(nodes.write_captures, [*_CAPTURES, _CHECKED], "imagej_stacks", name="write_imagej_stacks"),
            Node(
                nodes.draw_presentation_images,
                [*_CAPTURES, "calibration", _CHECKED],
                "presentation_images",
                name="draw_presentation_images",
            ),
        ],
        namespace="canonical",
        prefix_datasets_with_namespace=False,
    )
