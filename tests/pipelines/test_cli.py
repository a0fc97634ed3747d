"""`kedro xmodal`: what it writes, what it leaves alone, and what it removes."""

import re

import numpy as np
import pandas as pd
import pytest
import tifffile
from click.testing import CliRunner
from kedro.framework.cli.cli import KedroCLI
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import KedroCliError, find_run_command
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from PIL import Image

from xmodal_pipeline.cli import cli
from xmodal_pipeline.studies import list_studies


@pytest.fixture
def xmodal(project):
    """Run one command in a fresh clone; the exit code and everything printed."""
    metadata = bootstrap_project(project)

    def command(*arguments, answer=None):
        result = CliRunner().invoke(cli, ["xmodal", *map(str, arguments)], obj=metadata, input=answer)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.output

    return command


@pytest.fixture
def stacks(tmp_path):
    """Four six-band stacks of float percent in a folder with a space."""
    root = tmp_path / "my wings"
    root.mkdir()
    for at in range(4):
        bands = np.random.default_rng(at).uniform(5, 95, (6, 40, 40)).astype(np.float32)
        tifffile.imwrite(root / f"w{at}.tif", bands, photometric="minisblack", planarconfig="separate")
    pd.DataFrame({"filename": [f"w{at}.tif" for at in range(4)], "sex": ["m", "f"] * 2}).to_csv(
        root / "metadata.csv", index=False
    )
    return root


def make_study(project, study, root="/captures"):
    paths = {
        "01_raw/STUDY/capture_folder.json": f'{{"root": "{root}", "is_simulated": false}}',
        "03_primary/STUDY/specimen_index.parquet": "x" * 500,
        "06_models/STUDY/separate/checkpoint.safetensors": "x" * 1500,
        "08_reporting/STUDY/contact_sheet_single.pdf": "x",
        "03_primary/STUDY/.thumbnails.npz.partial": "x",
    }
    for path, text in paths.items():
        target = project / "data" / path.replace("STUDY", study)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def test_kedro_finds_the_commands_and_still_its_own_run(project):
    commands = KedroCLI(project_path=project)
    assert {"xmodal", "run", "registry"} <= set(commands.list_commands(None))
    assert find_run_command("xmodal_pipeline") is kedro_run


def test_inspect_prints_a_screen_and_writes_only_a_picture(xmodal, project, stacks):
    before = sorted((path, path.stat().st_mtime_ns) for path in stacks.rglob("*"))
    code, said = xmodal("inspect", stacks)
    assert code == 0
    assert "specimens.layout = rgb_uv [or" in said
    assert "metadata.csv, 4 rows: 4 of 4 rows met a file" in said
    assert f'Next: kedro xmodal init "{stacks}" <name of the study>' in said
    assert sorted((path, path.stat().st_mtime_ns) for path in stacks.rglob("*")) == before
    assert [path.name for path in (project / "data").rglob("*.png")] == ["my wings.png"]
    with Image.open(project / "data" / "inspections" / "my wings.png") as sheet:
        assert sheet.size == (6 + 2 * (3 * 128 + 6), 6 + 2 * (128 + 14 + 6))


def test_init_writes_an_environment_that_kedro_reads(xmodal, project, stacks):
    code, said = xmodal("init", stacks, "2024")
    assert code == 0
    assert "Wrote conf/2024/globals.yml, conf/2024/parameters.yml." in said
    assert said.endswith(
        "Next: kedro run --env 2024 --pipelines ingest,colour (nothing is trained);\n"
        "then kedro run --env 2024\n"
    )
    with KedroSession.create(project_path=project, env="2024") as session:
        context = session.load_context()
        parameters = context.params
    assert parameters["study"] == "2024"
    specimens = parameters["specimens"]
    assert (specimens.root, specimens.layout, specimens.label) == (stacks, "rgb_uv", "sex")
    assert parameters["quality"].n_jobs == -1  # of conf/base, not of another environment


def test_init_writes_the_table_of_pairs_that_folders_tell_apart(xmodal, project, tmp_path):
    for at in range(3):
        for side, bands in (("vis", 3), ("uv", 1)):
            path = tmp_path / "bees" / side / f"b{at}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(at).integers(0, 255, (40, 40, bands), np.uint8)
            Image.fromarray(pixels if bands == 3 else pixels[..., 0]).save(path)
    code, said = xmodal("init", tmp_path / "bees", "bees")
    assert code == 0
    assert "conf/bees/pairs.csv" in said
    pairs = pd.read_csv(project / "conf" / "bees" / "pairs.csv")
    assert list(pairs["uv_file"]) == ["uv/b0.png", "uv/b1.png", "uv/b2.png"]
    with KedroSession.create(project_path=project, env="bees") as session:
        specimens = session.load_context().params["specimens"]
    assert specimens.metadata == project / "conf" / "bees" / "pairs.csv"
    assert specimens.rgb_column == "rgb_file"


@pytest.mark.parametrize("study", ["smoke", "base", "local", "wings"])
def test_init_overwrites_nothing(xmodal, project, stacks, study):
    (project / "conf" / "wings").mkdir()
    before = {path: path.read_bytes() for path in (project / "conf").rglob("*") if path.is_file()}
    code, said = xmodal("init", stacks, study)
    assert code == 1
    assert f"conf/{study} must not exist yet" in said
    assert {path: path.read_bytes() for path in (project / "conf").rglob("*") if path.is_file()} == before


