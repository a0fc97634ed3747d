"""Documents and code say the same, each way: parameters, public names and codes; and every link holds."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from xmodal_pipeline.dictionary import TABLES
from xmodal_pipeline.errors import TROUBLESHOOTING, CaptureCode, Trouble
from xmodal_pipeline.params.root import validate_parameters

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "xmodal_pipeline"
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MOST_IMAGE_BYTES = 200_000


def load_build():
    spec = importlib.util.spec_from_file_location("documents_build", DOCS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = load_build()
MADE = BUILD.write_pages()
KEYS = {key.name: key for key in BUILD.list_keys()}
ROOT_DOCUMENTS = [ROOT / name for name in BUILD.ROOT_PAGES]
DOCUMENTS = [*ROOT_DOCUMENTS, *sorted(DOCS.rglob("*.md"))]
WRITTEN = [path for path in DOCUMENTS if path.name != "CHANGELOG.md" and path.parent.name != "decisions"]


def shown_keys():
    """Every key of the parameters files, groups and leaves, dotted."""

    def walk(tree, prefix):
        for key, value in tree.items():
            yield f"{prefix}{key}"
            if isinstance(value, dict):
                yield from walk(value, f"{prefix}{key}.")

    for path in sorted((ROOT / "conf" / "base").glob("parameters_*.yml")):
        yield from walk(yaml.safe_load(path.read_text()), "")


def test_every_key_of_the_files_is_documented_and_every_documented_key_is_theirs():
    shown = set(shown_keys())
    own = {re.sub(r"(variants\.\w+?)_shared", r"\1", key) for key in shown}  # of the same class
    within = ("ablation.grid.", "compare.runs.", "specimens.vocabulary.")  # names of the user's
    leaves = {key for key in own if not any(other.startswith(f"{key}.") for other in own)}
    undocumented = [key for key in leaves - KEYS.keys() if not key.startswith(within)]
    assert undocumented == []
    foreign = [key for key in KEYS.keys() - own if not key.startswith("specimens.layout.")]
    assert foreign == ["study"]  # set in globals.yml


def test_every_documented_key_is_read():
    read = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                read.add(node.attr)
            elif isinstance(node, ast.arg):
                read.add(node.arg)
            elif isinstance(node, ast.Constant) and "params" not in path.parts:
                read.add(node.value)  # what `getattr` is given
    weights = {"cross_modal_weight", "intra_modal_weight", "joint_weight"}  # by LossParams.weights
    assert sorted({key.rpartition(".")[2] for key in KEYS} - read - weights) == []


def test_a_key_has_its_type_default_and_words():
    key = KEYS["registration.max_scale_error"]
    assert key.type == "number > 0"
    assert key.default == "`0.004`"
    assert key.meaning == "Largest difference in size between RGB and UV that passes, as a share."
    assert KEYS["training.batch_size"].default == "demo `32`, photographs `64`, museum `256`"
    assert KEYS["split.crop"].type == "`specimen`, `frame`"
    assert KEYS["loss.curriculum_end.cross_modal"].default == "`0.8`"
    assert KEYS["specimens.root"].type == "path or null"
    assert KEYS["augmentation.geometry.crop_scale"].default.endswith("museum `[0.7, 1.0]`")


def test_every_public_name_is_rendered_once():
    directives = [line for text in MADE.values() for line in text.splitlines() if line.startswith("::: ")]
    origins = {origin for names in BUILD.public_names().values() for origin in names.values()}
    own = {f"::: {origin}" for origin in origins if origin.startswith("xmodal_pipeline")}
    assert sorted(directives) == sorted(own)
    assert "::: xmodal_pipeline.training.capture_encoder.load_encoder" in own
    assert "::: xmodal_pipeline.evaluation.uv_value.value.uv_value" in own


def test_every_command_is_on_its_page():
    page = MADE["reference/commands.md"]
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == ["forget", "init", "inspect", "studies"]
    assert "`kedro xmodal forget [OPTIONS] STUDY`" in page
    assert "- `--yes`: Do not ask." in page


def test_every_public_name_is_there():
    for module, names in BUILD.public_names().items():
        room = importlib.import_module(module)
        assert [name for name in names if not hasattr(room, name)] == []


def test_every_code_is_on_its_page_with_what_to_do():
    rows = [line.split(" | ") for line in MADE["reference/codes.md"].splitlines() if line.startswith("| `")]
    assert [row[0].strip("| `") for row in rows] == [*CaptureCode, *Trouble]
    assert all(len(row) == 3 and row[1].strip() and row[2].strip("| ") for row in rows)


def test_every_trouble_has_its_heading():
    anchors = anchors_of(_text(TROUBLESHOOTING))
    assert [one.page for one in Trouble if one.page.rpartition("#")[2] not in anchors] == []


def test_every_table_has_a_heading_with_its_file():
    found = re.findall(r"^## (\S+)\n\n`(data/\S+)`", MADE["reference/columns.md"], re.MULTILINE)
    assert [name for name, _ in found] == list(TABLES)
    assert dict(found)["{variant}.embeddings"] == "data/07_model_output/<study>/{variant}/embeddings.parquet"


def _text(name):
    return (ROOT / name).read_text()


def anchors_of(text):
    """Slugs of the headings, as mkdocs and GitHub make them."""
    titles = re.findall(r"^#+ (.+)$", CODE.sub("", text), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(path):
    lost = []
    for link in LINK.findall(CODE.sub("", path.read_text())):
        if re.match(r"https?:|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        text = MADE.get(str(target.relative_to(DOCS))) if target.is_relative_to(DOCS) else None
        if text is None and target.suffix == ".md" and target.is_file():
            text = target.read_text()
        is_there = text is not None or target.exists()
        if not is_there or (anchor and anchor not in anchors_of(text or "")):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_to_be_typed_is_known(path):
    pipelines = {one.parent.name for one in (SOURCE / "pipelines").glob("*/pipeline.py")}
    for language, code in CODE.findall(path.read_text()):
        if language == "python":
            ast.parse(code)
        if language == "yaml":
            tree = yaml.safe_load(code)
            if "parameters.yml" in code.partition("\n")[0]:
                validate_parameters(tree)
        for command in re.findall(r"kedro run .*", code):
            given = re.findall(r"(?:--params [$'\"]*|,)([a-z_]+(?:\.[a-z_]+)*)=", command)
            known = [key for key in given if key in KEYS or key.startswith("compare.runs.")]
            assert known == given
            asked = re.findall(r"--pipelines ([\w,]+)", command)
            assert {name for names in asked for name in names.split(",")} <= pipelines


def test_pictures_are_small_and_used():
    pictures = sorted((DOCS / "images").iterdir())
    assert [path.name for path in pictures if path.stat().st_size > MOST_IMAGE_BYTES] == []
    text = "".join(path.read_text() for path in DOCUMENTS)
    assert [path.name for path in pictures if f"images/{path.name})" not in text] == []


def test_a_document_of_the_root_keeps_its_links_among_the_pages():
    text = BUILD.root_page(ROOT / "README.md")
    assert "](how-to/my-layout.md)" in text
    assert "](architecture.md)" in text
    assert "](images/demo.png)" in text
