"""What is typed after `kedro run` and cannot be run is refused in words, by the name of its option."""

import subprocess

import click
import pytest
from click.testing import CliRunner
from kedro.framework.cli.project import run
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog, Version
from kedro.pipeline import Pipeline
from kedro_datasets.pandas import CSVDataset
from omegaconf import OmegaConf

from xmodal_pipeline.command_line import CommandLineHooks, check_options, check_parts, check_versions, propose
from xmodal_pipeline.errors import ParametersError


def kedro_run(project, *options):
    bootstrap_project(project)
    result = CliRunner().invoke(run, ["--env", "smoke", *options])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception  # else a traceback
    assert not list((project / "data").rglob("*.*"))
    return result.output


@pytest.mark.filterwarnings("ignore::kedro.KedroDeprecationWarning")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--pipelines", "split,trian"],
            "--pipelines: must be among the pipelines, got 'trian'; did you mean 'train'?; there are "
            "__default__, ablation, all_variants, apply, canonical, colour, compare, embed, evaluate, "
            "export, ingest, report, split, train\n",
        ),
        (["--pipeline", "trian"], "got 'trian'; did you mean 'train'?"),
        (["--env", "smok"], "got 'smok'; did you mean 'smoke'?; there are base, local, museum, smoke\n"),
        (
            ["--pipelines", "train", "--namespaces", "train.seperate"],
            "--namespaces: must be names of this run, got 'train.seperate'; did you mean 'train.separate'?; "
            "there are train, train.attention, train.concat, train.rgb_only, train.separate, train.uv_only\n",
        ),
        (
            ["--namespaces", "ingets"],
            "--namespaces: must be names of this run, got 'ingets'; did you mean 'in",
        ),
        (["--nodes", "export_tables"], "did you mean 'evaluate.export_tables' or 'ingest.export_tables'?\n"),
        (["--to-outputs", "canonical_captures"], "; 'canonical_captures' is in --pipelines canonical\n"),
        (
            ["--pipelines", "split,colour", "--nodes", "embed.separate.embed_variant,split.find_leaks"],
            "; 'embed.separate.embed_variant' is in --pipelines all_variants or embed; there are",
        ),
        (["--nodes", "ingest.mach_tree"], "got 'ingest.mach_tree'; did you mean 'ingest.match_tree'?\n"),
        (["--from-nodes", "ingest.mach_tree"], "--from-nodes: must be names of this run, got 'ingest.mach"),
        (["--to-nodes", "ingest.mach_tree"], "--to-nodes: must be names of this run, got 'ingest.mach_tree'"),
        (
            ["--from-inputs", "prepard"],
            "--from-inputs: must be names of this run, got 'prepard'; did you mean 'p",
        ),
        (
            ["--to-outputs", "uv_valu"],
            "--to-outputs: must be names of this run, got 'uv_valu'; did you mean 'uv_",
        ),
        (
            ["--pipelines", "split", "--tags", "figurs"],
            "--tags: must be names of this run, got 'figurs'; there are",
        ),
        (
            ["--tags", "figures", "--namespaces", "split"],
            "--tags figures --namespaces split: must leave a node to run, got none; drop one of them\n",
        ),
        (["--runner", "ParallelRunner"], "--runner: must be SequentialRunner, got 'ParallelRunner'"),
        (["--runner", "ThreadRunner"], "--runner: must be SequentialRunner"),
        (
            ["--pipelines", "ablation", "--async"],
            "--async: must be left out where a node saves as it goes, got ablation.train_cells, whose",
        ),
        (
            ["--pipelines", "ablation", "--runner-params", "is_async=true"],
            "--runner-params=is_async=True: must be left out where a node saves as it goes, got ablation.",
        ),
    ],
)
def test_a_name_that_does_not_exist_is_refused_with_those_that_do(project, options, message):
    assert message in kedro_run(project, *options)


def test_a_pipeline_as_kedro_creates_it_has_no_node_to_run():
    with pytest.raises(ParametersError, match=r"^--pipelines mine: must hold a node, got none; "):
        check_parts(Pipeline([]), {"pipelines": ["mine"]})


def test_a_version_is_asked_only_of_datasets_that_keep_them(project):
    message = (
        "--load-versions: must name datasets with 'versioned: true' in the catalog, got uv_value; outputs"
    )
    assert message in kedro_run(project, "--load-versions", "uv_value:2026-11-29T12.00.00.000Z")
    catalog = DataCatalog({"mine": CSVDataset(filepath="mine.csv", version=Version(None, None))})
    check_versions(catalog, {"mine": "2026-11-29T12.00.00.000Z"})
    with pytest.raises(ParametersError, match="got yours; outputs of other settings"):
        check_versions(DataCatalog({"yours": CSVDataset(filepath="yours.csv")}), {"yours": "1"})


