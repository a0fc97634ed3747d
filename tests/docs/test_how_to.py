"""Pages that name files, pipelines, nodes and tags name those that there are."""

import re
import shlex
from pathlib import Path

import pytest
from kedro.framework.cli.project import run
from kedro.pipeline import Pipeline

from xmodal_pipeline.command_line import check_parts, check_pipelines

ROOT = Path(__file__).parents[2]
SLICES = (ROOT / "docs" / "how-to" / "slices.md").read_text()
ROWS = re.findall(r"^\| `kedro run (.*?)` \| (.*) \|$", SLICES, re.MULTILINE)


def part(pipelines, text):
    """The pipeline that a command asks for, as Kedro narrows it."""
    context = run.make_context("run", shlex.split(text), resilient_parsing=False)
    options = context.params
    names = options["pipelines"] or ["__default__"]
    check_pipelines(names)
    whole = sum((pipelines[name] for name in names), Pipeline([]))
    check_parts(whole, options)
    given = {
        name: options[name]
        for name in ("tags", "from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs")
        if options[name]
    }
    return whole.filter(**given, node_namespaces=options["namespaces"] or None)


@pytest.mark.parametrize("command", re.findall(r"`kedro run (--.*?)`", SLICES))
def test_the_slices_of_the_page_exist(pipelines, command):
    assert part(pipelines, command).nodes


def test_the_page_counts_the_nodes_of_each_slice(pipelines):
    counted = 0
    for command, says in ROWS:
        number = re.search(r"(\d+)(?: of (\d+)| nodes)", says)
        if number and "only-missing" not in command:
            counted += 1
            assert len(part(pipelines, command).nodes) == int(number[1]), command
            if number[2]:
                whole = re.sub(r" --tags \S+", "", command)
                assert len(part(pipelines, whole).nodes) == int(number[2])
    assert counted >= 4


def test_every_folder_and_file_of_conf_is_explained():
    text = (ROOT / "conf" / "README.md").read_text()
    for path in (ROOT / "conf").rglob("*.yml"):
        name = re.sub(r"^(parameters|catalog)_(?!run\b)\w+", r"\1_<stage>", path.stem)
        assert f"`{name}.yml`" in text, path
    committed = {"base", "local", "smoke", "museum"}
    assert {one for one in committed if f"`{one}/`" in text} == committed
