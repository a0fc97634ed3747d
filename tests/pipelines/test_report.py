"""What the nodes of `report` pass on, and what the pipeline asks for."""

import pandas as pd
import pytest

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.pipelines.report import nodes
from xmodal_pipeline.pipelines.report.pipeline import create_pipeline
from xmodal_pipeline.reporting.figure import ReportFigure
from xmodal_pipeline.reporting.section import Chapter, Section, table_of

MOST_INPUTS = 7


@pytest.fixture(scope="module")
def pipeline():
    return create_pipeline()


def history(recall):
    return pd.DataFrame(
        {
            "validation_recall_at_1": [recall],
            "validation_match_above_other": [0.5],
            "is_kept": [True],
            "linear_share": [recall / 2],
        }
    )


def test_the_variant_that_validation_prefers_is_passed_on_with_its_tables():
    histories = pd.concat(
        [history(recall).assign(variant=name) for name, recall in (("separate", 0.2), ("concat", 0.3))]
    )
    tables = {name: (f"{name}'s embeddings", f"{name}'s projections") for name in ("separate", "concat")}
    chosen = nodes.choose_variant(histories, ReportingParams(), **tables)
    rule = "the best by recall@1 on validation specimens"
    assert chosen == ("concat", "concat's embeddings", "concat's projections", rule, 0.15)
    named = nodes.choose_variant(histories, ReportingParams(variant="separate"), **tables)
    assert named.projections == "separate's projections"


def figure(name, content):
    page = {"png": content, "pdf": content + b"p", "jpg": content + b"j"}
    return ReportFigure(name, name, "", {"double": (page,)})


def test_sections_come_in_order_with_every_figure_as_png_and_pdf():
    data = nodes.gather_sections(
        captures=Section("data", "Data", figures=(figure("sheet", b"1"),)),
        labels=Section(
            "data",
            chapters=(Chapter("labels", "Labels", figures=(figure("classes", b"2"),)),),
            tables=(table_of("T", ["a"], [["1"]], 1),),
        ),
    )
    arranged, files = nodes.arrange_sections(
        data, [Section("umap", "Map"), Section("similarity", "Alike"), Section("planted")]
    )
    assert [section.key for section in arranged] == ["data", "umap", "similarity"]
    assert [one.name for one in arranged[0].all_figures] == ["sheet", "classes"]
    assert arranged[0].tables[0].caption == "T"
    assert files == {
        "sheet_double.png": b"1",
        "sheet_double.pdf": b"1p",
        "classes_double.png": b"2",
        "classes_double.pdf": b"2p",
    }


def test_no_node_takes_more_than_seven_inputs(pipeline):
    assert {node.name: len(node.inputs) for node in pipeline.nodes if len(node.inputs) > MOST_INPUTS} == {}


def test_nothing_but_frames_and_figures_is_read_of_what_was_measured(pipeline):
    """Numbers come from the one tidy frame, and pixels from the one prepared entry."""
    inputs = pipeline.inputs()
    assert {"comparison", "differences", "uv_value", "prepared", "study"} <= inputs
    assert not [name for name in inputs if name.startswith("metrics_")]
    assert pipeline.outputs() == {"report", "appendix", "figures"}
