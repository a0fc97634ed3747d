"""What a user can name: pipelines, namespaces, slices; and that Kedro and kedro-viz take them quietly."""

import inspect
import subprocess
import sys
from collections import Counter

import pytest
from kedro.pipeline import Node

from xmodal_pipeline.params.variants import DEFAULT_VARIANTS, VARIANTS
from xmodal_pipeline.pipelines import STAGES
from xmodal_pipeline.pipelines.tags import CHECKS, Check

OTHERS = {
    "ablation": {"ablation"},
    "all_variants": {"train", "embed", "evaluate"},
    "apply": {"ingest", "apply"},
    "canonical": {"canonical"},
    "colour": {"colour"},
    "compare": {"compare"},
    "export": {"export"},
}
"""Pipelines beside the stages, with the stages whose nodes they share."""


def stages_of(pipeline):
    return {node.namespace.split(".")[0] for node in pipeline.nodes}


def names(nodes):
    return {node.name for node in nodes}


def test_every_pipeline_is_made_of_namespaces_called_like_stages(pipelines):
    assert set(pipelines) == {"__default__", *STAGES, *OTHERS}
    found = {name: stages_of(pipeline) for name, pipeline in pipelines.items()}
    # `report` stacks what training left once more: a variant may have been trained by itself.
    expected = {stage: {stage} for stage in STAGES} | {"__default__": set(STAGES)} | OTHERS
    assert found == expected | {"report": found["report"]}
    assert found["report"] <= {"train", "report"}


def test_the_default_is_the_sum_of_the_stages(pipelines):
    assert set(pipelines["__default__"].nodes) == {
        node for stage in STAGES for node in pipelines[stage].nodes
    }
    assert "captures" not in pipelines["__default__"].inputs()
    free = {name for name in pipelines["__default__"].inputs() if not name.startswith("param")}
    own = {f"{variant}.training_state" for variant in DEFAULT_VARIANTS}
    assert free == {
        "simulated_captures",
        "known_seed_spread",
        "known_uv_value_seeds",
        *own,
    }  # directories, and what may be absent


@pytest.mark.parametrize(("name", "first"), [("__default__", "split"), ("apply", "apply")])
def test_nothing_is_prepared_before_the_share_of_rejects_is_checked(pipelines, name, first):
    later = [node for node in pipelines[name].nodes if node.namespace.split(".")[0] == first]
    assert later
    for node in later:
        assert "ingest.check_rejected_share" in names(pipelines[name].to_nodes(node.name).nodes)


def test_a_stage_runs_by_its_namespace_and_a_variant_by_its_own(pipelines):
    default = pipelines["__default__"]
    assert set(default.only_nodes_with_namespaces(["ingest"]).nodes) == set(pipelines["ingest"].nodes)
    for variant in DEFAULT_VARIANTS:
        (train,) = default.only_nodes_with_namespaces([f"train.{variant}"]).nodes
        assert train.outputs == [f"{variant}.checkpoint", f"{variant}.history", f"{variant}.diagnostics"]
        assert f"params:variants.{variant}" in train.inputs
        assert f"{variant}.training_state" in train.inputs
        (embed,) = default.only_nodes_with_namespaces([f"embed.{variant}"]).nodes
        assert f"{variant}.checkpoint" in embed.inputs
        assert f"{variant}.embeddings" in embed.outputs
        evaluate = default.only_nodes_with_namespaces([f"evaluate.{variant}"])
        assert f"{variant}.embeddings" in evaluate.inputs()
        assert f"metrics_{variant}" in evaluate.all_outputs()


def test_the_tag_of_a_variant_is_its_way_from_training_to_metrics(pipelines):
    found = pipelines["__default__"].only_nodes_with_tags("concat")
    assert {node.namespace for node in found.nodes} >= {"train.concat", "embed.concat", "evaluate.concat"}
    assert all(node.namespace.endswith(".concat") for node in found.nodes)


@pytest.mark.parametrize("name", [*STAGES, *OTHERS])
def test_kedro_has_nothing_to_warn_of(name, monkeypatch):
    """Warnings are errors here. This one comes once in a process, which a test before may have used up."""
    import importlib

    monkeypatch.setattr(Node, "__dotted_dataset_name_warned__", False, raising=False)
    module = importlib.import_module(f"xmodal_pipeline.pipelines.{name}")
    assert module.create_pipeline().nodes


def test_no_node_takes_more_than_seven_inputs_by_name(pipelines):
    """What comes once per variant, or per baseline, is gathered by `**`."""
    nodes = [node for pipeline in pipelines.values() for node in pipeline.nodes]
    counts = {node.name: len(named_arguments(node.func)) for node in nodes}
    assert {name: count for name, count in counts.items() if count > 7} == {}


def named_arguments(function):
    of_all = inspect.signature(function).parameters.values()
    return [one for one in of_all if one.kind is not inspect.Parameter.VAR_KEYWORD]


def kinds(catalog, node):
    return {type(catalog.get(name)).__name__ for name in node.outputs}


def is_in_memory(catalog, name):
    return name not in catalog or type(catalog.get(name)).__name__ == "MemoryDataset"


def whole(pipelines):
    """Every node of every pipeline; where stages and `all_variants` differ, that of the stages."""
    found = {}
    for name in ("all_variants", *OTHERS, *STAGES):
        found |= {node.name: node for node in pipelines[name].nodes}
    return found.values()


