"""What stops a command before its first node, with which words."""

import os
import re
from concurrent.futures.process import BrokenProcessPool

import pandas as pd
import pytest
from joblib import Parallel, delayed
from kedro.framework.cli.utils import KedroCliError
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError
from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.datasets.study import StudyDataset
from xmodal_pipeline.errors import OutputHeldError, RunStoppedError, SaveError
from xmodal_pipeline.hooks import ProjectHooks, _taken_folder
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.locks import hold_outputs
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.pipelines import STAGES
from xmodal_pipeline.pipelines.tags import Check
from xmodal_pipeline.pipelines.variants import datasets_named_by_variant


def run(project, params=None, **kwargs):
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="smoke", runtime_params=params or {}) as session:
        return session.run(**kwargs)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"trainin": {}}, r"trainin: unknown key; allowed here: .*did you mean 'training'\?"),
        ({"mine": {"n": 3}}, r"mine: unknown key; .*, variants; a new group is a model in params/"),
        ({"loss": {"temprature": 1}}, r"loss.temprature: unknown key; .*did you mean 'temperature'\?"),
        ({"training": {"lr": "high"}}, r"training.lr: .*valid number.*got 'high'"),
        (
            {"specimens": {"mask": "blue"}},
            r"specimens.mask: .*'band', 'alpha', 'white_background', 'patches' or 'none'",
        ),
        (
            {"variants": {"fusion": {"fusion_type": "concat"}}},
            r"variants: must be among .*'concat_shared'.*got \['fusion'\]",
        ),
        ({"training": {"backbone": "resnet19"}}, r"training.backbone: .*resnet18"),
        (
            {"specimens": {"root": "absent/folder"}},
            r"specimens.root: must be an existing folder, got 'absent/folder'",
        ),
        (
            {"specimens": {"label": "colour"}},
            r"specimens.label: must be a label column, got \['colour'\]; the metadata has",
        ),
        (
            {"specimens": {"filter": "sex.to_csv('x') == 'm'"}},
            r"specimens.filter: must compare labels with values",
        ),
        (
            {"specimens": {"filter": "age == 'adult'"}},
            r"specimens.filter: must name columns of the metadata \[.*'sex'.*\], not age",
        ),
        ({"specimens": {"mask": "alpha"}}, r"specimens: mask must be .* for stacks, got alpha"),
        (
            {"specimens": {"rgb_column": "file.vis"}},
            r"specimens: rgb_column and uv_column must be set together",
        ),
        (
            {"loss": {"joint_weight": 0.0}},
            r"loss.joint_weight: must be positive for variants.(attention|concat)",
        ),
        ({"specimens": {"tree": "birds.nwk"}}, r"specimens.tree: must be an existing file, got 'birds.nwk'"),
        (
            {"evaluation": {"uv_value_features": ["concat_shered"]}},
            r"evaluation.uv_value_features: must be among \['colour', .*'concat_shared'.*\['concat_shered'\]",
        ),
        (
            {"evaluation": {"uv_value_features": ["concat_shared"]}},
            r"evaluation.uv_value_features: must be among the feature sets of this run "
            r"\['colour', 'separate', 'concat', 'attention'\], got \['concat_shared'\]; .*all_variants",
        ),
        ({"study": "no/slash"}, r"study: must be letters, digits, .*, got 'no/slash'; choose another name"),
        ({"study": 7}, r"study: must be letters, .*, got 7, which is how YAML reads .*\"study='007'\""),
        ({"study": None}, r"study: must be letters, .*, got None, which is how YAML reads"),
        ({"specimens": {"confounders": "sex"}}, r"confounders: must be a list, got 'sex'; write \[sex\] for"),
        (
            {"specimens": {"confounders": {"0": "sex"}}},
            r"parameters: files and --params must fit together, got: ",
        ),
        (
            {"specimens": {"root": "~/wings"}},
            r"got '~/wings'; write \$HOME/wings: shells know '~' at the beg",
        ),
        ({"specimens": {"root": "pyproject.toml"}}, r"got the file 'pyproject.toml'; give its folder, \.$"),
    ],
)
def test_a_faulty_parameter_stops_the_run_and_names_its_key(project, params, message):
    with pytest.raises(KedroCliError, match=message):
        run(project, params)
    assert not list((project / "data").rglob("capture_folder.json"))