def test_init_refuses_names_that_no_study_has_and_folders_that_nothing_reads(
    xmodal, project, stacks, tmp_path
):
    code, said = xmodal("init", stacks, "../wings")
    assert (code, "study: must be letters, digits" in said) == (1, True)
    (tmp_path / "empty").mkdir()
    code, said = xmodal("init", tmp_path / "empty", "empty")
    assert (code, "no image here" in said) == (1, True)
    assert not (project / "conf" / "empty").exists()


def test_studies_are_listed_with_size_stages_and_source(xmodal, project):
    assert xmodal("studies") == (0, "No study has outputs yet; 'kedro run' makes the first.\n")
    make_study(project, "wings")
    make_study(project, "bees")
    (project / "data" / "03_primary" / "bees" / "specimen_index.parquet").unlink()
    (project / "data" / "06_models" / "bees" / "separate" / "checkpoint.safetensors").unlink()
    (project / "data" / "inspections" / "x").mkdir(parents=True)
    found = {one.name: one for one in list_studies(project)}
    assert set(found) == {"bees", "wings"}
    assert found["wings"].stages == ("ingest", "train")
    assert found["bees"].stages == ("ingest",)
    assert found["wings"].n_bytes - found["bees"].n_bytes == 2000
    assert found["wings"].root == "/captures"
    _, said = xmodal("studies")
    assert re.search(r"^wings +2\.0 KB  ingest, train  \(/captures\)$", said, re.MULTILINE)


def test_forget_asks_and_removes_one_study_alone(xmodal, project):
    make_study(project, "wings")
    make_study(project, "wings2")
    (project / "conf" / "wings").mkdir()
    code, said = xmodal("forget", "wings", answer="n\n")
    assert code == 1
    assert "data/06_models/wings\n" in said
    assert [one.name for one in list_studies(project)] == ["wings", "wings2"]
    code, _ = xmodal("forget", "wings", answer="y\n")
    assert code == 0
    assert [one.name for one in list_studies(project)] == ["wings2"]
    assert not (project / "data" / "08_reporting" / "wings").exists()
    assert (project / "conf" / "wings").is_dir()
    assert xmodal("forget", "wings2", "--yes")[0] == 0
    assert list_studies(project) == []


def test_forget_names_the_studies_there_are(xmodal, project):
    make_study(project, "wings")
    code, said = xmodal("forget", "wing")
    assert (code, "study 'wing' has no outputs; there are: wings" in said) == (1, True)
    assert xmodal("forget", "../conf", "--yes")[0] == 1
    assert (project / "conf" / "base").is_dir()


@pytest.mark.parametrize("case", ["root", "conf", "file", "link"])
def test_forget_never_touches_what_the_pipelines_did_not_make(xmodal, project, tmp_path, case):
    make_study(project, "wings")
    mine = project / "data" / "01_raw" / "wings" / "photos"
    if case == "root":
        make_study(project, "other", root=mine)
        mine.mkdir()
        words = f"captures are read from {mine}"
    elif case == "conf":
        (project / "conf" / "later").mkdir()
        (project / "conf" / "later" / "parameters.yml").write_text(
            "specimens: {root: data/01_raw/wings/photos}\n"
        )
        words = f"captures are read from {mine}"
    elif case == "file":
        mine.mkdir()
        (mine / "a.tif").write_text("x")
        words = f"1 files are none of the catalog's, such as {mine / 'a.tif'}"
    else:
        (tmp_path / "elsewhere").mkdir()
        (project / "data" / "07_model_output").mkdir(exist_ok=True)
        (project / "data" / "07_model_output" / "wings").symlink_to(tmp_path / "elsewhere")
        words = "it is a link to"
    code, said = xmodal("forget", "wings", "--yes")
    assert code == 1
    assert words in said.replace("\n", " ")
    assert (project / "data" / "03_primary" / "wings" / "specimen_index.parquet").is_file()


def ingest(project, specimens):
    """Run `ingest`, which must be refused; what is said."""
    bootstrap_project(project)
    params = {"study": "wings", "specimens": specimens, "quality": {"n_jobs": 1}}
    with (
        KedroSession.create(project_path=project, env="smoke", runtime_params=params) as session,
        pytest.raises(KedroCliError) as caught,
    ):
        session.run(pipeline_names=["ingest"])
    return str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"layout": "rgb_uv_mask"},
            r"got none and 4 rejected\n +4 BAND_COUNT[\s\S]*specimens.layout=rgb_uv ",
        ),
        ({"rgb_suffix": "_v", "uv_suffix": "_u"}, r"4 MISSING_PAIR[\s\S]*specimens.layout=rgb_uv "),
    ],
)
def test_a_run_that_reads_nothing_ends_with_the_rejects_and_a_proposal(project, stacks, settings, words):
    said = ingest(project, {"root": str(stacks)} | settings)
    assert re.search(words, said)
    assert f'kedro xmodal inspect "{stacks}"' in said


def test_a_scale_that_is_not_told_comes_with_a_proposal(project, tmp_path):
    bands = np.random.default_rng(0).integers(0, 4000, (6, 40, 40), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", bands, photometric="minisblack", planarconfig="separate")
    said = ingest(project, {"root": str(tmp_path), "layout": "rgb_uv"})
    assert re.search(r"auto must be able[\s\S]*specimens.scale must be set: the files do not tell", said)


def test_metadata_without_a_key_comes_with_the_header_to_rename(project, stacks):
    table = pd.read_csv(stacks / "metadata.csv").rename(columns={"filename": "Photo"})
    table.to_csv(stacks / "metadata.csv", index=False)
    said = ingest(project, {"root": str(stacks), "layout": "rgb_uv"})
    assert "rename its header 'Photo' to 'filename'" in said
