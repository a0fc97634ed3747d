"""The rules of the house that a machine can check."""

import ast
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import xmodal_pipeline
from xmodal_pipeline.pipelines import STAGES

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "xmodal_pipeline"
FILES = sorted(SOURCE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "base"}
LINT_IMPORTS = str(Path(sys.executable).with_name("lint-imports"))
MAX_LINES, MAX_FUNCTION_LINES = 400, 60


def functions():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def body_lines(node):
    """Lines of a function without its signature and docstring."""
    first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or 0) - first.lineno + 1


def test_files_stay_small():
    sizes = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: size for name, size in sizes.items() if size > MAX_LINES} == {}


def test_functions_stay_small():
    long = {f"{path.name}:{node.name}": body_lines(node) for path, node in functions()}
    assert {name: size for name, size in long.items() if size > MAX_FUNCTION_LINES} == {}


def test_no_file_is_named_after_nothing():
    assert [path.name for path in FILES if path.stem in FORBIDDEN_NAMES] == []


def test_nothing_is_unpickled_repaired_or_caught_blindly():
    forbidden = ("nan_to_num", "allow_pickle=True", "weights_only=False", "except Exception", "pickle.load")
    hits = [(path.name, word) for path in FILES for word in forbidden if word in path.read_text()]
    assert hits == []


def test_every_stage_is_one_word_in_three_places():
    for stage in STAGES:
        assert (SOURCE / "pipelines" / stage / "pipeline.py").is_file()
        assert (ROOT / "conf" / "base" / f"catalog_{stage}.yml").is_file()


@pytest.mark.parametrize("module", ["pipeline_registry", "specimens.examination", "evaluation", "reporting"])
def test_torch_stays_out_of_what_needs_no_torch(module):
    code = f"import xmodal_pipeline.{module}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_version_is_one_fact():
    assert f"version: {xmodal_pipeline.__version__}" in (ROOT / "CITATION.cff").read_text()


def test_every_line_that_the_mutants_break_is_there():
    mutants = runpy.run_path(str(ROOT / "benchmarks" / "mutants.py"))["MUTANTS"]
    gone = [one.meaning for one in mutants if one.line not in (ROOT / one.file).read_text(encoding="utf-8")]
    assert len(mutants) >= 13
    assert gone == []


def test_import_contracts_hold_and_catch_a_planted_violation(tmp_path):
    config = (ROOT / "pyproject.toml").read_text()
    assert subprocess.run([LINT_IMPORTS], cwd=ROOT, check=False, capture_output=True).returncode == 0
    copy = tmp_path / "src" / "xmodal_pipeline"
    for path in FILES:
        target = copy / path.relative_to(SOURCE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    (tmp_path / "pyproject.toml").write_text(config)
    planted = copy / "imaging" / "capture.py"
    planted.write_text(planted.read_text() + "\nimport kedro\nfrom xmodal_pipeline import pipelines\n")
    run = subprocess.run(
        [LINT_IMPORTS],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path / "src"), "PATH": str(Path(sys.executable).parent)},
    )
    assert run.returncode == 1
    assert "Imports point down BROKEN" in run.stdout
    assert "The core does not know Kedro BROKEN" in run.stdout