def test_a_part_of_a_stage_is_named_after_it(project):
    message = r"^train: needs prepared; run 'kedro run --pipelines ingest', then '--pipelines split'$"
    with pytest.raises(KedroCliError, match=message):
        # A joint weight of 0 is impossible for the variants that this run leaves alone.
        run(project, {"loss": {"joint_weight": 0.0}}, namespaces=["train.separate"])
    with pytest.raises(
        KedroCliError, match=r"^ingest: needs capture_list, study; run 'kedro run --pipelines ingest'$"
    ):
        run(project, pipeline_names=["ingest"], node_names=["ingest.calibrate_captures"])


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("split", r"split: needs calibration, .*study; run 'kedro run --pipelines ingest'$"),
        (
            "train",
            r"train: needs .*prepared.*; run 'kedro run --pipelines ingest', then '--pipelines split'$",
        ),
        (
            "embed",
            r"embed: needs .*separate.checkpoint.*ingest', then '--pipelines split', then .* train'$",
        ),
        ("compare", r"compare: needs .*contributions_separate.* embed', then '--pipelines evaluate'$"),
    ],
)
def test_a_stage_without_its_inputs_says_which_stages_make_them(project, stage, message):
    with pytest.raises(KedroCliError, match=re.compile(message)):
        run(project, pipeline_names=[stage])


def test_the_study_of_a_parameters_file_must_be_that_of_the_catalog(project):
    (project / "conf" / "smoke" / "parameters.yml").write_text("study: other\n")
    with pytest.raises(KedroCliError, match=r"study: must be set in globals.yml .*got 'other'"):
        run(project)


def test_a_parameters_file_that_is_no_yaml_stops_the_run_by_its_name(project):
    (project / "conf" / "smoke" / "parameters.yml").write_text("training:\n  lr: [1\nloss: {}\n")
    with pytest.raises(KedroCliError, match=r"^parameters: files .* got: .*smoke/parameters.yml"):
        run(project)


def test_an_environment_without_a_folder_stops_the_run(project):
    bootstrap_project(project)
    with (
        KedroSession.create(project_path=project, env="museun") as session,
        pytest.raises(
            KedroCliError, match=r"^--env: .*got 'museun'; did you mean 'museum'\?; there are base"
        ),
    ):
        session.run()


def test_a_study_may_be_called_by_a_number_in_quotes(project):
    with pytest.raises(KedroCliError, match=r"^split: needs "):
        run(project, {"study": "007"}, pipeline_names=["split"])


def test_a_shared_variant_may_be_primary_where_it_is_run(project):
    params = {"evaluation": {"uv_value_features": ["concat_shared"]}}
    with pytest.raises(KedroCliError, match=r"^all_variants: needs .*prepared"):
        run(project, params, pipeline_names=["all_variants"])


def test_species_spelt_alike_stop_the_run_without_a_traceback(project):
    """The metadata's species are known only once ingest runs."""
    (project / "birds.nwk").write_text("(Parus_major:1,Sturnus_vulgaris:1);")
    index = pd.DataFrame({"capture_id": ["a", "b"], "specimen_id": ["a", "b"]})
    stored = project / "data" / "03_primary" / "smoke" / "specimen_index.parquet"
    stored.parent.mkdir(parents=True)
    index.assign(species=["parus major", "parus_major"]).to_parquet(stored)
    study = open_study(project, SpecimensParams(tree="birds.nwk", scale="uint16"), [])
    StudyDataset(filepath=str(project / "data" / "02_intermediate" / "smoke" / "study.json")).save(study)
    with pytest.raises(KedroCliError, match=r"species must differ .* got \['parus major', 'parus_major'\]"):
        run(project, pipeline_names=["ingest"], node_names=["ingest.match_tree"])


WRONG = {
    Check.SPECIMENS: ("specimens", {"label": "colour"}, "specimens.label: must be a label column"),
    Check.TRAINING: ("training", {"backbone": "resnet19"}, "training.backbone: .*resnet18"),
    Check.FEATURES: (
        "evaluation",
        {"uv_value_features": ["concat_shared"]},
        "must be among the feature sets",
    ),
    Check.CELLS: ("ablation", {"grid": {"training.backbone": ["resnet19"]}}, "ablation.grid: .*resnet18"),
    Check.CHECKPOINT: (
        "apply",
        {"checkpoint": "absent.safetensors"},
        "apply.checkpoint: must be an existing",
    ),
}


