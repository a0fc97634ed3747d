"""What stops a command before its first node, with which words."""

import json
import re

import pandas as pd
import pytest
from kedro.framework.cli.utils import KedroCliError
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project


def run(project, params=None, **kwargs):
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="smoke", runtime_params=params or {}) as session:
        return session.run(**kwargs)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"trainin": {}}, r"trainin: unknown key; allowed here: .*did you mean 'training'\?"),
        ({"loss": {"temprature": 1}}, r"loss.temprature: unknown key; .*did you mean 'temperature'\?"),
        ({"training": {"lr": "high"}}, r"training.lr: .*valid number.*got 'high'"),
        ({"specimens": {"mask": "blue"}}, r"specimens.mask: .*'band', 'alpha', 'white_background' or 'none'"),
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
        ({"study": "no/slash"}, r"study: string should match pattern"),
    ],
)
def test_a_faulty_parameter_stops_the_run_and_names_its_key(project, params, message):
    with pytest.raises(KedroCliError, match=message):
        run(project, params)
    assert not list((project / "data").rglob("captures.json"))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("split", r"split: needs calibration, captures, .*; run 'kedro run --pipelines ingest'$"),
        (
            "train",
            r"train: needs .*rgb_images.*; run 'kedro run --pipelines ingest', then '--pipelines split'$",
        ),
        (
            "embed",
            r"embed: needs .*separate.checkpoint.*ingest', then '--pipelines split', then .* train'$",
        ),
        ("compare", r"compare: needs .*separate.embeddings.* train', then '--pipelines embed'$"),
    ],
)
def test_a_stage_without_its_inputs_says_which_stages_make_them(project, stage, message):
    with pytest.raises(KedroCliError, match=re.compile(message)):
        run(project, pipeline_names=[stage])


def test_the_study_of_a_parameters_file_must_be_that_of_the_catalog(project):
    (project / "conf" / "smoke" / "parameters.yml").write_text("study: other\n")
    with pytest.raises(KedroCliError, match=r"study: must be set in globals.yml .*got 'other'"):
        run(project)


def test_a_shared_variant_may_be_primary_where_it_is_run(project):
    params = {"evaluation": {"uv_value_features": ["concat_shared"]}}
    with pytest.raises(KedroCliError, match=r"^all_variants: needs captures, "):
        run(project, params, pipeline_names=["all_variants"])


def test_species_spelt_alike_stop_the_run_without_a_traceback(project):
    """The metadata's species are known only once ingest runs."""
    (project / "birds.nwk").write_text("(Parus_major:1,Sturnus_vulgaris:1);")
    index = pd.DataFrame({"capture_id": ["a", "b"], "specimen_id": ["a", "b"]})
    stored = project / "data" / "03_primary" / "smoke" / "specimen_index.parquet"
    stored.parent.mkdir(parents=True)
    index.assign(species=["parus major", "parus_major"]).to_parquet(stored)
    captures = {"root": str(project), "is_simulated": False, "specimens": {"tree": "birds.nwk"}}
    stored = project / "data" / "01_raw" / "smoke" / "captures.json"
    stored.parent.mkdir(parents=True)
    stored.write_text(json.dumps(captures))
    with pytest.raises(KedroCliError, match=r"species must differ .* got \['parus major', 'parus_major'\]"):
        run(project, pipeline_names=["ingest"], node_names=["match_tree"])
