"""Pages that name files, pipelines, nodes and tags name those that there are."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from kedro.framework.cli.project import run
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from xmodal_pipeline.command_line import check_parts, check_pipelines
from xmodal_pipeline.dictionary import TABLES
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.reading import read_counts
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import SpecimensParams

ROOT = Path(__file__).parents[2]
SLICES = (ROOT / "docs" / "how-to" / "slices.md").read_text()
LEVELS = [1000, 2000, 3000, 4000]
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


def test_the_pipeline_of_ones_own_lists_what_is_claimed(tmp_path):
    page = (ROOT / "docs" / "how-to" / "new-pipeline.md").read_text()
    nodes, pipeline = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    scope = {}
    exec(nodes, scope)
    exec(re.sub(r"^from xmodal_pipeline.*$", "", pipeline, flags=re.MULTILINE), scope)
    entry = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1].replace("${_reporting}", tmp_path.as_posix())
    catalog = DataCatalog.from_config(yaml.safe_load(entry))
    rows = [
        ("a", "primary", "uv_adds", 0.04),
        ("b", "primary", "unresolved", 0.001),
        ("c", "primary", "uv_only", 0.01),
        ("d", "other", "uv_adds", 0.001),
    ]
    table = pd.DataFrame(rows, columns=["species", "family", "verdict", "q"]).assign(
        features="colour", uv_adds=1, low=0, high=2
    )
    catalog["uv_value"] = table
    SequentialRunner().run(scope["create_pipeline"](), catalog)
    assert catalog.load("claims")["species"].tolist() == ["c", "a"]
    assert set(table) <= set(TABLES["uv_value"].columns)


def test_every_folder_and_file_of_conf_is_explained():
    text = (ROOT / "conf" / "README.md").read_text()
    for path in (ROOT / "conf").rglob("*.yml"):
        name = re.sub(r"^(parameters|catalog)_(?!run\b)\w+", r"\1_<stage>", path.stem)
        assert f"`{name}.yml`" in text, path
    committed = {"base", "local", "smoke", "museum"}
    assert {one for one in committed if f"`{one}/`" in text} == committed


def test_files_of_one_band_become_stacks_that_are_read_in_their_order(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "how-to" / "my-layout.md").read_text()
    code, settings = re.search(
        r"```python\n(.*?)```\n\nwith `specimens.layout: (.*?)`", page, re.DOTALL
    ).groups()
    for specimen in ("A12", "A1"):
        (tmp_path / "wings" / specimen).mkdir(parents=True)
        for band, level in zip(["650nm", "550nm", "450nm", "365nm"], LEVELS, strict=True):
            plane = np.full((40, 60), level, np.uint16)
            tifffile.imwrite(tmp_path / "wings" / specimen / f"{specimen}_{band}.tif", plane)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    read = SpecimensParams(root=str(tmp_path / "stacks"), layout=yaml.safe_load(settings), mask="none")
    files = CaptureFiles("A12", "A12", tmp_path / "stacks" / "A12.tif", None, ("", ""))
    study = open_study(tmp_path / "stacks", read.model_copy(update={"scale": "uint16"}), [files])
    capture = read_counts(files, study)
    assert [round(float(band.mean()) * 65535) for band in (*capture.rgb, *capture.uv)] == LEVELS
    # What the file calls its bands counts, not the order that the settings give.
    order = read.layout.model_copy(update={"order": ("365nm", "450nm", "550nm", "650nm")})
    other = study.model_copy(update={"settings": study.settings.model_copy(update={"layout": order})})
    capture = read_counts(files, other)
    assert [round(float(band.mean()) * 65535) for band in (*capture.rgb, *capture.uv)] == LEVELS