def test_tags_of_checks_are_not_for_users(project):
    output = kedro_run(project, "--pipelines", "train", "--tags", "zzz")
    assert "there are attention, concat" in output
    assert "checks." not in output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runner": "ThreadRunner"}, r"^--runner: must be SequentialRunner.*, got 'ThreadRunner'"),
        ({"runner": "kedro.runner.ThredRunner"}, r"^--runner: must be SequentialRunner.*ThredRunner'"),
        ({"runner_params": "max_workers=2"}, r"^--runner-params: .* is_async=True .*, got max_workers=2$"),
        ({"runner_params": "is_async=True,max_workers=2"}, r"got is_async=true,max_workers=2$"),
        ({"runner_params": "is_async=maybe"}, r"^--runner-params: .*, got is_async=maybe$"),
        ({"runner_params": "x=[1]"}, r"^--runner-params: .*, got x=\[1\]$"),
        ({"runner_params": "x=[1,2]"}, r"^--runner-params: must be key=value, got 'x=\[1,2\]'$"),
        ({"runner_params": "is_async"}, r"^--runner-params: .*, got is_async=null$"),
        ({"pipeline": "a", "pipelines": "b,c"}, r"^--pipeline: .*; write --pipelines a,b,c$"),
        ({"params": "training.seed:3"}, r"got 'training.seed:3'; write --params training.seed=3$"),
        ({"params": "study"}, r"^--params: must be key=value, got 'study'; write --params study=<value>$"),
        ({"params": "study=a,study=*b"}, r"study must be readable as YAML, got \*b; .* \"study='\*b'\"$"),
        ({"params": "specimens.confounders=[session"}, r"specimens.confounders must be readable as YAML"),
    ],
)
def test_what_kedro_cannot_parse_is_said_in_words(options, message):
    with pytest.raises(ParametersError, match=message):
        check_options(options)


def test_what_kedro_can_parse_passes():
    check_options({})
    check_options({"params": "study=a, specimens.filter=view == 'dorsal' and age >= 2,", "pipelines": "a,b"})
    check_options({"params": "specimens.confounders=[session]", "runner": "kedro.runner.SequentialRunner"})
    check_options({"runner_params": "is_async=True"})  # as Kedro says to write --async
    check_options({"runner_params": "is_async=True,"})
    check_options({"runner_params": {"is_async": False}})
    check_options({"runner": "of_a_cluster.DaskRunner", "runner_params": "n_workers=2"})


@pytest.mark.parametrize("written", ["[session, year]", "session,year", "(session,year)"])
def test_a_list_is_written_in_lines_as_the_error_says(written):
    with pytest.raises(ParametersError, match="Kedro splits at every comma") as caught:
        check_options({"params": f"study=a,specimens.confounders={written},training.seed=1"})
    quoted = str(caught.value).split("--params ")[-1].split(" (bash")[0]
    typed = subprocess.run(["bash", "-c", f"printf %s {quoted}"], capture_output=True, text=True, check=True)
    check_options({"params": typed.stdout})
    assert OmegaConf.to_container(OmegaConf.from_dotlist(typed.stdout.split(","))) == {
        "study": "a",
        "specimens": {"confounders": ["session", "year"]},
        "training": {"seed": 1},
    }


def test_only_runs_of_this_project_are_looked_at(project, capsys):
    ours, typed = bootstrap_project(project), ["run", "-e", "smoke", "--params=specimens.confounders=[a,b]"]
    hook = CommandLineHooks().before_command_run
    hook(None, typed)
    hook(ours._replace(package_name="another"), typed)
    hook(ours, ["catalog", *typed[1:]])
    hook(ours, ["run", "--unknown"])
    with pytest.raises(SystemExit, match="2"):
        hook(ours, typed)
    assert capsys.readouterr().err.startswith("--params: must be key=value between commas, got 'b]'")


def test_a_proposed_command_keeps_what_chooses_the_study():
    assert propose("--pipelines train") == "kedro run --pipelines train"
    params = {"study": "my wings", "training": {"lr": 0.01, "compile": True}, "specimens": {"root": None}}
    with click.Context(run) as context:
        context.params = {"runner": None, "env": "wings", "params": params}
        assert propose("--pipelines train") == (
            "kedro run --pipelines train --env wings "
            "--params 'study=my wings,training.lr=0.01,training.compile=true,specimens.root=null'"
        )


def test_a_stage_that_lacks_its_inputs_proposes_the_same_study(project):
    said = kedro_run(project, "--pipelines", "report", "--params", "study=other")
    assert "'kedro run --pipelines ingest --env smoke --params study=other', then '--pipelines split'" in said
