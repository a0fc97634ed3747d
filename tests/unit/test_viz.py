"""A site of Kedro-Viz that may be handed on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.viz import build_viz, machine_paths, without_paths


def test_paths_below_known_folders_become_relative_and_others_keep_their_last_name(tmp_path):
    project = tmp_path / "a project"
    known = machine_paths(project)
    value = {
        "filepath": f"{project}/data/07/metrics.json",
        "source": "work/x/src/xmodal_pipeline/pipelines/train/nodes.py",
        "preview": json.dumps({"root": f"{tmp_path}/wings", "n": 3}),
        "list": [str(project), f"{Path.home()}/conf", None, 1.5],
        "text": "a/b, 1 /2, https://example.org/tmp/x, ./data/x, and/or /notatopfolder/x",
    }
    assert without_paths(value, known) == {
        "filepath": "data/07/metrics.json",
        "source": "xmodal_pipeline/pipelines/train/nodes.py",
        "preview": json.dumps({"root": "…/wings", "n": 3}, ensure_ascii=False),
        "list": ["…", "conf", None, 1.5],
        "text": value["text"],
    }


def test_another_folder_called_build_stays(tmp_path):
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "mine.txt").write_text("mine")
    with pytest.raises(ParametersError, match="must be a build of Kedro-Viz to be replaced"):
        build_viz(tmp_path, env=None, previews=False)
    assert (tmp_path / "build" / "mine.txt").read_text() == "mine"


@pytest.mark.slow
def test_no_file_of_a_build_names_a_path_or_calls_out(project):
    folder = project / "data" / "01_raw" / "smoke"
    folder.mkdir(parents=True)
    (folder / "capture_folder.json").write_text(json.dumps({"root": f"{project.parent}/wings"}))
    command = [sys.executable, "-m", "kedro", "xmodal", "viz-build", "--include-previews", "--env", "smoke"]
    quiet = os.environ | {"KEDRO_DISABLE_TELEMETRY": "1"}
    (project / "build" / "api" / "nodes").mkdir(parents=True)
    for name in ("deploy-viz-metadata", "nodes/of-an-earlier-build"):
        (project / "build" / "api" / name).write_text(f'"{project}"')
    run = subprocess.run(command, cwd=project, env=quiet, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "python -m http.server --directory build" in run.stdout
    build = project / "build"
    answers = {path: path.read_text() for path in (build / "api").rglob("*") if path.is_file()}
    pages = {path: path.read_text() for path in build.glob("*.html")}
    assert len(answers) > 100
    assert build / "index.html" in pages
    secrets = (str(project.parent), sys.prefix, f"{Path.home()}/")
    assert [path for path, text in (answers | pages).items() if any(one in text for one in secrets)] == []
    assert [path for path, text in pages.items() if "http" in text.replace("http-equiv", "")] == []
    (node,) = (json.loads(text) for text in answers.values() if "capture_folder.json" in text)
    assert node["filepath"] == "data/01_raw/smoke/capture_folder.json"
    assert json.loads(node["preview"]) == {"root": "…/wings"}