def test_the_slice_figures_draws_every_figure_and_nothing_else(catalog, pipelines):
    drawn = {"FigureDataset", "FilesDataset"}
    makers = names(node for node in whole(pipelines) if kinds(catalog, node) & drawn)
    tagged = names(node for node in whole(pipelines) if "figures" in node.tags)
    assert makers <= tagged
    others = {name for name in tagged - makers if not name.startswith("report.")}
    assert others == {"ingest.make_thumbnails"}  # what figures of `ingest` are drawn from
    assert_runs_alone(catalog, pipelines, "figures")


def test_the_slice_tables_writes_every_table_that_a_person_reads(catalog, pipelines):
    readable = {"comparison", "differences", "uv_value", "compared", "ablation", "histories", "diagnostics"}
    makers = names(
        node
        for node in whole(pipelines)
        if "AtomicCSVDataset" in kinds(catalog, node) or readable & set(node.outputs)
    )
    tagged = names(node for node in whole(pipelines) if "tables" in node.tags)
    assert tagged - makers == {"compare.measure_runs"}  # passes on what `compared` is made of
    assert makers <= tagged
    assert_runs_alone(catalog, pipelines, "tables")


def test_the_slice_training_is_what_fits_models(catalog, pipelines):
    fitted = {"CheckpointDataset", "AtomicPartitionedDataset"}
    stages = ("train", "ablation", "all_variants")
    nodes = [node for stage in stages for node in pipelines[stage].nodes]
    tagged = {node.name for node in nodes if "training" in node.tags}
    assert tagged == {node.name for node in nodes if kinds(catalog, node) & fitted}
    assert tagged == {f"train.{name}.train_variant" for name in VARIANTS} | {"ablation.train_cells"}
    assert not any("training" in node.tags for node in pipelines["apply"].nodes)


def assert_runs_alone(catalog, pipelines, tag):
    """Whatever a slice reads is a file, or made within it."""
    for pipeline in pipelines.values():
        slice_ = pipeline.only_nodes_with_tags(tag)
        wanted = {name for name in slice_.inputs() if not name.startswith("param")}
        assert {name for name in wanted if is_in_memory(catalog, name)} == set()


NEEDS = {
    Check.SPECIMENS: lambda node: "simulated_captures" in node.inputs,
    Check.TRAINING: lambda node: any(name.endswith(".training_state") for name in node.inputs),
    Check.FEATURES: lambda node: "uv_value" in node.outputs,
    Check.CELLS: lambda node: "ablation_state" in node.inputs,
    Check.CHECKPOINT: lambda node: "params:apply" in node.inputs,
}
"""By what a node reads and writes, which check it needs."""


def test_every_check_is_asked_for_by_the_nodes_that_need_it(pipelines):
    nodes = list(whole(pipelines))
    assert set(NEEDS) == set(Check)
    for check, is_needed in NEEDS.items():
        needy = names(node for node in nodes if is_needed(node))
        assert needy
        assert names(node for node in nodes if check in node.tags) == needy, check
    assert {tag for node in nodes for tag in node.tags if tag.startswith(CHECKS)} == set(Check)


@pytest.fixture
def viz(catalog, pipelines):
    """What kedro-viz makes of the pipelines."""
    from kedro_viz.data_access.managers import DataAccessManager

    manager = DataAccessManager()
    manager.add_catalog(catalog, pipelines)
    manager.add_pipelines(pipelines)
    return manager


def test_kedro_viz_collapses_the_stages_and_opens_on_few_boxes(viz, pipelines):
    tree = viz.create_modular_pipelines_tree_for_registered_pipeline("__default__")
    boxes = [viz.nodes.get_node_by_id(child.id) for child in tree["__root__"].children]
    kinds = Counter(box.type for box in boxes)
    assert (kinds["modularPipeline"], kinds["task"]) == (len(STAGES), 0)
    inside = {child.id for child in tree["train"].children if child.type == "modularPipeline"}
    assert inside == {f"train.{variant}" for variant in DEFAULT_VARIANTS}
    for tag in ("overview", *DEFAULT_VARIANTS):  # the addresses in docs/how-to/stages.md
        assert 10 <= len(shown(boxes, tag)) <= 20, tag


def test_the_overview_tells_the_chain_from_the_captures_to_what_uv_adds(viz):
    tree = viz.create_modular_pipelines_tree_for_registered_pipeline("__default__")
    boxes = [viz.nodes.get_node_by_id(child.id) for child in tree["__root__"].children]
    found = shown(boxes, "overview")
    assert {box.name for box in found if box.type == "modularPipeline"} == set(STAGES)
    results = {"specimen_index", "rejected_captures", "prepared", "comparison", "uv_value", "report"}
    results |= {f"separate.{name}" for name in ("checkpoint", "embeddings", "uv_maps")}
    assert results <= {box.name for box in found if box.type == "data"}


def shown(boxes, tag):
    return [box for box in boxes if tag in box.tags and box.type != "parameters"]


def test_kedro_viz_shows_layers(viz, pipelines):
    for name in pipelines:
        viz.create_modular_pipelines_tree_for_registered_pipeline(name)  # collapsed, as it opens
        # None where their order is circular.
        assert len(viz.get_sorted_layers_for_registered_pipeline(name)) > 1, name


def test_the_registry_stays_light():
    heavy = ("torch", "sklearn", "numba", "umap", "plotly", "scipy.stats", "scipy.optimize", "kedro_viz")
    code = (
        "import sys; from kedro.framework.project import configure_project, pipelines;"
        "configure_project('xmodal_pipeline'); dict(pipelines);"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"