@pytest.mark.parametrize("check", Check)
def test_every_check_fires_whatever_its_nodes_are_called(project, pipelines, check):
    group, values, message = WRONG[check]
    parts = {node for name in (*STAGES, "ablation", "apply") for node in pipelines[name].nodes}
    with datasets_named_by_variant():
        renamed = Pipeline(
            Node(lambda *inputs: inputs, node.inputs, node.outputs, name=f"node_{at}", tags=node.tags)
            for at, node in enumerate(node for node in parts if check in node.tags)
        )
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="smoke", runtime_params={group: values}) as session:
        context = session.load_context()
        hooks = ProjectHooks()
        hooks.after_context_created(context)
        with pytest.raises(KedroCliError, match=message):
            hooks.before_pipeline_run({"pipeline_names": ["made"]}, renamed, context.catalog)


def test_a_check_that_nobody_knows_stops_the_run(project, catalog):
    hooks = ProjectHooks()
    hooks._parameters = Parameters()
    made = Pipeline([Node(lambda: 1, None, "one", name="one", tags="checks.nobody")])
    with pytest.raises(ValueError, match=r"'checks.nobody' is not a valid Check"):
        hooks.before_pipeline_run({"pipeline_names": ["made"]}, made, catalog)


class Stored:
    """As much of a catalog as is asked."""

    def __init__(self, **datasets):
        self.datasets = datasets

    def exists(self, name):
        return name in self.datasets

    def load(self, name):
        return self.datasets[name]


def test_a_study_is_taken_once_a_capture_is_accepted():
    folder = {"root": "/data/wings", "is_simulated": False}
    none, one = pd.DataFrame({"capture_id": []}), pd.DataFrame({"capture_id": ["a"]})
    assert _taken_folder(Stored()) is None
    assert _taken_folder(Stored(capture_folder=folder)) is None
    assert _taken_folder(Stored(capture_folder=folder, specimen_index=none)) is None
    assert _taken_folder(Stored(capture_folder=folder, specimen_index=one)) == folder


def test_no_usable_capture_ends_in_the_rejects_by_code_without_rows_and_previews():
    rows = [("a.tif", "BAND_COUNT", "six"), ("b", "NO_CAPTURE", "row 2"), ("c.jpg", "PREVIEW", "beside")]
    rejected = pd.DataFrame(rows, columns=["filename", "code", "reason"])
    index = pd.DataFrame({"capture_id": []})
    node = Node(lambda index: index, "specimen_index", "one", name="one")
    stored = Stored(rejected_captures=rejected)
    with pytest.raises(RunStoppedError, match="got none and 1 rejected") as caught:
        ProjectHooks().before_node_run(node, stored, {"specimen_index": index})
    assert "1 BAND_COUNT" in caught.value.details
    assert "PREVIEW" not in caught.value.details


def test_a_disk_that_fails_and_a_run_that_is_held_end_in_their_message():
    for stopped in (SaveError("save 'x': disk must have room"), OutputHeldError("output 'x': must")):
        wrapped = DatasetError("Failed while saving")
        wrapped.__cause__ = DatasetError("once more")
        wrapped.__cause__.__cause__ = stopped
        with pytest.raises(KedroCliError, match=f"^{stopped}$"):
            ProjectHooks().on_pipeline_error(wrapped)


def test_a_killed_worker_ends_in_what_to_do():
    with pytest.raises(BrokenProcessPool) as killed:
        Parallel(n_jobs=2)(delayed(os._exit)(1) for _ in range(2))
    with pytest.raises(KedroCliError, match=r"one was killed, .* set quality.n_jobs=1,evaluation.n_jobs=1"):
        ProjectHooks().on_pipeline_error(killed.value)


def test_a_second_run_of_one_output_is_refused_with_the_first_ones_process(project):
    with (
        hold_outputs([project / "data/02_intermediate/smoke/study.json"]),
        pytest.raises(
            KedroCliError, match=rf"study.json': must be made by one run .* process {os.getpid()} on"
        ),
    ):
        run(project, pipeline_names=["ingest"])
    assert not list((project / "data").rglob("*.parquet"))


def test_nodes_get_the_values_of_the_preset(project, tmp_path):
    bootstrap_project(project)
    given = {"study": "mine", "specimens": {"root": str(tmp_path)}}
    with KedroSession.create(project_path=project, env="smoke", runtime_params=given) as session:
        catalog = session.load_context().catalog
        assert catalog.load("params:training").batch_size == 16  # as the environment says
        assert catalog.load("params:loss").temperature == 0.07
        assert catalog.load("params:augmentation").geometry.rotation_deg == 10.0
        assert catalog.load("params:evaluation").c_values == (0.01, 1.0, 100.0)
